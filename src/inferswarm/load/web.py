"""The standing master's web side: Locust's own UI, and the routes by which runs are started and read.

    POST /inferswarm/runs {"config": {...}}     starts a run; answers when its workers are ready
    GET  /inferswarm/state                      what the master is at
    GET  /inferswarm/live                       the latest snapshot of the run that goes on
    POST /inferswarm/stop                       ends its load in order
    GET  /inferswarm/runs, .../runs/ID          what is known of this master's runs
    GET  /inferswarm/runs/ID/files/NAME         a file of a run's folder

On loopback nobody has to say who they are, but only pages of ours may ask. Elsewhere each request, to
Locust's routes too, bears the service token.
"""

import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request, send_from_directory
from gevent.pywsgi import WSGIServer
from locust.env import Environment
from locust.web import WebUI

from inferswarm.load.board import Board, RefusedError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FILE = re.compile(r"(records/)?[a-z0-9][A-Za-z0-9._-]*")


class Web:
    """Locust's web UI with our routes."""

    def __init__(
        self,
        environment: Environment,
        where: str,
        token: str,
        board: Board,
        stop: Callable[[], None],
    ) -> None:
        """`where` is HOST:PORT; `token` may be empty on loopback only."""
        host, _, port = where.rpartition(":")
        self._host, self._token, self._board = host.strip("[]"), token, board
        self._stop = stop
        self.ui = WebUI(environment, self._host, int(port), delayed_start=True)
        app = self.ui.app
        assert app is not None
        app.before_request(self._guard)
        app.after_request_funcs.setdefault(None, []).insert(0, _close_cors)  # the first runs last
        app.register_blueprint(self._routes())
        # Locust's own buttons would start users without a plan.
        app.view_functions["locust.swarm"] = self._swarm
        app.view_functions["locust.stop"] = self._locust_stop
        # Locust's own way of starting it hides a port that is taken.
        self._server = WSGIServer((self._host, int(port)), app, log=None)
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
        routes.get("/runs/<run>/files/<path:name>")(self._file)
        routes.get("/state")(self._state)
        routes.get("/live")(self._live)
        routes.post("/stop")(self._end)
        return routes

    def _guard(self) -> tuple[Response, int] | None:
        """Refuse strangers, and pages of other sites that a browser of ours has open."""
        asked = urlsplit(f"//{request.host}").hostname or ""
        if self._host in LOOPBACK and asked not in LOOPBACK:
            return _refusal(403, f"host {asked}: this service is for this machine alone")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return _refusal(403, "a page of another site may not ask here")
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
            return _refusal(401, "give the service token: Authorization: Bearer ...")
        return None

    def _start(self) -> tuple[Response, int]:
        body = request.get_json(silent=True)
        if not isinstance(body, dict) or not isinstance(config := body.get("config"), dict):
            return _refusal(422, 'give {"config": {...}} with options of a run')
        try:
            return jsonify(self._board.ask(config, str(body.get("key") or ""))), 201
        except RefusedError as refused:
            return _refusal(refused.status, str(refused))

    def _runs(self) -> Response:
        key = request.args.get("key")
        runs = [run for run in self._board.runs.values() if key in (None, run.get("key"))]
        return jsonify({"runs": runs})

    def _live(self) -> Response:
        return jsonify(self._board.live)

    def _state(self) -> Response:
        return jsonify(self._board.state_of_all())

    def _run(self, run: str) -> tuple[Response, int]:
        known = self._board.runs.get(run)
        return (jsonify(known), 200) if known else _refusal(404, f"run {run} is not known here")

    def _file(self, run: str, name: str) -> Response | tuple[Response, int]:
        known = self._board.runs.get(run)
        if known is None or not _FILE.fullmatch(name):
            return _refusal(404, f"{run}/{name}: no such file")
        return send_from_directory(Path(known["folder"]).resolve(), name)

    def _end(self) -> tuple[Response, int]:
        if self._board.state not in ("starting", "running", "draining"):
            return _refusal(409, f"no load to stop: the master is {self._board.state}")
        self._stop()
        return jsonify(self._board.run), 202

    def _swarm(self) -> Response:
        """What Locust's start button posts: users, spawn rate, and perhaps host and time."""
        load = {
            "users": request.form.get("user_count"),
            "spawn_rate": request.form.get("spawn_rate"),
        }
        load["duration"] = request.form.get("run_time")
        config: dict[str, Any] = {"load": {name: value for name, value in load.items() if value}}
        if host := request.form.get("host"):
            config["target"] = {"url": host}
        try:
            self._board.ask(config)
        except RefusedError as refused:
            return jsonify({"success": False, "message": str(refused)})
        return jsonify({"success": True, "message": "Swarming started"})

    def _locust_stop(self) -> Response:
        self._stop()
        return jsonify({"success": True, "message": "Test stopped"})


def _refusal(status: int, why: str) -> tuple[Response, int]:
    return jsonify({"error": why}), status


def _close_cors(response: Response) -> Response:
    """Locust lets pages of any site read its answers."""
    for name in {name for name, _ in response.headers if name.startswith("Access-Control-")}:
        del response.headers[name]
    return response
