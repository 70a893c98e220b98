"""The standing master's web side: Locust's own UI with ours, and the routes by which runs are started.

    POST /inferswarm/runs {"config": {...}}     starts a run; answers when its workers are ready
    GET  /inferswarm/options                    what may be asked for, each option described
    GET  /inferswarm/state                      what the master is at
    GET  /inferswarm/live                       the latest snapshot of the run that goes on
    GET  /inferswarm/view?after=MS              both, and points for charts since that Unix time
    POST /inferswarm/stop                       ends its load in order
    POST /inferswarm/users {"users": 8}         changes the users of a closed loop, at `spawn_rate`
    GET  /inferswarm/runs, .../runs/ID          what is known of this master's runs
    GET  /inferswarm/runs/ID/files              names and sizes of what a run left
    GET  /inferswarm/runs/ID/files/NAME         a file of a run's folder
    GET  /stats/custom_metrics                  five means by the keys of the old benchmark

On loopback nobody has to say who they are, unless a token or a login was set; elsewhere one of both
must be. `load.gate` stands before all routes, Locust's too.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify, request, send_from_directory
from gevent.pywsgi import WSGIServer
from locust.env import Environment
from locust.web import WebUI
from pydantic import ValidationError

from inferswarm.config.tree import LoadOptions
from inferswarm.load.board import Board, RefusedError
from inferswarm.load.gate import FILES, Gate, refusal

_FILE = re.compile(r"(records/)?[a-z0-9][A-Za-z0-9._-]*")


class WebOptions(msgspec.Struct, frozen=True):
    """Where the web side listens (HOST:PORT, empty: nowhere), who may in, and what its form offers.

    `waits` says that all workers are of other machines: the first run waits for one.
    """

    where: str = ""
    token: str = ""
    user: str = ""
    password: str = ""
    options: list[dict[str, Any]] = []
    waits: bool = False


class Web:
    """Locust's web UI with our routes."""

    def __init__(
        self,
        environment: Environment,
        asked: WebOptions,
        board: Board,
        stop: Callable[[], None],
        change: Callable[[int, float], str],
        custom: Callable[[], dict[str, float]] = dict,
    ) -> None:
        """`change` takes users and how many of them are started a second, and says why not, or "".

        Raises OSError when it cannot listen there.
        """
        host, _, port = asked.where.rpartition(":")
        self._board, self._stop, self._change = board, stop, change
        self._options = msgspec.json.encode({"options": asked.options})
        where = (host.strip("[]"), int(port))
        self.ui = WebUI(
            environment,
            *where,
            delayed_start=True,
            web_login=bool(asked.user),
            build_path=str(FILES),
        )
        self.ui.template_args["web_login"] = bool(asked.user)
        self._gate = Gate(self.ui, where[0], asked.token, (asked.user, asked.password))
        app = self.ui.app
        assert app is not None
        app.register_blueprint(self._routes())
        app.get("/stats/custom_metrics")(custom)
        # Locust's own buttons would start and change users without a plan.
        app.view_functions["locust.swarm"] = self._swarm
        app.view_functions["locust.stop"] = self._locust_stop
        app.view_functions["locust.update_user"] = lambda: refusal(409, "users have a plan here")
        # Locust's own way of starting it hides a port that is taken.
        self._server = WSGIServer(where, app, log=None)
        self._server.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.address[1])

    def _routes(self) -> Blueprint:
        routes = Blueprint("inferswarm", __name__, url_prefix="/inferswarm")
        routes.post("/runs")(self._start)
        routes.get("/runs")(self._runs)
        routes.get("/runs/<run>")(self._run)
        routes.get("/runs/<run>/files")(self._files)
        routes.get("/runs/<run>/files/<path:name>")(self._file)
        routes.get("/options")(lambda: _json(self._options))
        routes.get("/state")(self._state)
        routes.get("/live")(self._live)
        routes.get("/view")(self._view)
        routes.post("/stop")(self._end)
        routes.post("/users")(self._users)
        return routes

    def _start(self) -> tuple[Response, int]:
        body = _body()
        if not isinstance(config := body.get("config"), dict):
            return refusal(422, 'give {"config": {...}} with options of a run')
        try:
            return jsonify(self._board.ask(config, str(body.get("key") or ""))), 201
        except RefusedError as refused:
            return refusal(refused.status, str(refused))

    def _runs(self) -> Response:
        key = request.args.get("key")
        runs = [run for run in self._board.runs.values() if key in (None, run.get("key"))]
        return jsonify({"runs": runs})

    def _live(self) -> Response:
        return jsonify(self._board.live)

    def _view(self) -> Response:
        after_ms = request.args.get("after", 0, int)
        return _json(msgspec.json.encode(self._board.view(after_ms)))

    def _state(self) -> Response:
        return jsonify(self._board.state_of_all())

    def _run(self, run: str) -> tuple[Response, int]:
        known = self._board.runs.get(run)
        return (jsonify(known), 200) if known else refusal(404, f"run {run} is not known here")

    def _files(self, run: str) -> tuple[Response, int]:
        known = self._board.runs.get(run)
        if known is None:
            return refusal(404, f"run {run} is not known here")
        found = sorted(Path(known["folder"]).glob("*"))
        open_ones = [path for path in found if path.is_file() and _FILE.fullmatch(path.name)]
        files = [{"name": path.name, "bytes": path.stat().st_size} for path in open_ones]
        return jsonify({"files": files}), 200

    def _file(self, run: str, name: str) -> Response | tuple[Response, int]:
        known = self._board.runs.get(run)
        if known is None or not _FILE.fullmatch(name):
            return refusal(404, f"{run}/{name}: no such file")
        return send_from_directory(Path(known["folder"]).resolve(), name)

    def _end(self) -> tuple[Response, int]:
        if self._board.state not in ("starting", "running", "draining"):
            return refusal(409, f"no load to stop: the master is {self._board.state}")
        self._stop()
        return jsonify(self._board.run), 202

    def _users(self) -> tuple[Response, int]:
        try:
            self._change_users(_body())
        except RefusedError as refused:
            return refusal(refused.status, str(refused))
        return jsonify(self._board.run), 202

    def _change_users(self, asked: dict[str, Any]) -> None:
        """Change the users of the load that goes on; raises RefusedError."""
        if self._board.state != "running":
            raise RefusedError(409, f"no load goes on: the master is {self._board.state}")
        names = [name for name in ("users", "spawn_rate") if asked.get(name) not in (None, "")]
        wanted = {name: asked[name] for name in names}
        if "users" not in wanted:
            raise RefusedError(422, 'users: give {"users": 8}, and perhaps "spawn_rate": "2/s"')
        try:
            load = LoadOptions.model_validate(wanted)
        except ValidationError as error:
            first = error.errors()[0]
            raise RefusedError(422, f"{first['loc'][0]}: {first['msg']}") from None
        if why := self._change(load.users, float(load.spawn_rate)):
            raise RefusedError(422, why)

    def _swarm(self) -> Response:
        """What Locust's start and edit buttons post: users, spawn rate, perhaps host and time."""
        load = {
            "users": request.form.get("user_count"),
            "spawn_rate": request.form.get("spawn_rate"),
        }
        try:
            if self._board.state == "running":
                self._change_users(load)
                return jsonify({"success": True, "message": "Users changed"})
            self._board.ask(_from_form(load))
        except RefusedError as refused:
            return jsonify({"success": False, "message": str(refused)})
        return jsonify({"success": True, "message": "Swarming started"})

    def _locust_stop(self) -> Response:
        self._stop()
        return jsonify({"success": True, "message": "Test stopped"})


def _body() -> dict[str, Any]:
    """The object that was posted; empty when it is none."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        return {}
    return body if isinstance(body, dict) else {}


def _from_form(load: dict[str, Any]) -> dict[str, Any]:
    """The configuration that Locust's start form stands for."""
    load |= {"duration": request.form.get("run_time")}
    config: dict[str, Any] = {"load": {name: value for name, value in load.items() if value}}
    if host := request.form.get("host"):
        config["target"] = {"url": host}
    return config


def _json(packed: bytes) -> Response:
    return Response(packed, mimetype="application/json")
