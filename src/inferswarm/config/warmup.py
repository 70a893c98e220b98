"""What of a run's start is left out of its numbers, and how people write it.

| written | what is left out |
| --- | --- |
| `30s` | requests sent in the first 30 s |
| `200` | the first 200 requests that were sent |
| `auto` | what was sent before the steady state that `inferswarm.steady` finds |
| nothing, `none` | nothing |
"""

from dataclasses import dataclass

from inferswarm.config.units import Duration

MOST_REQUESTS = 100_000
"""So many starts are remembered to find the last of them."""


@dataclass(frozen=True, slots=True)
class Warmup:
    """A span of time, a number of requests, or whatever comes before the steady state."""

    duration_ns: int = 0
    requests: int = 0
    auto: bool = False


def parse_warmup(given: str) -> Warmup:
    """As in this module's table; ValueError for anything else."""
    text = given.strip()
    if text in ("", "none"):
        return Warmup()
    if text == "auto":
        return Warmup(auto=True)
    if text.isdecimal():
        return Warmup(requests=_few_enough(int(text)))
    try:
        return Warmup(duration_ns=Duration.parse(text if text[-1:].isalpha() else ""))
    except ValueError:
        raise ValueError(
            "it must be a duration such as 30s, a number of requests such as 200, auto or none"
        ) from None


def _few_enough(requests: int) -> int:
    if requests > MOST_REQUESTS:
        raise ValueError(f"at most {MOST_REQUESTS:,} requests can be left out; give a duration")
    return requests


def checked(given: object) -> str:
    """The same text, once it is known to be a warm-up."""
    text = "" if given is None else str(given)
    parse_warmup(text)
    return text
