"""Where this user's files are, and who may use some alone."""

import contextlib
import fcntl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

OWN_VARIABLE = "INFERSWARM_CACHE"
COMMON_VARIABLE = "XDG_CACHE_HOME"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """INFERSWARM_CACHE, or `inferswarm` in the user's cache; a relative XDG_CACHE_HOME is ignored."""
    if own := environment.get(OWN_VARIABLE, ""):
        return Path(own).absolute()
    common = Path(environment.get(COMMON_VARIABLE, ""))
    return (common if common.is_absolute() else Path.home() / ".cache") / "inferswarm"


@contextlib.contextmanager
def alone(lock: Path, busy: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock file, which is made if need be, until the end of the block or of this process.

    When another process holds it `busy` is called, and unless that raises we wait for the other.
    Raises OSError when the file cannot be opened.
    """
    with lock.open("wb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            busy()
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
