"""Talking to a standing master over HTTP (`load.web`): the one client of its routes."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import quote

import msgspec

from inferswarm.errors import InferswarmError

START_LIMIT_S = 230.0


class MasterSilentError(InferswarmError):
    """The master cannot be reached, or what answers is none."""


class MasterRefusedError(InferswarmError):
    """The master does not do what was asked; `status` is HTTP's."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class MasterClient:
    """One standing master. Every method raises MasterSilentError or MasterRefusedError."""

    def __init__(self, url: str, token: str = "", timeout_s: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s
        # The master is ours: no proxy of the environment stands between.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def state(self) -> dict[str, Any]:
        """`state`, the `run` that goes on or was the last, and how many `workers` there are."""
        return self._json("GET", "state")

    def start(self, config: Mapping[str, Any], key: str = "") -> dict[str, Any]:
        """Start a run of these options; what is known of it once its workers are ready.

        Started again with the same `key`, it is the same run.
        """
        return self._json("POST", "runs", {"config": dict(config), "key": key}, START_LIMIT_S)

    def live(self) -> dict[str, Any]:
        """The latest snapshot of the run that goes on; empty before the first."""
        return self._json("GET", "live")

    def stop(self) -> None:
        """End the load that goes on, in order."""
        self._json("POST", "stop", {})

    def run(self, run: str) -> dict[str, Any]:
        """What is known of a run."""
        return self._json("GET", f"runs/{quote(run, safe='')}")

    def by_key(self, key: str) -> dict[str, Any]:
        """What is known of the run that was asked for with this key; empty for none."""
        found = self._json("GET", f"runs?key={quote(key, safe='')}").get("runs") or [{}]
        return dict(found[-1])

    def file(self, run: str, name: str) -> IO[bytes]:
        """A file of a run's folder, to be read and closed by the caller."""
        return self._open("GET", f"runs/{quote(run, safe='')}/files/{quote(name)}")

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, limit_s: float = 0.0
    ) -> dict[str, Any]:
        with self._open(method, path, body, limit_s) as answer:
            try:
                found = msgspec.json.decode(answer.read())
            except (msgspec.DecodeError, OSError, http.client.HTTPException) as error:
                raise MasterSilentError(f"master {self.url}: {error}; is it one?") from None
        return found if isinstance(found, dict) else {}

    def _open(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, limit_s: float = 0.0
    ) -> IO[bytes]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else msgspec.json.encode(body)
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked where the URL is given
            f"{self.url}/inferswarm/{path}", data, headers, method=method
        )
        try:
            opened: IO[bytes] = self._opener.open(request, timeout=limit_s or self._timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                raise MasterRefusedError(error.code, _why(error)) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise MasterSilentError(
                f"master {self.url}: {reason}; is `inferswarm master --web` running there?"
            ) from None
        return opened


def _why(error: urllib.error.HTTPError) -> str:
    try:
        return str(msgspec.json.decode(error.read())["error"])
    except (msgspec.DecodeError, KeyError, TypeError, OSError, http.client.HTTPException):
        return f"HTTP {error.code}"
