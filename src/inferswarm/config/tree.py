"""The settings of a run, every option declared once: what a configuration file holds."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from inferswarm.config.arrivals import ArrivalOptions
from inferswarm.config.goals import GoalOptions, Texts
from inferswarm.config.options import Section, option
from inferswarm.config.prompts import PromptOptions
from inferswarm.config.simulator import SimulatorOptions
from inferswarm.config.target import RequestOptions, TargetOptions
from inferswarm.config.telemetry import TelemetryOptions
from inferswarm.config.units import Duration, Rate
from inferswarm.config.warmup import checked
from inferswarm.errors import InputError
from inferswarm.traces import HEADER


def _lasting(duration: Duration) -> Duration:
    if duration <= 0:
        raise ValueError("it must be longer than 0s")
    return duration


Span = Annotated[Duration, AfterValidator(_lasting)]


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text and not (host and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError("it must be HOST:PORT, as in 127.0.0.1:5557")
    return text


def _above_zero(rate: Rate) -> Rate:
    if rate <= 0:
        raise ValueError("it must be above 0/s")
    return rate


class LoadOptions(Section):
    """How much, how fast, how long."""

    users: int = option(
        1,
        "Clients that each wait for an answer before they ask again.",
        flag="--users",
        ge=1,
        le=10**6,
    )
    spawn_rate: Annotated[Rate, AfterValidator(_above_zero)] = option(
        "100/s", "Users started per second.", flag="--spawn-rate"
    )
    duration: Span | None = option(
        None,
        "How long to load, ramp-up included; 60s unless `requests` is given.",
        flag="--duration",
    )
    requests: int | None = option(
        None,
        "Stop after exactly this many requests; a conversation of several turns counts as one.",
        flag="--requests",
        ge=1,
        le=10**12,
    )
    warmup: Annotated[str, BeforeValidator(checked)] = option(
        "",
        "What is left out of the numbers at the start: a duration (30s), a number of requests (200), "
        "auto, or nothing; it is part of `duration` and `requests`.",
        flag="--warmup",
    )
    think_time: Duration = option(
        "0s", "Pause of a user between an answer and its next request.", flag="--think-time"
    )
    grace: Duration = option(
        "30s",
        "How long answers under way may take to end after the load; then they are cancelled.",
        flag="--grace",
    )
    recorder: Literal["auto", "native", "gevent"] = option(
        "auto",
        "What records arrivals: a C thread (native, on Linux) or the event loop (gevent); both with the "
        "kernel's clock where it stamps.",
    )
    answer_limit_mb: int = option(
        512, "Size at which one answer is cut and counts as truncated.", unit="MB", ge=1, le=65_536
    )
    give_up_after: int = option(
        200, "Stop when this many requests failed and none succeeded; 0 never does.", ge=0
    )
    workers: int = option(
        1, "Worker processes on this machine; one uses one core.", flag="--workers", ge=0, le=256
    )
    bind: Annotated[str, AfterValidator(_host_and_port)] = option(
        "",
        "HOST:PORT where workers of other machines may join (`inferswarm worker`); empty: none may.",
        flag="--bind",
    )
    remote_workers: int = option(
        0, "Workers of other machines to wait for before the load.", flag="--remote-workers", ge=0
    )

    max_in_flight: int = option(
        10_000,
        "Requests under way at once in open loop; further ones wait, which counts as send lag.",
        flag="--max-in-flight",
        ge=1,
    )


class TimeoutOptions(Section):
    """How long to wait for a server."""

    connect: Span = option("10s", "To open a connection, TLS included.")
    first_byte: Span = option("5m", "From sent to the first byte of an answer.")
    idle: Span = option("1m", "Between two reads of an answer.")
    total: Span = option("15m", "From sent to the end of an answer.")


class OutputOptions(Section):
    """Where results go."""

    out: Path | None = option(
        None,
        "Run folder to make; an existing run is never overwritten. Default: a new one under runs/.",
        flag="--out",
    )
    upload: str = option(
        "",
        "Where results go besides, while the run goes on: gs://bucket/path, s3://bucket/path, "
        "az://container/path or a folder; the run's id is added.",
        flag="--upload",
    )
    upload_patience: Duration = option(
        "30s", "How long each file is tried at the end of a run before the run goes without it."
    )
    part_mb: int = option(
        64, "Size at which a part of the records is closed and compressed.", unit="MB", ge=1
    )
    part_time: Duration = option("60s", "Age at which it is; 0s: it may grow as old as the run.")
    exports: Texts = option(
        (),
        "Forms that the run is exported in when it ends, beside its report: csv, parquet, llm-d; "
        "`inferswarm export` makes them later.",
        flag="--export",
    )
    keep_answers: bool = option(
        False, "Keep the text of each answer in its record.", flag="--keep-answers"
    )


class RunConfig(Section):
    """Everything that decides a run."""

    target: TargetOptions = TargetOptions()
    prompts: PromptOptions = PromptOptions()
    request: RequestOptions = RequestOptions()
    load: LoadOptions = LoadOptions()
    arrivals: ArrivalOptions = ArrivalOptions()
    goals: GoalOptions = GoalOptions()
    timeouts: TimeoutOptions = TimeoutOptions()
    output: OutputOptions = OutputOptions()
    telemetry: TelemetryOptions = TelemetryOptions()
    simulator: SimulatorOptions = SimulatorOptions()

    @model_validator(mode="after")
    def _one_loop(self) -> "RunConfig":
        load = self.load
        if load.workers + load.remote_workers < 1:
            raise ValueError("load.workers and load.remote_workers must not both be 0")
        if load.remote_workers and not load.bind:
            raise ValueError("load.remote_workers needs load.bind, where they join")
        if self.arrivals.open_loop and (load.users != 1 or load.think_time):
            raise ValueError(
                "load.users and load.think_time are for closed loop; leave them out, or arrivals"
            )
        return self

    @model_validator(mode="after")
    def _one_trace(self) -> "RunConfig":
        own = any(name.lower() == HEADER for name in self.target.headers)
        if own and self.telemetry.trace_sample:
            raise ValueError(
                f"target.headers has a {HEADER}, and telemetry.trace_sample adds one; leave one out"
            )
        return self

    def check_split(self) -> None:
        """Raises InputError when workers would be without a user, and so send nothing."""
        workers, users = self.load.workers + self.load.remote_workers, self.load.users
        if not self.arrivals.open_loop and workers > users:
            raise InputError(
                f"load.workers {workers} must not exceed load.users {users}: one without a user sends "
                "nothing"
            )

    @property
    def lasting(self) -> Duration | None:
        """`load.duration`, or a minute when nothing else ends the load."""
        ends = self.load.requests is not None or self.arrivals.ends
        return (
            Duration.parse("60s") if self.load.duration is None and not ends else self.load.duration
        )


class SimulateConfig(Section):
    """Everything that decides `inferswarm simulate`."""

    host: str = option("127.0.0.1", "Address to listen on.", flag="--host")
    port: int = option(
        8010, "Port to listen on; 0 picks a free one.", flag="--port", ge=0, le=65535
    )
    truth: Path | None = option(
        None, "File for the truth log: per request, when each token was written.", flag="--truth"
    )
    simulator: SimulatorOptions = SimulatorOptions()


ALIASES = {
    "max_output_len": "request.max_output_tokens",
    "gcs_path": "prompts.source",
    "tokenizer": "prompts.tokenizer",
    "max_num_prompts": "prompts.max_prompts",
    "max_prompt_len": "prompts.max_tokens",
    "output_bucket": "output.upload",
    "sax_model": "target.model",
    "inference_server_framework": "target.backend",
    "num_locust_workers": "load.workers",
    "test_duration": "load.duration",
    "test_users": "load.users",
    "test_rate": "load.spawn_rate",
    "stop_timeout": "load.grace",
}
"""Option names of Google's Locust benchmark tool, and the options they are here."""

ENVIRONMENT_ALIASES = {
    "BACKEND": "target.backend",
    "TARGET_HOST": "target.url",
    "MAX_OUTPUT_LEN": "request.max_output_tokens",
    "GCS_PATH": "prompts.source",
    "TOKENIZER": "prompts.tokenizer",
    "MAX_NUM_PROMPTS": "prompts.max_prompts",
    "MAX_PROMPT_LEN": "prompts.max_tokens",
    "OUTPUT_BUCKET": "output.upload",
    "SAX_MODEL": "target.model",
}
"""Environment variables of that tool; INFERSWARM_<SECTION>_<NAME> goes before them."""
