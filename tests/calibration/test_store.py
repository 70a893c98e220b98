"""Facts about the store: what is kept comes back, for this machine and this way of asking only."""

from pathlib import Path

import msgspec
import pytest

from inferswarm.calibration import store
from inferswarm.calibration.figures import Figure
from inferswarm.calibration.store import Conditions, Entry, Machine, Setup
from inferswarm.ceiling import Ceiling, Ceilings
from inferswarm.config.tree import RunConfig
from inferswarm.errors import StorageError

HERE = Machine("Fast CPU", 8, "Linux 6.1", "CPython 3.11.7", "0.1.0")
SETUP = Setup("openai", "completions", stream=True, usage_per_chunk=False, recorder="native")


def entry(carried_per_s: float = 1_000.0, **changed: object) -> Entry:
    """A calibration; any field can be another."""
    usual = Entry(
        machine=HERE,
        setup=SETUP,
        conditions=Conditions(128, 200.0, 20.0, quick=True),
        ceilings=Ceilings(Ceiling(carried_per_s), Ceiling(50.0, 60.0), "2026-01-02T03:04:05+00:00"),
        errors={"tokens": {"itl": Figure(5, 20, 20, 21, 0.1, 0.1, 0.2, 0.3)}},
    )
    return msgspec.structs.replace(usual, **changed)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    """Also from a folder that was not there, and nothing else stays beside the file."""
    path = tmp_path / "a" / "b" / "calibration.json"
    store.save(path, entry())

    assert store.load(path) == [entry()]
    assert store.find(path, HERE, SETUP) == entry().ceilings
    assert [one.name for one in path.parent.iterdir()] == ["calibration.json"]


def test_a_newer_calibration_takes_the_place_of_its_older_one_only(tmp_path: Path) -> None:
    """Those of other machines and setups stay."""
    path = tmp_path / "calibration.json"
    chat = msgspec.structs.replace(SETUP, api="chat")
    store.save(path, entry(1))
    store.save(path, entry(2, setup=chat))
    store.save(path, entry(3))

    assert len(store.load(path)) == 2
    for setup, carried_per_s in ((SETUP, 3), (chat, 2)):
        found = store.find(path, HERE, setup)
        assert found is not None
        assert found.tokens == Ceiling(carried_per_s)


@pytest.mark.parametrize("field", ["cpu", "cores", "kernel", "python", "inferswarm"])
def test_another_machine_or_version_has_none(tmp_path: Path, field: str) -> None:
    """A calibration holds where it was made."""
    path = tmp_path / "calibration.json"
    store.save(path, entry())
    other = msgspec.structs.replace(HERE, **{field: 99 if field == "cores" else "other"})
    assert store.find(path, other, SETUP) is None


def test_a_store_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """Damage, another format and a folder in its place say what to do; an absent one is empty."""
    path = tmp_path / "calibration.json"
    assert store.load(path) == []
    for content in (b"{", b"[]", b'{"format":"inferswarm-calibration/9","calibrations":[]}'):
        path.write_bytes(content)
        with pytest.raises(StorageError, match=r"calibration\.json"):
            store.load(path)
    with pytest.raises(StorageError, match=r"under-a-file\.json"):
        store.save(path / "under-a-file.json", entry())


def test_the_store_is_in_the_users_cache(tmp_path: Path) -> None:
    """XDG_CACHE_HOME moves it when it is absolute, as its definition says."""
    assert store.default_path({"XDG_CACHE_HOME": str(tmp_path)}) == (
        tmp_path / "inferswarm" / "calibration.json"
    )
    at_home = Path.home() / ".cache" / "inferswarm" / "calibration.json"
    assert store.default_path({}) == store.default_path({"XDG_CACHE_HOME": "x/y"}) == at_home


def test_a_run_finds_what_was_calibrated_for_it(tmp_path: Path) -> None:
    """By its way of asking and the recorder that it had; nothing is known of https."""
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    config = RunConfig.model_validate({"target": {"url": "http://localhost:1", "api": "chat"}})
    setup = store.setup_of(config, "gevent")
    store.save(store.default_path(environment), entry(machine=store.this_machine(), setup=setup))
    secure = RunConfig.model_validate({"target": {"url": "https://localhost:1", "api": "chat"}})

    assert store.ceilings_of_run(config, "gevent", environment) == entry().ceilings
    assert store.ceilings_of_run(config, "native", environment) is None
    assert store.setup_of(RunConfig(), "native").api == "completions"
    assert store.ceilings_of_run(RunConfig(), "gevent", environment) is None
    assert store.ceilings_of_run(secure, "gevent", environment) is None
