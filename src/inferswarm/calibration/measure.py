"""One step of a calibration: a short real run of one worker against a simulator that logs the truth."""

import resource
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF

import msgspec
import psutil

from inferswarm.calibration import figures
from inferswarm.calibration.figures import Figures, Window
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.target import RequestOptions
from inferswarm.config.tree import LoadOptions, OutputOptions, RunConfig, TimeoutOptions
from inferswarm.config.units import Duration
from inferswarm.errors import LoadProcessError
from inferswarm.prompts import Prompt
from inferswarm.runs import LocalRun
from inferswarm.scales import NS_PER_S
from inferswarm.simulator.process import RunningSimulator
from inferswarm.storage import Reading, RunFolder, read_records

TTFT_SIGMA = 0.2
"""Spread of the TTFT: without one all streams would begin and end together, round after round."""
SLACK_S = 0.3
PROMPTS = [Prompt("Tell me" + " more" * words, words) for words in range(64)]
"""Each of another length: by it a request is found in the simulator's log."""
OVERHEAD_S = 2.2
"""Start and end of the processes around a step; only for telling how long a calibration takes."""


class Shape(msgspec.Struct, frozen=True):
    """What every step of a ramp has in common: answer length, start left out, time measured."""

    tokens: int
    warm_s: float
    least_s: float
    rounds: float

    def window_s(self, pace: SimulatorOptions) -> float:
        """So many times the length of an answer: each stream begins and ends at least one in it."""
        answer_ns = int(pace.ttft) + (self.tokens - 1) * int(pace.itl)
        return max(self.least_s, self.rounds * answer_ns / NS_PER_S)

    def lasting_s(self, pace: SimulatorOptions) -> float:
        """About how long a step takes."""
        return OVERHEAD_S + self.warm_s + self.window_s(pace) + SLACK_S


class Measured(msgspec.Struct, frozen=True):
    """A step's figures, what other processes used meanwhile, and how its times were taken."""

    figures: Figures
    others_cores: float
    recorder: str
    clock: str


def pace_of(config: RunConfig) -> SimulatorOptions:
    """The simulator of a calibration: the configured TTFT and ITL, each token a chunk, no failures."""
    given = config.simulator
    return SimulatorOptions(
        model=given.model, ttft=given.ttft, ttft_sigma=TTFT_SIGMA, itl=given.itl
    )


def step(config: RunConfig, shape: Shape, streams: int) -> Measured:
    """Load a new simulator with `streams` users of one worker; leaves neither process nor file.

    Raises LoadProcessError when the processes fail or nothing was answered.
    """
    pace, before = pace_of(config), _Cpu.now()
    with (
        tempfile.TemporaryDirectory(prefix="inferswarm-calibrate-") as scratch,
        RunningSimulator(pace) as simulator,
    ):
        folder = RunFolder.create(Path(scratch, "run"))
        plan = {
            "run": "calibration",
            "config": settings(config, shape, streams, simulator.url).model_dump(mode="json"),
            "prompts": PROMPTS,
            "model": pace.model,
            "records": str(folder.records.resolve()),
        }
        with LocalRun(plan, 1, folder.log) as local:
            ended = [event for event in local.events() if event["event"] == "ended"]
        reading = Reading()
        records = list(read_records(folder, reading))
        rows = simulator.truth()
    others_cores = _Cpu.now().others_since(before)
    if not any(record.ok for record in records):
        kinds = ", ".join(sorted({record.kind for record in records})) or "nothing was asked"
        trouble = ended[-1].get("trouble") if ended else ""
        raise LoadProcessError(
            f"{streams} streams had no answer from the simulator ({trouble or kinds}); "
            "does it speak this backend?"
        )
    sent_ns = min(record.sent_ns for record in records if record.sent_ns)
    start_ns = sent_ns + round(shape.warm_s * NS_PER_S)
    window = Window(start_ns, start_ns + round(shape.window_s(pace) * NS_PER_S))
    found = figures.of(records, rows, pace, window)
    return Measured(found, others_cores, reading.recorder or "?", reading.clock or "?")


class _Cpu(msgspec.Struct, frozen=True):
    """Seconds of CPU so far: of the whole machine, of us and the processes that we waited for."""

    at_s: float
    whole_s: float
    ours_s: float

    @classmethod
    def now(cls) -> "_Cpu":
        times = psutil.cpu_times()._asdict()
        # Interrupts are left out: most of them are our own packets. What a host takes away is not.
        whole_s = sum(times.get(kind, 0.0) for kind in ("user", "nice", "system", "steal"))
        used = [resource.getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
        return cls(time.monotonic(), whole_s, sum(one.ru_utime + one.ru_stime for one in used))

    def others_since(self, before: "_Cpu") -> float:
        """Cores that others used between two readings."""
        others_s = (self.whole_s - before.whole_s) - (self.ours_s - before.ours_s)
        return max(0.0, others_s / (self.at_s - before.at_s))


def settings(config: RunConfig, shape: Shape, streams: int, url: str) -> RunConfig:
    """The run of one step: what changes the client's cost is the user's, load and target are ours."""
    lasting_s = shape.warm_s + shape.window_s(pace_of(config)) + SLACK_S
    load = LoadOptions.model_validate(
        {
            "users": streams,
            "spawn_rate": streams,
            "duration": Duration.parse(lasting_s),
            "grace": "0s",  # what is under way at the end is outside of the window
            "recorder": config.load.recorder,
        }
    )
    return config.model_copy(
        update={
            "target": config.target.model_copy(update={"url": url}),
            "request": RequestOptions(
                max_output_tokens=shape.tokens, usage_per_chunk=config.request.usage_per_chunk
            ),
            "load": load,
            "timeouts": TimeoutOptions(),
            "output": OutputOptions(),
        }
    )
