"""Where this user's files are."""

from collections.abc import Mapping
from pathlib import Path

OWN_VARIABLE = "INFERSWARM_CACHE"
COMMON_VARIABLE = "XDG_CACHE_HOME"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """INFERSWARM_CACHE, or `inferswarm` in the user's cache; a relative XDG_CACHE_HOME is ignored."""
    if own := environment.get(OWN_VARIABLE, ""):
        return Path(own).absolute()
    common = Path(environment.get(COMMON_VARIABLE, ""))
    return (common if common.is_absolute() else Path.home() / ".cache") / "inferswarm"
