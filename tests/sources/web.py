"""A web server of one file, which counts how often it was fetched and may cut it."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class File:
    """What the server has. Of `content` it sends `sent` bytes, all by default."""

    content: bytes
    tag: str = "first"
    sent: int | None = None
    url: str = ""
    bodies: list[int] = field(default_factory=list)

    @property
    def whole(self) -> int:
        """How often all of it was sent."""
        return sum(size == len(self.content) for size in self.bodies)


@contextlib.contextmanager
def serving(file: File, name: str = "prompts.txt") -> Iterator[File]:
    """The file at `file.url` while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(file.content)))
            if file.tag:
                self.send_header("ETag", f'"{file.tag}"')
            self.end_headers()
            try:
                self.wfile.write(body := file.content[: file.sent])
                self.wfile.flush()
                file.bodies.append(len(body))
            except OSError:
                return
            finally:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    file.url = f"http://127.0.0.1:{server.server_address[1]}/{name}"
    try:
        yield file
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
