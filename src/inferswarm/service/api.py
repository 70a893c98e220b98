"""The routes of the service."""

import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from inferswarm.config.admission import admit
from inferswarm.config.sources import from_mapping
from inferswarm.errors import InferswarmError, InputError
from inferswarm.remote import MasterClient, MasterRefusedError, MasterSilentError
from inferswarm.service.access import Gate, Pace, Role
from inferswarm.service.conductor import Conductor
from inferswarm.service.registry import Registry, Run
from inferswarm.service.states import FINAL, State, after
from inferswarm.service.streams import EventStream, Places, events_of
from inferswarm.service.usual import Usual
from inferswarm.service.views import (
    ID_PATTERN,
    Error,
    Health,
    RecordFile,
    RunPage,
    RunRequest,
    RunView,
    Started,
    checked,
    view,
)
from inferswarm.storage import new_id

CHUNK_BYTES = 1 << 16
MOST_QUEUED = 1_000
COOKIE = "inferswarm"
_PART = re.compile(r"w[0-9a-z-]{1,80}\.jsonl(\.zst)?")
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error} for status in (400, 401, 403, 404, 409, 413, 422, 429, 502, 503)
}
RunId = Annotated[str, Path(pattern=ID_PATTERN, examples=["20261123-093845-64c9"])]


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that the routes use."""

    registry: Registry
    conductor: Conductor
    master: MasterClient
    gate: Gate
    usual: Usual
    reading: Pace = field(default_factory=lambda: Pace(200, 400))
    asking: Pace = field(default_factory=lambda: Pace(10, 30))
    following: Places = field(default_factory=Places)

    def queue(self, asked: RunRequest) -> Run:
        """Check and queue a run; raises InputError, RefusedError."""
        # Which targets are allowed is for the master to say, who has one of its own.
        admit(from_mapping(asked.config, "config", "config"), ["*"])
        checked(asked.config)
        if self.registry.counts().get(State.QUEUED, 0) >= MOST_QUEUED:
            raise HTTPException(429, f"{MOST_QUEUED:,} runs are queued already; try again later")
        run = Run(
            id=f"{new_id(datetime.now(UTC))}{secrets.token_hex(3)}",
            state=State.QUEUED,
            config=asked.config,
            created_ns=time.time_ns(),
            key=asked.key,
            priority=asked.priority,
            limit_s=asked.limit_s,
        )
        added = self.registry.add(run)
        self.conductor.wake()
        return added

    def known(self, run: str) -> Run:
        """A run by its id; raises HTTPException 404."""
        found = self.registry.get(run)
        if found is None:
            raise HTTPException(404, f"run {run} is not known here")
        return found

    def stop(self, run: str) -> Run:
        """End a run in order, or take it out of the queue; raises HTTPException 404, 409."""
        found = self.known(run)
        if found.over:
            raise HTTPException(409, f"run {run} is over: it is {found.state}")
        cancelled = after(State.QUEUED, "cancelled")
        if not self.registry.move(run, State.QUEUED, cancelled):
            self.registry.note(run, stop_asked=1)
        self.conductor.wake()
        return self.known(run)

    def told(self, run: Run) -> RunView:
        """A run as it is told, with live numbers while it goes on."""
        active = run.state not in FINAL and run.state is not State.QUEUED
        waiting = self.conductor.refused if run.state is State.QUEUED else ""
        return view(run, self.conductor.live if active else {}, waiting)

    def file(self, run: Run, name: str) -> IO[bytes]:
        """A file of a run's folder; raises HTTPException 404 while it is not there."""
        known = run.facts.get("id")
        try:
            if known:
                return self.master.file(str(known), name)
        except MasterRefusedError:
            pass  # not there (yet): said below
        where = f"; look in {run.facts['uploaded']}" if run.facts.get("uploaded") else ""
        raise HTTPException(404, f"run {run.id} is {run.state} and has no {name} here{where}")


def add_routes(app: FastAPI, service: Service) -> None:
    """Everything that programs want."""
    app.state.service = service
    _add_handlers(app)
    _add_starting(app, service)
    _add_runs(app, service)
    _add_files(app, service)
    _add_health(app, service)


def needs(role: Role) -> Any:
    """A dependency: requests without this role are refused."""

    def check(request: Request) -> None:
        gate: Gate = request.app.state.service.gate
        status, why = gate.refusal(request.headers, role, request.cookies.get(COOKIE, ""))
        if status:
            wanted = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            raise HTTPException(status, why, wanted)

    return Depends(check)


_READ, _RUN, _ALL = [needs(Role.READ)], [needs(Role.RUN)], [needs(Role.NOBODY)]


def _add_handlers(app: FastAPI) -> None:
    """Every refusal has one form."""

    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(
            str(part) for part in first["loc"] if part not in ("body", "query", "path")
        )
        return JSONResponse(
            {"error": f"{where or 'body'}: {first['msg']}", "field": where or None}, 422
        )

    @app.exception_handler(InputError)
    async def wrong(_: Request, error: InputError) -> Response:
        option = re.search(r"\b[a-z]+\.[a-z_]+\b", str(error))
        return JSONResponse({"error": str(error), "field": option[0] if option else None}, 422)

    @app.exception_handler(MasterSilentError)
    async def silent(_: Request, error: MasterSilentError) -> Response:
        return JSONResponse({"error": str(error)}, 502)

    @app.exception_handler(InferswarmError)
    async def broken(_: Request, error: InferswarmError) -> Response:
        return JSONResponse({"error": str(error)}, 503, {"Retry-After": "5"})


def _add_starting(app: FastAPI, service: Service) -> None:
    usual = service.usual

    @app.get("/run", dependencies=_RUN, responses=_ERRORS)
    def run_now(
        duration: Annotated[
            int, Query(ge=1, le=7 * 86_400, description="seconds")
        ] = usual.duration_s,
        users: Annotated[int, Query(ge=1, le=1_000_000)] = usual.users,
        rate: Annotated[float, Query(gt=0, le=10_000, description="users started per second")] = (
            usual.rate_per_s
        ),
        namespace: Annotated[str, Query(max_length=253, description="not used")] = "",
    ) -> Started:
        """Queue a closed-loop run with these users: the old tool's call."""
        load = {"users": users, "duration": f"{duration}s", "spawn_rate": f"{rate:g}/s"}
        run = service.queue(RunRequest(config={"load": load}))
        return Started(id=run.id, state=run.state, url=f"/runs/{run.id}")

    @app.post("/runs", status_code=201, dependencies=_RUN, responses=_ERRORS)
    def post_run(
        asked: RunRequest,
        response: Response,
        idempotency_key: Annotated[
            str | None, Header(min_length=1, max_length=200, pattern=r"^[!-~]+$")
        ] = None,
    ) -> RunView:
        """Queue a run."""
        key = asked.key or idempotency_key
        run = service.queue(asked.model_copy(update={"key": key}))
        response.headers["Location"] = f"/runs/{run.id}"
        return service.told(run)


def _add_runs(app: FastAPI, service: Service) -> None:
    @app.get("/runs", dependencies=_READ, responses=_ERRORS)
    def list_runs(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
        state: State | None = None,
    ) -> RunPage:
        """Runs, newest first."""
        total, runs = service.registry.page(limit, offset, state)
        views = [service.told(run) for run in runs]
        return RunPage(total=total, limit=limit, offset=offset, runs=views)

    @app.get("/runs/{run}", dependencies=_READ, responses=_ERRORS)
    def get_run(run: RunId) -> RunView:
        """One run."""
        return service.told(service.known(run))

    @app.get(
        "/runs/{run}/events",
        dependencies=_READ,
        responses=_ERRORS | {200: {"content": {"text/event-stream": {}}}},
        response_class=StreamingResponse,
    )
    async def events(run: RunId) -> StreamingResponse:
        """The run every second until it is over, as server-sent events named `run`."""
        first = await run_in_threadpool(service.known, run)
        events = events_of(first, service.told, service.registry.get)
        return EventStream(events, service.following)

    @app.post("/runs/{run}/stop", status_code=202, dependencies=_RUN, responses=_ERRORS)
    def stop(run: RunId) -> RunView:
        """End a run in order, or take it out of the queue."""
        return service.told(service.stop(run))

    @app.delete("/runs/{run}", status_code=204, dependencies=_RUN, responses=_ERRORS)
    def delete(run: RunId) -> Response:
        """Forget a run that is over; its results stay where they are."""
        found = service.known(run)
        if not service.registry.delete(run):
            raise HTTPException(409, f"run {run} is {found.state}: stop it first")
        return Response(status_code=204)


def _add_files(app: FastAPI, service: Service) -> None:
    def kind(media: str) -> dict[int | str, dict[str, Any]]:
        return _ERRORS | {200: {"content": {media: {}}}}

    @app.get("/runs/{run}/report", dependencies=_READ, responses=kind("text/html"))
    def report(run: RunId) -> Response:
        """The page of a run."""
        file = service.file(service.known(run), "report.html")
        return StreamingResponse(_pieces(file), media_type="text/html", headers=PAGE_ALONE)

    @app.get("/runs/{run}/summary", dependencies=_READ, responses=kind("application/json"))
    def summary(run: RunId) -> Response:
        """`summary.json` of a run."""
        file = service.file(service.known(run), "summary.json")
        return StreamingResponse(_pieces(file), media_type="application/json")

    @app.get("/runs/{run}/records", dependencies=_READ, responses=_ERRORS)
    def records(run: RunId) -> list[RecordFile]:
        """The parts of a run's records."""
        with service.file(service.known(run), "manifest.json") as file:
            listed = msgspec.json.decode(file.read()).get("files", [])
        names = [(str(one["path"]), int(one["bytes"])) for one in listed]
        return [
            RecordFile(name=name, bytes=size, url=f"/runs/{run}/{name}")
            for name, size in names
            if name.startswith("records/")
        ]

    @app.get("/runs/{run}/records/{part}", dependencies=_READ, responses=kind("application/zstd"))
    def part(run: RunId, part: Annotated[str, Path(max_length=120)]) -> Response:
        """A part of a run's records: lines of JSON, compressed."""
        if not _PART.fullmatch(part):
            raise HTTPException(404, f"{part!r} is no part of a run's records")
        file = service.file(service.known(run), f"records/{part}")
        return StreamingResponse(_pieces(file), media_type="application/zstd")


PAGE_ALONE = {
    "Content-Security-Policy": (
        "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
    )
}
"""A report holds what a server answered: it may run its own charts, and reach nothing."""


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def _add_health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", dependencies=_ALL, responses=_ERRORS)
    def healthz() -> Health:
        """Whether the service answers."""
        return Health(status="ok", master=service.conductor.master)

    @app.get("/readyz", dependencies=_ALL, responses=_ERRORS)
    def readyz(response: Response) -> Health:
        """Whether it can have runs carried out; 503 while the master is silent or refuses us."""
        ready = bool(service.conductor.master_state)
        response.status_code = 200 if ready else 503
        return Health(status="ready" if ready else "waiting", master=service.conductor.master)

    @app.get("/metrics", dependencies=_READ, response_class=PlainTextResponse, responses=_ERRORS)
    def metrics() -> PlainTextResponse:
        """The service itself, for Prometheus."""
        counts = service.registry.counts()
        lines = ["# HELP inferswarm_runs Runs by state.", "# TYPE inferswarm_runs gauge"]
        lines += [f'inferswarm_runs{{state="{state}"}} {counts.get(state, 0)}' for state in State]
        up = int(bool(service.conductor.master_state))
        lines += ["# HELP inferswarm_master_up Whether the master answers."]
        lines += ["# TYPE inferswarm_master_up gauge", f"inferswarm_master_up {up}", ""]
        return PlainTextResponse("\n".join(lines), media_type="text/plain; version=0.0.4")
