"""Goals known by name: the latency limits of MLPerf Inference.

MLPerf's Server scenario demands them at the 99th percentile, and counts latency from the instant at
which a query was scheduled to be sent: its TTFT is our `ttft_due`. Its load is a Poisson process; under
another load the same numbers are a goal like any other, and none of them makes a run an MLPerf result.
"""

from dataclasses import dataclass

PREFIX = "mlperf:"
_LOADGEN = (
    "https://github.com/mlcommons/inference/blob/"
    "001712e9daf80386e0dda43f97b8f36981d792c4/loadgen/mlperf.conf"
)
_RULES = "https://github.com/mlcommons/inference_policies/blob/ac93e89/inference_rules.adoc"


@dataclass(frozen=True, slots=True)
class Preset:
    """One benchmark's limits, the round since which it is part of MLPerf, and where they are read."""

    name: str
    ttft_ms: int
    tpot_ms: int
    since: str
    source: str = _LOADGEN

    @property
    def goals(self) -> tuple[str, str]:
        """The goals that it stands for."""
        return f"ttft_due.p99<={self.ttft_ms}ms", f"tpot.p99<={self.tpot_ms}ms"


PRESETS = {
    f"{PREFIX}{one.name}": one
    for one in (
        Preset("llama2-70b-server", 2000, 200, "v4.0"),
        Preset("llama2-70b-interactive", 450, 40, "v5.0"),
        Preset("llama3.1-8b-server", 2000, 100, "v5.1"),
        Preset("llama3.1-8b-interactive", 500, 30, "v5.1"),
        Preset("llama3.1-405b-server", 6000, 175, "v5.0"),
        Preset("llama3.1-405b-interactive", 4500, 80, "v5.1"),
        Preset("mixtral-8x7b-server", 2000, 200, "v4.1"),
        Preset("deepseek-r1-server", 2000, 80, "v5.1"),
        Preset("deepseek-r1-interactive", 1500, 15, "v6.0"),
        Preset("gpt-oss-120b-server", 3000, 80, "v6.0", _RULES),
        Preset("gpt-oss-120b-interactive", 2000, 20, "v6.0", _RULES),
    )
}
