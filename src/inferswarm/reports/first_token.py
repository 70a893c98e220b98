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
    """One part of the time from due to the first token.

    `mean_ms` is over the requests of which the server told anything: where it did not tell this
    part, its time is in the rest. `share` is 0 to 1. `stats` are those of the requests that told it.
    """

    name: str
    title: str
    sentence: str
    mean_ms: float
    share: float
    stats: MetricStats


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
        (part, part.capitalize(), _meaning(part, metrics), metrics[name])
        for part, name in TOLD.items()
        if metrics[name].count
    ]
    rows.append(("rest", *_rest(metrics), rest))
    means_ms = [(stats.mean or 0.0) * min(1, stats.count / rest.count) for *_, stats in rows]
    whole_ms = sum(means_ms) or 1.0
    return [
        Part(name, title, sentence, mean_ms, mean_ms / whole_ms, stats)
        for (name, title, sentence, stats), mean_ms in zip(rows, means_ms, strict=True)
    ]


def note(metrics: dict[str, MetricStats]) -> str:
    """How many requests the parts are of, and what is to be kept in mind."""
    told, streamed = metrics["ttft_rest"].count, metrics["ttft"].count
    if not told:
        return NOT_STREAMED
    who = f"all {told:,}" if told == streamed else f"{told:,} of {streamed:,}"
    return (
        f"Means, from due to the first token. The server told its part of {who} requests with a "
        f"first token. {DEFINITIONS}"
    )


def _meaning(part: str, metrics: dict[str, MetricStats]) -> str:
    told = metrics[TOLD[part]].count >= metrics["ttft_rest"].count
    return SERVER_SPANS[part] + ("" if told else " Where it was not told, the mean counts it as 0.")


def _rest(metrics: dict[str, MetricStats]) -> tuple[str, str]:
    """Title and sentence of what is left, which holds what the server did not tell."""
    told = metrics["ttft_rest"].count
    untold = [part for part, name in TOLD.items() if metrics[name].count < told]
    if not untold:
        return "Rest", f"What is left: {REST}"
    hidden = " and ".join(untold)
    return f"Rest with {hidden}", f"What is left: {hidden} where the server did not tell, {REST}"
