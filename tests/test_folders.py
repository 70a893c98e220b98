"""Facts about where this user's files are."""

from pathlib import Path

from inferswarm.folders import cache_folder


def test_the_cache_is_where_the_user_says() -> None:
    """Our own variable first, then the common one; a relative common one does not count."""
    common = {"XDG_CACHE_HOME": "/common"}
    assert cache_folder(common) == Path("/common/inferswarm")
    assert cache_folder(common | {"INFERSWARM_CACHE": "/own"}) == Path("/own")
    assert cache_folder({"INFERSWARM_CACHE": "own"}) == Path.cwd() / "own"
    for nothing in ({}, {"XDG_CACHE_HOME": "common"}, {"INFERSWARM_CACHE": ""}):
        assert cache_folder(nothing) == Path.home() / ".cache" / "inferswarm"
