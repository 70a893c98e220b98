"""Prometheus, and whatever answers its API: Google Managed Prometheus under another base URL."""

import http.client
import math
import urllib.error
import urllib.parse
import urllib.request

import msgspec

from inferswarm.scales import NS_PER_S
from inferswarm.telemetry.values import Read, Series, Wanted, series_of

TIMEOUT_S = 20.0
ANSWER_LIMIT_BYTES = 32 << 20
MOST_POINTS = 1_000
SOURCE = "prometheus"


def expression(wanted: Wanted, window_s: int) -> str:
    """The PromQL of a line: its own, or what follows from the names of its metric; empty for neither."""
    if wanted.promql:
        return wanted.promql
    found = [_of(wanted, name, window_s) for name in wanted.of]
    return " or ".join(f"({one})" for one in found) if len(found) > 1 else "".join(found)


def _of(wanted: Wanted, name: str, window_s: int) -> str:
    at = wanted.of.index(name)
    divisor = (wanted.to or wanted.of)[min(at, len(wanted.to or wanted.of) - 1)]
    span = f"[{window_s}s]"
    match wanted.read:
        case Read.GAUGE:
            return f"sum({name})"
        case Read.RATE:
            return f"sum(rate({counter(name)}{span}))"
        case Read.SHARE:
            return f"sum(rate({counter(name)}{span})) / sum(rate({counter(divisor)}{span}))"
        case Read.MEAN:
            return f"sum(rate({name}_sum{span})) / sum(rate({divisor}_count{span}))"
    return f"histogram_quantile({wanted.read.quantile}, sum by (le) (rate({name}_bucket{span})))"


def counter(name: str) -> str:
    """A counter as it is exposed; Triton's have no suffix, all others' do."""
    return name if name.startswith("nv_") or name.endswith("_total") else f"{name}_total"


def step_s(start_ns: int, end_ns: int) -> int:
    """Seconds between points, so that a long run has no more of them than a screen shows."""
    return max(1, math.ceil((end_ns - start_ns) / NS_PER_S / MOST_POINTS))


class Prometheus:
    """One base URL."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        self._token = token

    def fetch(self, wanted: Wanted, start_ns: int, end_ns: int, window_s: int) -> list[Series]:
        """The lines of a metric in a window; raises OSError or ValueError with what went wrong."""
        asked = {
            "query": expression(wanted, window_s),
            "start": f"{start_ns / NS_PER_S:.3f}",
            "end": f"{end_ns / NS_PER_S:.3f}",
            "step": str(step_s(start_ns, end_ns)),
        }
        answer = self._ask(f"{self._url}/api/v1/query_range?{urllib.parse.urlencode(asked)}")
        own = bool(wanted.promql)
        return [
            _line(wanted, one, scale=1.0 if own else wanted.scale)
            for one in answer.data.result
            if one.values
        ]

    def _ask(self, url: str) -> "_Answer":
        request = urllib.request.Request(url)  # noqa: S310 - the scheme is checked with the option
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as opened:  # noqa: S310 - the same
                content = opened.read(ANSWER_LIMIT_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                content = error.read(ANSWER_LIMIT_BYTES)
                raise ValueError(f"HTTP {error.code} {_why(content)}".strip()) from None
        except http.client.HTTPException as error:
            raise ValueError(str(error) or type(error).__name__) from None
        try:
            found = msgspec.json.decode(content, type=_Answer)
        except msgspec.DecodeError as error:
            raise ValueError(f"not an answer of Prometheus: {error}") from None
        if found.status != "success":
            raise ValueError(found.error or found.status)
        return found


class _Line(msgspec.Struct):
    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    result: list[_Line] = []


class _Answer(msgspec.Struct):
    status: str = ""
    error: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


def _why(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Answer).error
    except msgspec.DecodeError:
        return ""


def _line(wanted: Wanted, found: _Line, scale: float) -> Series:
    labels = {name: value for name, value in found.metric.items() if name != "__name__"}
    line = series_of(wanted, SOURCE, labels)
    for at_s, text in found.values:
        value = float(text)
        if math.isfinite(value):
            line.points.append((int(at_s * NS_PER_S), value * scale))
    return line
