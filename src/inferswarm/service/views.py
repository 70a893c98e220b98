"""What the service takes and gives, as the OpenAPI document says it."""

import time
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from inferswarm.adapters.table import route, wanted
from inferswarm.config.admission import redacted
from inferswarm.config.sources import from_mapping, resolve
from inferswarm.config.tree import RunConfig
from inferswarm.errors import InputError
from inferswarm.goals.parse import read_goals
from inferswarm.scales import NS_PER_S
from inferswarm.service.registry import Run
from inferswarm.service.states import ACTIVE, State

ID_PATTERN = r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{4,16}$"


class Error(BaseModel):
    """Why something was not done; `field` is the option or part of the request that was wrong."""

    error: str
    field: str | None = None


class RunRequest(BaseModel):
    """A run to be queued: options as in a configuration file, and how it stands among others."""

    model_config = ConfigDict(extra="forbid")

    config: dict[str, Any] = Field(
        default={},
        description="Sections with options of a run, as in a configuration file.",
        examples=[{"load": {"users": 32, "duration": "60s"}, "goals": {"slo": ["ttft.p95<500ms"]}}],
    )
    priority: int = Field(default=0, ge=-100, le=100, description="Higher ones go first.")
    limit_s: float | None = Field(
        default=None, gt=0, le=7 * 86_400, description="Stop the run when it takes longer."
    )
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="Asked again with the same key, it is the same run.",
    )


class Started(BaseModel):
    """The answer of the old tool's call, and where to look."""

    message: str = "Swarming started"
    id: str
    state: State
    url: str


class RunView(BaseModel):
    """A run as it is told."""

    id: str
    state: State
    created: str
    started: str | None
    ended: str | None
    priority: int
    key: str | None
    limit_s: float | None
    error: str
    progress: float = Field(ge=0, le=1, description="How much of its load is done, by time.")
    valid: bool | None = Field(description="The verdict; null before it is there.")
    reasons: list[str] = Field(description="Why it is not valid.")
    uploaded: str | None = Field(description="Where the results are, once they have arrived.")
    config: dict[str, Any]
    facts: dict[str, Any] = Field(description="What the master told of it.")
    live: dict[str, Any] = Field(description="The newest numbers while it goes on.")
    links: dict[str, str]


class RunPage(BaseModel):
    """Some of the runs, newest first."""

    total: int
    limit: int
    offset: int
    runs: list[RunView]


class RecordFile(BaseModel):
    """A part of a run's records."""

    name: str
    bytes: int
    url: str


class Health(BaseModel):
    """Whether the service, and the master behind it, are there."""

    status: str
    master: str


def view(run: Run, live: dict[str, Any] | None = None, waiting: str = "") -> RunView:
    """A run as it is told; `live` are the newest numbers of the one that goes on.

    `waiting` is why it cannot go on, while that is no error of its own.
    """
    verdict = run.facts.get("verdict") or {}
    base = f"/runs/{run.id}"
    links = {name: f"{base}/{name}" for name in ("events", "report", "summary", "records")}
    return RunView(
        id=run.id,
        state=run.state,
        created=_instant(run.created_ns) or "",
        started=_instant(run.started_ns),
        ended=_instant(run.ended_ns),
        priority=run.priority,
        key=run.key,
        limit_s=run.limit_s,
        error=run.error or waiting,
        progress=_progress(run),
        valid=verdict.get("valid"),
        reasons=list(verdict.get("reasons", [])),
        uploaded=run.facts.get("uploaded"),
        config=redacted(run.config),
        facts={name: value for name, value in run.facts.items() if name not in ("folder", "key")},
        live=dict(live or {}),
        links={"self": base, **links},
    )


def checked(config: dict[str, Any]) -> RunConfig:
    """The configuration that a request asks for, as far as it can be checked without its master.

    Raises InputError naming the option.
    """
    found = resolve(RunConfig, from_mapping(config, "config", "config"))
    read_goals(found.goals.slo, found.goals.goodput)
    way = route(found.target.backend, found.target.api)
    wanted(found.request, way, found.target.model, stream=found.target.stream)
    return found


def _progress(run: Run) -> float:
    if run.over or run.state is State.UPLOADING:
        return 1.0
    begun = run.facts.get("started")
    if run.state not in ACTIVE or run.state is State.STARTING or not begun:
        return 0.0
    try:
        lasting = checked(run.config).lasting
    except InputError:
        return 0.0  # of another version
    if not lasting:
        return 0.0
    elapsed_s = time.time() - datetime.fromisoformat(begun).timestamp()
    return max(0.0, min(1.0, elapsed_s / lasting.seconds))


def _instant(at_ns: int | None) -> str | None:
    if at_ns is None:
        return None
    return datetime.fromtimestamp(at_ns / NS_PER_S, UTC).isoformat(timespec="milliseconds")
