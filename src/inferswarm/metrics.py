"""Every published metric, declared once: name, unit, sentence, names elsewhere, and how it is read.

Summary, report, page, terminal and `docs/metrics.md` are all made from this table.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from inferswarm import timing
from inferswarm.records import Record
from inferswarm.scales import NS_PER_MS

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}

Read = Callable[[Iterable[Record]], tuple[list[int], list[int]]]


@dataclass(frozen=True, slots=True)
class Metric:
    """One distribution over the successful requests of a run.

    `read` gives the values of some records, integers in `unit` times `scale`, and their weights (none:
    one each). Values are `independent` when each is of a request of its own.
    """

    name: str
    title: str
    unit: str
    scale: int
    sentence: str
    aliases: str
    read: Read
    independent: bool = True


def _once(read: Callable[[Record], int | None]) -> Read:
    def values(records: Iterable[Record]) -> tuple[list[int], list[int]]:
        return [value for record in records if (value := read(record)) is not None], []

    return values


def _time(
    name: str, title: str, sentence: str, aliases: str, read: Callable[[Record], int | None]
) -> Metric:
    return Metric(name, title, "ms", NS_PER_MS, sentence, aliases, _once(read))


def _told(name: str, record: Record) -> int | None:
    return record.server_ns.get(name)


def _tokens_per_chunk(record: Record) -> int | None:
    chunks = len(record.chunk_ns)
    return record.output_tokens * 1_000 // chunks if record.streamed and chunks else None


METRICS = (
    _time(
        "ttft",
        "TTFT",
        "Time to first token: from the moment the request was sent to the arrival of the first "
        "chunk that carries a token, of reasoning or of the answer; role-only and empty chunks are "
        "no tokens. Streamed requests only.",
        "TTFT in inference-perf, aiperf, guidellm, genai-bench; vLLM bench counts an empty role "
        "chunk as the first",
        timing.ttft_ns,
    ),
    _time(
        "ttft_due",
        "TTFT from due",
        "Time to first token counted from the moment the request was due, so that a late client "
        "cannot hide a slow server (no coordinated omission).",
        "TTFT in MLPerf Inference (from the scheduled time)",
        timing.ttft_due_ns,
    ),
    _time(
        "ttfo",
        "TTFO",
        "Time to first token of the answer proper, after any reasoning tokens.",
        "time to first output token in aiperf, TTFOT in guidellm",
        timing.ttfo_ns,
    ),
    _time(
        "tpot",
        "TPOT",
        "Time per output token after the first, one value per request: "
        "(last chunk - first chunk) / (output tokens - 1); undefined below two tokens.",
        "TPOT in vLLM bench and inference-perf; ITL in guidellm, aiperf and GenAI-Perf",
        timing.tpot_ns,
    ),
    Metric(
        "itl",
        "ITL",
        "ms",
        NS_PER_MS,
        "Inter-token latency: the gap before each chunk after the first, shared among the tokens "
        "that the chunk carries and weighted by them, so stalls stay visible.",
        "ITL in inference-perf and vLLM bench (there unweighted, per chunk)",
        timing.gaps_ns,
        independent=False,
    ),
    _time(
        "e2e",
        "E2E",
        "End to end: from sent to the last chunk that carries a token (to the last byte of the "
        "body when not streamed).",
        "request latency in aiperf, e2el in vLLM bench",
        timing.e2e_ns,
    ),
    _time(
        "e2e_due",
        "E2E from due",
        "End to end counted from the moment the request was due.",
        "latency in MLPerf Inference, effective latency in aiperf",
        timing.e2e_due_ns,
    ),
    _time(
        "ntpot",
        "Normalized TPOT",
        "Normalized time per output token: end to end divided by all output tokens.",
        "NTPOT in inference-perf, TPOT in guidellm, inter-token latency in LLMPerf",
        timing.ntpot_ns,
    ),
    _time(
        "send_lag",
        "Send lag",
        "From due to sent: what the client itself, or the opening of a connection, added.",
        "schedule delay in inference-perf",
        timing.send_lag_ns,
    ),
    _time(
        "connect",
        "Connect",
        "Time to open the connection (TCP), of the requests that opened one; not part of TTFT.",
        "",
        lambda record: record.connect_ns,
    ),
    *(
        _time(
            f"server_{name}",
            f"Server: {name}",
            f"As the server itself told of each request: {sentence[0].lower()}{sentence[1:]} "
            "Requests of which it told nothing are left out.",
            "",
            partial(_told, name),
        )
        for name, sentence in timing.SERVER_SPANS.items()
    ),
    _time(
        "ttft_rest",
        "TTFT, rest",
        "TTFT less the queue and prefill that the server told: network, the server's front end and "
        "tokenizer.",
        "",
        timing.ttft_rest_ns,
    ),
    Metric(
        "input_tokens",
        "Input tokens",
        "tokens",
        1,
        "Length of the prompt as the server counted it; requests without a count are left out.",
        "ISL",
        _once(lambda record: record.input_tokens),
    ),
    Metric(
        "output_tokens",
        "Output tokens",
        "tokens",
        1,
        "Length of the answer by the best source there was (see `tokens`).",
        "OSL",
        _once(lambda record: record.output_tokens),
    ),
    Metric(
        "cached_tokens",
        "Cached tokens",
        "tokens",
        1,
        "Tokens of the prompt that the server took from its prefix cache, where it says so; many "
        "servers tell of hits alone, and requests without one are left out then.",
        "",
        _once(lambda record: record.cached_tokens),
    ),
    Metric(
        "tokens_per_chunk",
        "Tokens per chunk",
        "tokens",
        1_000,
        "Output tokens divided by the chunks that brought them; above 1 the server sends several at "
        "once, and ITL shares each gap among them. Streamed requests only.",
        "",
        _once(_tokens_per_chunk),
    ),
)
METRIC_BY_NAME = {metric.name: metric for metric in METRICS}
TIMELINE_METRICS = ("ttft", "itl", "e2e")
