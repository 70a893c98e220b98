"""Everything that is said of a server for the window of one run."""

import concurrent.futures
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

from inferswarm.config.target import TargetOptions
from inferswarm.config.telemetry import TelemetryOptions
from inferswarm.errors import InputError, StorageError
from inferswarm.extras import need
from inferswarm.scales import NS_PER_S
from inferswarm.telemetry.cloud_monitoring import open_monitoring
from inferswarm.telemetry.declared import read_wanted, shipped
from inferswarm.telemetry.promql import Prometheus, expression
from inferswarm.telemetry.scrape import Poller
from inferswarm.telemetry.values import Collected, Series, Wanted, packed

WINDOW_S = 60
PARALLEL = 8
PORTS = {"tensorrt_llm_triton": (8002,), "jetstream": (9100,)}
"""Where servers have their metrics when not on the port that they answer on."""


class Asked(Protocol):
    """Something that knows of the past."""

    def fetch(self, wanted: Wanted, start_ns: int, end_ns: int, window_s: int) -> list[Series]:
        """The lines of a metric; raises OSError or ValueError."""


class Telemetry:
    """From before the load to after it: start, stop, and write what came."""

    def __init__(
        self,
        options: TelemetryOptions,
        target: TargetOptions,
        sources: Mapping[str, Asked] | None = None,
    ) -> None:
        """Read what is wanted; raises InputError for a file or a library that is not there.

        `sources` (`prometheus`, `cloud`) stand in for those that follow from the options.
        """
        self._options = options
        self._wanted = shipped(target.backend)
        self._more = read_wanted(options.metrics) if options.metrics is not None else ()
        self._sources = _sources(options, self._more) if sources is None else sources
        self._poller = self._made_poller(target)
        self._began_ns = time.time_ns()

    def __enter__(self) -> Self:
        """Begin to look."""
        if self._poller is not None:
            self._poller.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more, whatever becomes of what was seen; `finish` has done so before."""
        if self._poller is not None:
            self._poller.end()

    def finish(self, path: Path, say: Callable[[str], None]) -> Collected:
        """Stop looking, ask those who know of the past, and write it all to `path`."""
        ended_ns = time.time_ns()
        collected = Collected()
        if self._poller is not None:
            collected.series, collected.notes = self._poller.stop()
        if self._sources:
            self._wait(ended_ns, say)
            self._ask(ended_ns, collected)
        if collected.series or collected.notes:
            try:
                path.write_bytes(packed(collected))
            except OSError as error:
                raise StorageError(f"{path} could not be written: {error.strerror}") from None
        return collected

    def _made_poller(self, target: TargetOptions) -> Poller | None:
        if self._options.poll == "off":
            return None
        auto = self._options.poll == "auto"
        urls = addresses(target) if auto else [self._options.poll]
        wanted = [one for one in (*self._wanted, *self._more) if one.of]
        context = _context(target)
        return (
            Poller(urls, wanted, self._options.poll_interval.seconds, context) if wanted else None
        )

    def _wait(self, ended_ns: int, say: Callable[[str], None]) -> None:
        left_s = self._options.wait.seconds - (time.time_ns() - ended_ns) / NS_PER_S
        if left_s > 0:
            say(f"waiting {left_s:.0f} s until the monitoring knows of the run's end")
            time.sleep(left_s)

    def _ask(self, ended_ns: int, collected: Collected) -> None:
        """All at once; what one of them does not know is a note."""
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            asked = [
                (wanted, pool.submit(source.fetch, wanted, self._began_ns, ended_ns, WINDOW_S))
                for wanted in (*self._wanted, *self._more)
                if (source := self._source_of(wanted)) is not None
            ]
        for wanted, answer in asked:
            try:
                found = answer.result()
            except (OSError, ValueError) as error:
                why = getattr(error, "reason", error)
                collected.notes.append(f"{wanted.name}: {why}")
                continue
            collected.series += found
            if not found:
                collected.notes.append(f"{wanted.name}: nothing is known of it in this run's time")

    def _source_of(self, wanted: Wanted) -> Asked | None:
        if wanted.filter:
            return self._sources.get("cloud")
        return self._sources.get("prometheus") if expression(wanted, WINDOW_S) else None


def addresses(target: TargetOptions) -> list[str]:
    """Where a server of this kind has its metrics."""
    url = urlsplit(target.url)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    ports = [f"http://{host}:{port}/metrics" for port in PORTS.get(target.backend, ())]
    return [*ports, f"{url.scheme}://{url.netloc}/metrics"]


def _context(target: TargetOptions) -> ssl.SSLContext | None:
    if not target.url.startswith("https://"):
        return None
    context = ssl.create_default_context(cafile=target.ca_file)
    if target.insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _sources(options: TelemetryOptions, more: Sequence[Wanted]) -> dict[str, Asked]:
    """Those who know of the past, as far as somebody asked for them."""
    found: dict[str, Asked] = {}
    if options.prometheus_url:
        found["prometheus"] = Prometheus(options.prometheus_url, _token(options))
    elif any(one.promql for one in more):
        raise InputError("the file of --metrics has promql entries; give --prometheus-url")
    if any(one.filter for one in more):
        found["cloud"] = open_monitoring(options.project)
    return found


def _token(options: TelemetryOptions) -> str:
    if options.prometheus_token_env != "google":  # noqa: S105 - a word, no secret
        return os.environ.get(options.prometheus_token_env, "")
    auth = need("google.auth", "monitoring", "telemetry.prometheus_token_env google")
    requests = need("google.auth.transport.requests", "monitoring", "Google Managed Prometheus")
    scope = "https://www.googleapis.com/auth/monitoring.read"
    try:
        credentials, _ = auth.default(scopes=[scope])
        credentials.refresh(requests.Request())
    except auth.exceptions.GoogleAuthError as error:
        raise InputError(f"Google Managed Prometheus: {error}") from None
    return str(credentials.token)
