"""`inferswarm serve`: a service that is asked for runs over HTTP, and has them carried out in turn."""

import argparse
import contextlib
import importlib
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inferswarm.cli.arguments import add_options, add_sources
from inferswarm.config.sources import options_of
from inferswarm.config.tree import RunConfig
from inferswarm.errors import EXIT_OK, InputError
from inferswarm.extras import need
from inferswarm.folders import alone
from inferswarm.remote import MasterClient
from inferswarm.secret import read_token
from inferswarm.service.access import Gate, Tokens
from inferswarm.service.conductor import Conductor
from inferswarm.service.embedded import TOKEN_VARIABLE, EmbeddedMaster
from inferswarm.service.registry import Registry
from inferswarm.service.usual import Usual

NAME = "serve"
SUMMARY = "A service that queues runs: started with one curl, results in a folder and a bucket."
EXAMPLES = """examples:
  inferswarm serve                        at http://127.0.0.1:8000, with a master of its own
  curl -XGET http://127.0.0.1:8000/run
  curl -XGET 'http://127.0.0.1:8000/run?duration=60&users=8&rate=2'
  inferswarm serve --target http://localhost:8080 --backend vllm --upload gs://bucket/results
  INFERSWARM_RUN_TOKEN=... inferswarm serve --host 0.0.0.0 --master-url http://locust-master:8089

Options of a run are the usual ones of every run; each may bring its own. GET /run takes DURATION (s),
USERS and RATE (users started per second) from the environment when the call does not say.
"""
SECTIONS = ("target", "prompts", "request", "goals", "output", "load.workers")
USUAL = {"DURATION": "120", "USERS": "1", "RATE": "5"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it listens, what it keeps, whom it drives, and the options of its master's runs."""
    group = parser.add_argument_group("service")
    group.add_argument("--host", default="127.0.0.1", help="Address to listen on.")
    group.add_argument("--port", type=int, default=8000, help="Port to listen on.")
    group.add_argument(
        "--tokens",
        type=Path,
        metavar="FILE",
        help="Lines `read TOKEN` and `run TOKEN`; else INFERSWARM_READ_TOKEN, INFERSWARM_RUN_TOKEN.",
    )
    group.add_argument(
        "--database", type=Path, metavar="FILE", help="SQLite file; default: service.db in --runs."
    )
    group.add_argument(
        "--runs", type=Path, default=Path("runs"), metavar="DIR", help="Folder of the run folders."
    )
    group.add_argument(
        "--master-url", metavar="URL", help="A standing master to drive; default: one of its own."
    )
    group.add_argument(
        "--service-token-file", type=Path, metavar="FILE", help="The token of that master."
    )
    group.add_argument(
        "--allow-target",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="Address that runs may load besides the configured one. May be given several times.",
    )
    group.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="Certificate (PEM) to serve by."
    )
    group.add_argument("--tls-key", type=Path, metavar="FILE", help="Its private key (PEM).")
    add_options(parser, RunConfig, SECTIONS)
    add_sources(parser)


def execute(parsed: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    for package in ("uvicorn", "fastapi", "jinja2"):
        need(package, "serve", "inferswarm serve")
    if bool(parsed.tls_cert) != bool(parsed.tls_key):
        raise InputError("--tls-cert and --tls-key belong together; give both")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    gate = Gate(parsed.host, Tokens.read(parsed.tokens, os.environ))
    usual = _usual(os.environ)
    database = parsed.database or parsed.runs / "service.db"
    registry = Registry(database)
    with _alone(database), _master(parsed) as master, contextlib.closing(registry):
        conductor = Conductor(registry, master)
        conductor.start()
        try:
            # FastAPI is there only with the extra, so its modules are imported when they are needed.
            app = importlib.import_module("inferswarm.service.app")
            _listen(parsed, app.create_app(registry, conductor, master, gate, usual))
        finally:
            conductor.stop()
    return EXIT_OK


def _alone(database: Path) -> contextlib.AbstractContextManager[None]:
    """Refuse a second service on one database: each would carry out the other's runs."""

    def refuse() -> None:
        raise InputError(
            f"database {database}: another `inferswarm serve` uses it; give another --database"
        )

    return alone(database.with_name(f"{database.name}.lock"), refuse)


def _listen(parsed: argparse.Namespace, app: Any) -> None:
    scheme = "https" if parsed.tls_cert else "http"
    try:
        with socket.create_server((parsed.host, parsed.port)) as probe:
            port = probe.getsockname()[1]
    except OSError as error:
        raise InputError(f"--port {parsed.port}: {error.strerror}; give another") from None
    print(f"serving at {scheme}://{parsed.host}:{port}/ (Ctrl-C ends it)", flush=True)
    importlib.import_module("uvicorn").run(
        app,
        host=parsed.host,
        port=port,
        log_level="warning",
        server_header=False,
        ssl_certfile=parsed.tls_cert,
        ssl_keyfile=parsed.tls_key,
        timeout_graceful_shutdown=5,
    )


@contextlib.contextmanager
def _master(parsed: argparse.Namespace) -> Iterator[MasterClient]:
    """The way to the master: the given one, or one of our own while we serve."""
    if parsed.master_url:
        token = read_token(parsed.service_token_file, TOKEN_VARIABLE, "--service-token-file")
        if not parsed.master_url.startswith(("http://", "https://")):
            raise InputError(f"--master-url {parsed.master_url}: must be http://HOST:PORT")
        yield MasterClient(parsed.master_url, token)
        return
    with EmbeddedMaster(_master_arguments(parsed), parsed.runs / "master-output.log") as master:
        yield master.client


def _master_arguments(parsed: argparse.Namespace) -> list[str]:
    """What the master is to know of our own arguments."""
    words = ["--runs", str(parsed.runs), "--set", "load.bind="]
    words += [word for allowed in parsed.allow_target for word in ("--allow-target", allowed)]
    words += ["--config", str(parsed.config)] if parsed.config else []
    assignments: dict[str, Any] = {"load.workers": 1, "load.remote_workers": 0}
    for option in options_of(RunConfig):
        given = getattr(parsed, option.key, None)
        if given is not None:
            assignments[option.key] = ",".join(given) if isinstance(given, list) else given
    told = [f"{key}={value}" for key, value in assignments.items()] + parsed.assignments
    return words + [word for assignment in told for word in ("--set", assignment)]


def _usual(environment: Mapping[str, str]) -> Usual:
    """What `GET /run` asks for when it does not say; raises InputError for what is no number."""
    told = {name: environment.get(name) or default for name, default in USUAL.items()}
    try:
        usual = Usual(int(told["DURATION"]), int(told["USERS"]), float(told["RATE"]))
    except ValueError:
        raise InputError(f"DURATION, USERS and RATE must be numbers; given: {told}") from None
    if min(usual.duration_s, usual.users) < 1 or not usual.rate_per_s > 0:
        raise InputError(f"DURATION, USERS and RATE must be above 0; given: {told}")
    return usual
