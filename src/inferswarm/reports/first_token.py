"""Where the time to first token goes, as far as the server told: its parts, by their means.

Means, because those of the parts add up to the mean of the whole, which percentiles do not.
"""

from dataclasses import dataclass

from inferswarm.snapshot import MetricStats
from inferswarm.timing import SERVER_SPANS

TOLD = {"queue": "server_queue", "prefill": "server_prefill"}
WHOLE = "ttft_due"
CLIENT = "From due to sent: what the client itself, or the opening of a connection, added."
REST = "network, the server's front end and its tokenizer."
NOT_STREAMED = (
    "The answers were not streamed, so when their first token came is not known. What the server "
    "told of its own times stands among all metrics."
)
DEFINITIONS = (
    "What each server counts as queue and as prefill is in inferswarm's `docs/metrics.md`."
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the time from due to the first token; `share` is that of its mean, 0 to 1."""

    name: str
    title: str
    sentence: str
    stats: MetricStats
    share: float


def is_told(metrics: dict[str, MetricStats]) -> bool:
    """Whether the server said anything of queue or prefill."""
    return any(metrics[name].count for name in TOLD.values())


def parts(metrics: dict[str, MetricStats]) -> list[Part]:
    """The parts in the order in which they pass; none where no first token or nothing is known."""
    rest = metrics["ttft_rest"]
    if not rest.count:
        return []
    rows = [("client", "Client", CLIENT, metrics["send_lag"])]
    rows += [
        (part, part.capitalize(), SERVER_SPANS[part], metrics[name])
        for part, name in TOLD.items()
        if metrics[name].count
    ]
    rows.append(("rest", *_rest(metrics), rest))
    whole_ms = sum(stats.mean or 0.0 for *_, stats in rows)
    return [
        Part(name, title, sentence, stats, (stats.mean or 0.0) / whole_ms if whole_ms else 0.0)
        for name, title, sentence, stats in rows
    ]


def note(metrics: dict[str, MetricStats]) -> str:
    """How many requests the parts are of, and what is to be kept in mind."""
    shown = parts(metrics)
    if not shown:
        return NOT_STREAMED
    told, streamed = metrics["ttft_rest"].count, metrics["ttft"].count
    who = f"all {told:,}" if told == streamed else f"{told:,} of {streamed:,}"
    sentences = [
        "Means, from due to the first token.",
        f"The server told its part of {who} requests with a first token.",
        DEFINITIONS,
    ]
    if len({part.stats.count for part in shown}) > 1:
        sentences.append(
            "The parts are of different numbers of requests (see the table), so they add up only "
            "roughly."
        )
    return " ".join(sentences)


def _rest(metrics: dict[str, MetricStats]) -> tuple[str, str]:
    """Title and sentence of what is left, which holds what the server did not tell."""
    untold = [part for part, name in TOLD.items() if not metrics[name].count]
    if not untold:
        return "Rest", f"What is left: {REST}"
    hidden = " and ".join(untold)
    return f"Rest, {hidden} included", f"What is left: {hidden} (not told by the server), {REST}"
