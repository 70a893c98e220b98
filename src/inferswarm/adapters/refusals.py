"""What a wire format has no word for is refused, so that nobody believes it was asked for."""

from inferswarm.adapters import Wanted

_NOTHING = Wanted()


def unknown(wanted: Wanted, *names: str) -> str:
    """The refusal of those of these fields of `Wanted` that were given; empty when none was."""
    given = [f"request.{name}" for name in names if _is_given(wanted, name)]
    if not given:
        return ""
    if len(given) == 1:
        return f"{given[0]} is not known there; leave it out"
    return f"{', '.join(given[:-1])} and {given[-1]} are not known there; leave them out"


def _is_given(wanted: Wanted, name: str) -> bool:
    """Whether a field is not as it is by itself; the best of one answer is that answer."""
    value = getattr(wanted, name)
    return bool(value != getattr(_NOTHING, name) and (name, value) != ("best_of", 1))
