"""Who gets in on the web side: pages of ours, people who logged in, programs with the service token."""

import secrets
import time
from datetime import timedelta
from pathlib import Path

from flask import Response, jsonify, redirect, render_template, request, session
from flask_login import UserMixin, current_user, login_user, logout_user
from locust.web import WebUI

from inferswarm.load.login import Attempts
from inferswarm.origins import stranger
from inferswarm.secret import same

LOGIN = "/inferswarm/login"
LOGOUT = "/inferswarm/logout"
SESSION = timedelta(hours=12)
FILES = Path(__file__).parent / "webui_files"
"""The built pages; their sources are in `webui/` of the repository."""
_OPEN = ("/login", LOGIN)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


class Person(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """Whoever knows the password, or the token."""

    def __init__(self, name: str) -> None:
        self.id = name


class Gate:
    """Stands before all routes of an app, Locust's too."""

    def __init__(self, ui: WebUI, host: str, token: str, login: tuple[str, str]) -> None:
        """`host` is where it listens; without `token` and `login` (user, password) all may in."""
        assert ui.app is not None
        self._host, self._token, self._login = host, token, login
        self._attempts = Attempts()
        ui.app.before_request(self._check)
        # The first runs last: Locust's own way of opening answers to other sites comes before it.
        ui.app.after_request_funcs.setdefault(None, []).insert(0, _mend_headers)
        if login[0]:
            self._set_up_login(ui)

    def _set_up_login(self, ui: WebUI) -> None:
        """Sessions end with this process: their key is made anew."""
        app = ui.app
        assert app is not None
        app.secret_key = secrets.token_bytes(32)
        # Browsers share cookies among the ports of a host.
        app.config["SESSION_COOKIE_NAME"] = f"inferswarm_{ui.port or secrets.token_hex(4)}"
        app.config["SESSION_COOKIE_HTTPONLY"] = True
        app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
        app.config["PERMANENT_SESSION_LIFETIME"] = SESSION
        ui.auth_args["username_password_callback"] = LOGIN
        ui.login_manager.user_loader(Person)
        ui.login_manager.request_loader(lambda _: Person("program") if self._bears() else None)
        app.view_functions["locust.login"] = lambda: render_template("auth.html")
        app.post(LOGIN)(self._enter)
        app.post(LOGOUT)(_leave)

    def _check(self) -> Response | tuple[Response, int] | None:
        """Refuse strangers, and pages of other sites that a browser of ours has open."""
        asked = request.headers.get("Host", "")
        if why := stranger(self._host, asked, request.headers.get("Origin")):
            return refusal(403, why)
        if not (self._token or self._login[0]) or self._bears():
            return None
        if not self._login[0]:
            return refusal(401, "give the service token: Authorization: Bearer ...")
        return self._ask_person()

    def _ask_person(self) -> Response | tuple[Response, int] | None:
        if request.path in _OPEN or request.path.startswith("/assets/"):
            return None
        if current_user.is_authenticated:
            return None
        if request.method == "GET" and request.path == "/":
            return redirect("/login")  # type: ignore[return-value]  # werkzeug's own response
        return refusal(401, "log in at /login, or give the service token")

    def _bears(self) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return bool(self._token) and same(given, self._token)

    def _enter(self) -> tuple[Response, int]:
        address, now_s = request.remote_addr or "", time.monotonic()
        if wait_s := self._attempts.wait_s(address, now_s):
            answer, status = refusal(429, f"too many attempts: wait {wait_s:.0f} s")
            answer.headers["Retry-After"] = str(int(wait_s) + 1)
            return answer, status
        given = request.get_json(silent=True)
        given = given if isinstance(given, dict) else {}
        right = [
            same(str(given.get(name, "")), known)
            for name, known in zip(("user", "password"), self._login, strict=True)
        ]
        if not all(right):
            self._attempts.failed(address, now_s)
            return refusal(401, "wrong user or password")
        session.clear()
        session.permanent = True
        login_user(Person(self._login[0]))
        return jsonify({"next": "/"}), 200


def refusal(status: int, why: str) -> tuple[Response, int]:
    """An answer that says why not."""
    return jsonify({"error": why}), status


def _leave() -> tuple[Response, int]:
    logout_user()
    session.clear()
    return jsonify({"next": "/login"}), 200


def _mend_headers(response: Response) -> Response:
    """Locust lets pages of any site read its answers, and frame them."""
    for name in {name for name, _ in response.headers if name.startswith("Access-Control-")}:
        del response.headers[name]
    response.headers.update(_HEADERS)
    return response
