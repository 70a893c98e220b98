"""The service's own page: its runs, a form to start one, and one run as it goes."""

from importlib import resources
from typing import Any
from urllib.parse import parse_qsl

import yaml
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.concurrency import run_in_threadpool

from inferswarm.errors import InputError
from inferswarm.service.access import Gate, Role
from inferswarm.service.api import COOKIE, Service
from inferswarm.service.usual import Usual
from inferswarm.service.views import RunRequest, RunView

SHOWN_RUNS = 50
STATIC = {"page.css": "text/css", "page.js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_templates = Environment(
    loader=PackageLoader("inferswarm.service", "page"), autoescape=select_autoescape()
)


def add_page(app: FastAPI, service: Service) -> None:
    """Routes for people; what programs want is in `service.api`."""
    _add_static(app)
    _add_looking(app, service)
    _add_doing(app, service)


def _add_static(app: FastAPI) -> None:
    folder = resources.files("inferswarm.service").joinpath("page")

    @app.get("/page/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        if name not in STATIC:
            return Response(status_code=404)
        return Response(folder.joinpath(name).read_bytes(), media_type=STATIC[name])


def _add_looking(app: FastAPI, service: Service) -> None:
    @app.get("/", include_in_schema=False)
    def index(request: Request) -> Response:
        if page := _stopped(request, service.gate, Role.READ):
            return page
        return _index(request, service, {}, "")

    @app.get("/page/runs/{run}", include_in_schema=False)
    def one(run: str, request: Request) -> Response:
        if page := _stopped(request, service.gate, Role.READ):
            return page
        found = service.known(run)
        told = service.told(found)
        return _page(
            "run.html",
            title=told.id,
            subtitle=_subtitle(service),
            run=told,
            over=found.over,
            asked=yaml.safe_dump(told.config, sort_keys=False)
            if told.config
            else "nothing of its own",
            may_run=_may(request, service.gate, Role.RUN),
        )


def _add_doing(app: FastAPI, service: Service) -> None:
    @app.post("/page/start", include_in_schema=False)
    async def start(request: Request) -> Response:
        if page := _stopped(request, service.gate, Role.RUN):
            return page
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            run = await run_in_threadpool(service.queue, asked(form))
        except InputError as error:
            return _index(request, service, form, str(error))
        return RedirectResponse(f"/page/runs/{run.id}", 303)

    @app.post("/page/runs/{run}/stop", include_in_schema=False)
    def stop(run: str, request: Request) -> Response:
        if page := _stopped(request, service.gate, Role.RUN):
            return page
        service.stop(run)
        return RedirectResponse(f"/page/runs/{run}", 303)

    @app.post("/page/login", include_in_schema=False)
    async def login(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        token = form.get("token", "").strip()
        status, why = service.gate.refusal(request.headers, Role.NOBODY)
        if status or service.gate.tokens.role_of(token) is Role.NOBODY:
            return _page(
                "login.html", 401, title="Token", subtitle="", error=why or "not known here"
            )
        answer = RedirectResponse("/", 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=secure)
        return answer


def asked(form: dict[str, str]) -> RunRequest:
    """The run that a filled-in form asks for; raises InputError naming the field."""
    load: dict[str, Any] = {"duration": f"{_number(form, 'duration')}s"}
    config: dict[str, Any] = {"load": load}
    if form.get("warmup") not in (None, "", "0"):
        load["warmup"] = f"{_number(form, 'warmup')}s"
    if form.get("loop") == "open":
        config["arrivals"] = {"rate": f"{_number(form, 'rate')}/s"}
    else:
        load |= {"users": _number(form, "users"), "spawn_rate": f"{_number(form, 'spawn_rate')}/s"}
    if form.get("model"):
        config["target"] = {"model": form["model"]}
    if form.get("max_output_tokens"):
        config["request"] = {"max_output_tokens": _number(form, "max_output_tokens")}
    if form.get("slo"):
        config["goals"] = {"slo": [goal.strip() for goal in form["slo"].split(",") if goal.strip()]}
    return RunRequest(config=config)


def _number(form: dict[str, str], name: str) -> int | float:
    text = form.get(name, "")
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{name} was given {text!r}; it must be a number") from None
    return int(value) if value.is_integer() else value


def _index(request: Request, service: Service, form: dict[str, str], error: str) -> Response:
    total, runs = service.registry.page(SHOWN_RUNS, 0)
    return _page(
        "index.html",
        422 if error else 200,
        title="Runs",
        subtitle=_subtitle(service),
        runs=[service.told(run) for run in runs],
        total=total,
        may_run=_may(request, service.gate, Role.RUN),
        error=error,
        form=_filled(service.usual) | form,
        base=str(request.base_url).rstrip("/"),
    )


def _filled(usual: Usual) -> dict[str, Any]:
    """The form as it is before somebody touches it."""
    return {
        "loop": "closed",
        "users": usual.users,
        "spawn_rate": f"{usual.rate_per_s:g}",
        "rate": 10,
        "duration": usual.duration_s,
        "warmup": 0,
        **dict.fromkeys(("model", "max_output_tokens", "slo"), ""),
    }


def _subtitle(service: Service) -> str:
    conductor = service.conductor
    if not conductor.master_state:
        return conductor.refused or "the master does not answer"
    workers = f", {conductor.workers} workers" if conductor.workers else ""
    return f"master {conductor.master_state}{workers}"


def load_of(run: RunView) -> str:
    """A run's load in a few words."""
    load, arrivals = run.config.get("load", {}), run.config.get("arrivals", {})
    what = arrivals.get("rate") or arrivals.get("stages") or f"{load.get('users', 'usual')} users"
    return f"{what}, {load['duration']}" if "duration" in load else str(what)


def verdict_of(run: RunView) -> str:
    """VALID, INVALID, or nothing yet."""
    return "" if run.valid is None else ("VALID" if run.valid else "INVALID")


def _stopped(request: Request, gate: Gate, role: Role) -> Response | None:
    """The page for who may not have another: the form for a token, or why not."""
    status, why = gate.refusal(request.headers, role, request.cookies.get(COOKIE, ""))
    if status == 401:
        return _page("login.html", 401, title="Token", subtitle="", error="")
    return HTMLResponse(why, status, HEADERS) if status else None


def _may(request: Request, gate: Gate, role: Role) -> bool:
    return not gate.refusal(request.headers, role, request.cookies.get(COOKIE, ""))[0]


def _page(name: str, status: int = 200, **shown: Any) -> Response:
    tools = {"load_of": load_of, "verdict_of": verdict_of}
    return HTMLResponse(_templates.get_template(name).render(**shown, **tools), status, HEADERS)
