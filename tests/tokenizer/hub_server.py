"""A small hub of models on 127.0.0.1, that knows who may read which."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Files by `model/file`; models that a token opens, or nothing; who asked for what."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    gated: dict[str, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    seen: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.seen.append((path, authorization))
        model, _, rest = path.strip("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        if model in self.closed:
            return 403, {}, b""
        if model not in {name.rpartition("/")[0] for name in self.files}:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        if self.gated.get(model) not in (None, authorization.removeprefix("Bearer ")):
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if revision not in ("main", _COMMIT, "v1"):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        data = self.files.get(f"{model}/{file}")
        if data is None:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": _COMMIT}, b""
        tag = hashlib.sha256(data).hexdigest()
        return 200, {"ETag": f'"{tag}"', "X-Repo-Commit": _COMMIT}, data


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """A hub without models, while the context lasts."""
    hub = Hub("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, data = hub.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET  # noqa: N815  # the name that the library calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join(10)
