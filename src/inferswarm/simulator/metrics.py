"""What the simulator says of itself, with the names and labels of vLLM 0.32's own `/metrics`."""

from bisect import bisect_left

from inferswarm.scales import NS_PER_S
from inferswarm.simulator.generation import Reply
from inferswarm.simulator.truth import TruthRow

PATH = "/metrics"
BACKENDS = ("openai", "vllm")
_BOUNDS_S: tuple[float, ...] = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
)
_BOUNDS_S += (10.0, 20.0, 40.0, 80.0, 160.0)


class _Times:
    """A histogram of durations."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS_S) + 1)
        self._sum_s = 0.0

    def add(self, duration_ns: int) -> None:
        seconds = duration_ns / NS_PER_S
        self._counts[bisect_left(_BOUNDS_S, seconds)] += 1
        self._sum_s += seconds

    def lines(self, name: str, labels: str) -> list[str]:
        total, found = 0, [f"# TYPE {name} histogram"]
        for bound, count in zip((*map(str, _BOUNDS_S), "+Inf"), self._counts, strict=True):
            total += count
            found.append(f'{name}_bucket{{{labels},le="{bound}"}} {total}')
        return [
            *found,
            f"{name}_sum{{{labels}}} {self._sum_s}",
            f"{name}_count{{{labels}}} {total}",
        ]


class Tally:
    """Counts every answer, from the rows that go into the truth log."""

    def __init__(self) -> None:
        self._successes = self._prompt = self._generated = self._hits = 0
        self._ttft, self._queue = _Times(), _Times()

    def add(self, row: TruthRow) -> None:
        """One request has ended."""
        if row.outcome != "ok":
            return
        self._successes += 1
        self._prompt += row.prompt_tokens
        self._generated += row.output_tokens
        self._hits += row.cached_tokens
        self._queue.add(row.started_ns - row.accepted_ns)
        if row.stream and row.token_ns:
            self._ttft.add(row.token_ns[0] - row.accepted_ns)

    def page(self, model: str, running: int, waiting: int) -> Reply:
        """Everything in Prometheus's text format."""
        labels = f'engine="0",model_name="{model}"'
        lines = []
        for name, value in {
            "num_requests_running": running,
            "num_requests_waiting": waiting,
        }.items():
            lines += [f"# TYPE vllm:{name} gauge", f"vllm:{name}{{{labels}}} {value}"]
        counters = {
            "prompt_tokens": self._prompt,
            "generation_tokens": self._generated,
            "prefix_cache_queries": self._prompt,
            "prefix_cache_hits": self._hits,
        }
        for name, value in counters.items():
            lines += [f"# TYPE vllm:{name}_total counter"]
            lines += [f"vllm:{name}_total{{{labels}}} {value}"]
        lines += ["# TYPE vllm:request_success_total counter"]
        lines += [
            f'vllm:request_success_total{{finished_reason="length",{labels}}} {self._successes}'
        ]
        lines += self._ttft.lines("vllm:time_to_first_token_seconds", labels)
        lines += self._queue.lines("vllm:request_queue_time_seconds", labels)
        body = "\n".join([*lines, ""]).encode()
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Reply(200, (("content-length", str(len(body))), ("content-type", kind)), body)
