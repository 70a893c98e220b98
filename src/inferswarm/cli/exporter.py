"""`inferswarm exporter`: a plain Locust master's numbers for Prometheus."""

import argparse
import signal

from inferswarm.cli.view import complain
from inferswarm.errors import EXIT_OK
from inferswarm.exposition.sidecar import LocustClient, Sidecar

NAME = "exporter"
SUMMARY = "Beside a plain Locust master: its numbers for Prometheus, by the well-known names."
EXAMPLES = """examples:
  inferswarm exporter --locust-url http://localhost:8089
  inferswarm exporter --locust-url http://locust-master:8089 --host 0.0.0.0 --port 9646

A master of inferswarm answers /metrics itself and needs no exporter."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom to ask, and where to answer."""
    parser.add_argument(
        "--locust-url", required=True, metavar="URL", help="Where Locust's web UI is."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="Address to listen at (default: %(default)s)."
    )
    parser.add_argument(
        "--port", type=int, default=9646, help="Port to listen at (default: %(default)s; 0: any)."
    )


def execute(parsed: argparse.Namespace) -> int:
    """Answer until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    locust = LocustClient(parsed.locust_url)
    sidecar = Sidecar(
        locust, parsed.host, parsed.port, lambda line: complain(f"inferswarm: {line}")
    )
    print(
        f"metrics of {locust.url} at http://{parsed.host}:{sidecar.port}/metrics (Ctrl-C ends it)",
        flush=True,
    )
    sidecar.serve()
    return EXIT_OK
