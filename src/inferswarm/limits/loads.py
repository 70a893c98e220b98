"""What a sweep or a search changes from point to point, and lists of it as people write them.

| written | meaning |
| --- | --- |
| `10,20,50` | these |
| `10..100x5` | five from 10 to 100, evenly: 10, 32.5, 55, 77.5, 100 |
| `10..1000*2` | from 10 on, each twice the one before, up to 1000 |

Parts of a list may be mixed. A rate may have its unit, as in `600/min`; without one it is per second.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from inferswarm.config.units import Rate

MOST_POINTS = 100
_SPAN = re.compile(r"(.+?)\.\.(.+?)(x|\*)(\d+(?:\.\d*)?)")


@dataclass(frozen=True, slots=True)
class Axis:
    """One kind of load: the option that it sets, and within what."""

    name: str
    key: str
    flag: str
    unit: str
    least: float
    most: float
    whole: bool

    def told(self, load: float) -> str:
        """A load as people write it: `50/s`, `16 users`."""
        unit = self.unit.removesuffix("s") if load == 1 and self.whole else self.unit
        return f"{load:,.10g}{unit}"

    def read(self, text: str) -> float:
        """One load; raises ValueError that says what to write."""
        try:
            load = float(int(text)) if self.whole else float(Rate.parse(text))
        except ValueError:
            kind = "a whole number" if self.whole else Rate.ALLOWED
            raise ValueError(f"{text.strip()!r} is no {self.name}: write {kind}") from None
        if not self.least <= load <= self.most:
            allowed = f"{self.told(self.least)} to {self.told(self.most)}"
            raise ValueError(f"{text.strip()!r} must be {allowed}")
        return load

    def read_list(self, text: str) -> list[float]:
        """All loads of a list, each once, in its order; raises ValueError."""
        loads = list(dict.fromkeys(load for part in text.split(",") for load in self._part(part)))
        if len(loads) > MOST_POINTS:
            raise ValueError(f"{len(loads)} points are more than {MOST_POINTS}; take fewer")
        return loads

    def _part(self, text: str) -> Iterator[float]:
        found = _SPAN.fullmatch(text.strip())
        if found is None:
            yield self.read(text)
            return
        first, last, step = self.read(found[1]), self.read(found[2]), float(found[4])
        if last <= first:
            raise ValueError(f"{text.strip()!r} must go upwards")
        yield from (self._round(one) for one in _span(text, first, last, found[3], step))

    def _round(self, load: float) -> float:
        return float(round(load)) if self.whole else float(f"{load:.4g}")


RATE = Axis("rate", "arrivals.rate", "--rates", "/s", 0.1, 10_000, whole=False)
CONCURRENCY = Axis(
    "concurrency", "load.users", "--concurrencies", " users", 1, 1_000_000, whole=True
)


def _span(text: str, first: float, last: float, kind: str, step: float) -> Iterator[float]:
    if kind == "x":
        if step < 2 or step > MOST_POINTS or step % 1:
            raise ValueError(
                f"{text.strip()!r}: after x stands how many points, 2 to {MOST_POINTS}"
            )
        yield from (first + i * (last - first) / (step - 1) for i in range(int(step)))
        return
    if step < 1.01:
        raise ValueError(f"{text.strip()!r}: after * stands a factor of at least 1.01, as in *2")
    while first <= last * (1 + 1e-9):
        yield first
        first *= step
