"""The server's own `/metrics`, looked at every few seconds while the run goes on.

What is kept is only what is wanted, so memory does not grow with the page. Counters become rates, and
histograms quantiles, of what happened since the look before.
"""

import http.client
import math
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.parser import text_string_to_metric_families

from inferswarm.scales import NS_PER_S
from inferswarm.telemetry.values import Read, Series, Wanted, series_of

TIMEOUT_S = 5.0
IMPATIENCE_S = 0.5
PAGE_LIMIT_BYTES = 16 << 20
SOURCE = "scrape"

Numbers = Mapping[str, float]
"""Samples of a page, summed over all labels but a bucket's bound: `name`, or `name{le}`."""


def numbers_of(page: str) -> dict[str, float]:
    """The samples of a page in Prometheus's text format; raises ValueError when it is none."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            bound = sample.labels.get("le")
            name = sample.name if bound is None else f"{sample.name}{{{bound}}}"
            if math.isfinite(sample.value):
                found[name] = found.get(name, 0.0) + sample.value
    return found


class Reader:
    """Makes lines of one page after another."""

    def __init__(self, wanted: Iterable[Wanted]) -> None:
        self._lines = [(one, series_of(one, SOURCE)) for one in wanted if one.of]
        self._before: tuple[int, Numbers] | None = None

    @property
    def series(self) -> list[Series]:
        """Lines with at least one point."""
        return [line for _, line in self._lines if line.points]

    @property
    def missing(self) -> list[Wanted]:
        """What was never there."""
        return [one for one, line in self._lines if not line.points]

    def take(self, at_ns: int, now: Numbers) -> None:
        """One more page, of that instant."""
        before_ns, before = self._before or (at_ns, {})
        seconds = (at_ns - before_ns) / NS_PER_S
        for wanted, line in self._lines:
            value = value_of(wanted, now, before, seconds)
            if value is not None:
                line.points.append((at_ns, value * wanted.scale))
        self._before = (at_ns, now)


def value_of(wanted: Wanted, now: Numbers, before: Numbers, seconds: float) -> float | None:
    """The number for a line; None while there is none. Before the second page only gauges have one."""
    if wanted.read is Read.GAUGE:
        return _first(wanted.of, now)
    if not before or seconds <= 0:
        return None
    if wanted.read is Read.RATE:
        gained = _gained(wanted.of, now, before)
        return None if gained is None else gained / seconds
    if wanted.read in (Read.SHARE, Read.MEAN):
        ends = ("_sum", "_count") if wanted.read is Read.MEAN else ("", "")
        above = _gained(wanted.of, now, before, ends[0])
        below = _gained(wanted.to or wanted.of, now, before, ends[1])
        return above / below if above is not None and below else None
    assert wanted.read.quantile is not None
    return _quantile(wanted.of, wanted.read.quantile, now, before)


def _first(names: Sequence[str], now: Numbers) -> float | None:
    return next((now[name] for name in names if name in now), None)


def _gained(names: Sequence[str], now: Numbers, before: Numbers, end: str = "") -> float | None:
    """What a counter gained; a server that was started again counts from 0."""
    for name in names:
        for spelled in (f"{name}{end}", f"{name}{end}_total"):
            if spelled in now:
                gained = now[spelled] - before.get(spelled, 0.0)
                return gained if gained >= 0 else now[spelled]
    return None


def _quantile(names: Sequence[str], quantile: float, now: Numbers, before: Numbers) -> float | None:
    """By linear interpolation within its bucket, as Prometheus's histogram_quantile does."""
    for name in names:
        start = f"{name}_bucket{{"
        bounds = sorted(
            (float(key[len(start) : -1]), now[key] - before.get(key, 0.0))
            for key in now
            if key.startswith(start)
        )
        if bounds:
            return _interpolated(bounds, quantile)
    return None


def _interpolated(bounds: Sequence[tuple[float, float]], quantile: float) -> float | None:
    total = bounds[-1][1]
    if total <= 0:
        return None
    below_bound, below = 0.0, 0.0
    for bound, count in bounds:
        if count >= quantile * total:
            if math.isinf(bound) or count == below:
                return below_bound
            return below_bound + (bound - below_bound) * (quantile * total - below) / (
                count - below
            )
        below_bound, below = bound, count
    return below_bound


def fetch(url: str, context: ssl.SSLContext | None = None) -> str:
    """A page; raises OSError or ValueError with what came instead."""
    try:
        opened = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        ).open(url, timeout=TIMEOUT_S)
        with opened as answer:
            page: bytes = answer.read(PAGE_LIMIT_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise ValueError(f"HTTP {error.code}") from None
    except http.client.HTTPException as error:
        raise ValueError(str(error) or type(error).__name__) from None
    if len(page) > PAGE_LIMIT_BYTES:
        raise ValueError(f"a page of more than {PAGE_LIMIT_BYTES >> 20} MiB")
    return page.decode("utf-8", "replace")


class Poller:
    """Looks every `every_s` in a thread of its own, from `start` to `stop`."""

    def __init__(
        self,
        urls: Sequence[str],
        wanted: Iterable[Wanted],
        every_s: float,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """The first of `urls` that answers with something wanted is looked at."""
        self._urls = urls
        self._every_s = every_s
        self._context = context
        self._reader = Reader(wanted)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="server metrics", daemon=True)
        self._url = ""
        self._troubles: dict[str, str] = {}
        self._hopeless: set[str] = set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Look no more; what is under way is not waited for."""
        self._ending.set()

    def stop(self) -> tuple[list[Series], list[str]]:
        """End; the lines, and what is to be said of those that are missing."""
        self.end()
        self._thread.join(2 * TIMEOUT_S if self._url else IMPATIENCE_S)
        if not self._url:
            told = "; ".join(f"{url}: {why}" for url, why in self._troubles.items())
            return [], [f"the server's own metrics could not be read ({told})"]
        names = ", ".join(one.title for one in self._reader.missing)
        return self._reader.series, [f"{self._url} does not tell: {names}"] if names else []

    def _run(self) -> None:
        while True:
            began_s = time.monotonic()
            for url in (self._url,) if self._url else self._urls:
                if url not in self._hopeless and self._look(url):
                    self._url = url
                    break
            if self._ending.wait(max(0.0, self._every_s - (time.monotonic() - began_s))):
                return

    def _look(self, url: str) -> bool:
        try:
            numbers = numbers_of(fetch(url, self._context))
        except ValueError as error:
            self._troubles[url] = str(error)
            self._hopeless.add(
                url
            )  # something else answers there: asking again would be a nuisance
            return False
        except OSError as error:
            self._troubles[url] = str(getattr(error, "reason", error))
            return False
        if not numbers:
            self._troubles[url] = "no metric on the page"
            return False
        self._reader.take(time.time_ns(), numbers)
        return True
