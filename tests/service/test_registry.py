"""Facts about the runs that the service knows."""

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from inferswarm.errors import InputError, StorageError
from inferswarm.service.registry import MIGRATIONS, Registry, Run
from inferswarm.service.states import State


def run(number: int, **more: Any) -> Run:
    """A queued run."""
    usual = Run(id=f"run-{number}", state=State.QUEUED, config={}, created_ns=number)
    return Run(**({name: getattr(usual, name) for name in usual.__struct_fields__} | more))


def test_only_its_owner_may_read_the_database(tmp_path: Path) -> None:
    """Nor what is beside it while it is open."""
    registry = Registry(tmp_path / "service.db")
    registry.add(run(1))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    registry.close()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A new database."""
    return Registry(tmp_path / "service.db")


def test_what_was_queued_is_there_again_after_a_restart(tmp_path: Path) -> None:
    """With everything that was asked and noted."""
    first = Registry(tmp_path / "service.db")
    first.add(run(1, config={"load": {"users": 3}}, key="k", priority=5, limit_s=60.0))
    first.move("run-1", State.QUEUED, State.STARTING, facts={"id": "x"})
    first.note("run-1", stop_asked=1, error="late")
    first.close()
    again = Registry(tmp_path / "service.db").active()
    assert again is not None
    assert again.started_ns is not None
    assert (again.config, again.key, again.priority) == ({"load": {"users": 3}}, "k", 5)
    assert (again.limit_s, again.facts, again.stop_asked) == (60.0, {"id": "x"}, True)
    assert (again.error, again.state, again.over) == ("late", State.STARTING, False)


def test_a_key_is_one_run(registry: Registry) -> None:
    """Asked again, even at the same moment by many, it is the run that is there."""
    answers: list[str] = []

    def ask(number: int) -> None:
        answers.append(registry.add(run(number, key="same")).id)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert registry.page(10, 0)[0] == 1


def test_the_highest_priority_goes_first_and_then_the_oldest(registry: Registry) -> None:
    """Whatever the order of asking."""
    for number, priority in enumerate([0, 5, 0, 5, -1]):
        registry.add(run(number, priority=priority))
    order = []
    while (following := registry.next_queued()) is not None:
        order.append(following.id)
        assert registry.move(following.id, State.QUEUED, State.CANCELLED)
    assert order == ["run-1", "run-3", "run-0", "run-2", "run-4"]


def test_a_run_moves_only_from_where_it_is(registry: Registry) -> None:
    """Of two that take it, one has it."""
    registry.add(run(1))
    assert registry.move("run-1", State.QUEUED, State.STARTING)
    assert not registry.move("run-1", State.QUEUED, State.CANCELLED)
    assert registry.move("run-1", State.STARTING, State.DONE)
    found = registry.get("run-1")
    assert found is not None
    assert found.over
    assert found.ended_ns is not None


def test_runs_are_listed_newest_first_in_pages(registry: Registry) -> None:
    """And by state."""
    for number in range(5):
        registry.add(run(number))
    registry.move("run-3", State.QUEUED, State.STARTING)
    total, page = registry.page(2, 1)
    assert (total, [one.id for one in page]) == (5, ["run-3", "run-2"])
    assert [one.id for one in registry.page(9, 0, State.STARTING)[1]] == ["run-3"]
    assert registry.counts() == {"queued": 4, "starting": 1}


def test_only_what_is_over_is_forgotten(registry: Registry) -> None:
    """A run that goes on must not lose its row."""
    registry.add(run(1))
    assert not registry.delete("run-1")
    registry.move("run-1", State.QUEUED, State.CANCELLED)
    assert registry.delete("run-1")
    assert registry.get("run-1") is None


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """It would be read wrongly."""
    path = tmp_path / "service.db"
    Registry(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(InputError, match=r"of a newer inferswarm .* --database"):
        Registry(path)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """Also a folder."""
    (tmp_path / "text").write_text("no database, but long enough to be looked at" * 40)
    for path in (tmp_path / "text", tmp_path):
        with pytest.raises(InputError, match=f"database {path}: .*--database"):
            Registry(path)


def test_a_full_disk_is_told_and_leaves_the_registry_usable(registry: Registry) -> None:
    """The page limit of SQLite stands in for the disk's."""
    pages = registry._db.execute("PRAGMA page_count").fetchone()[0]
    registry._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="full"):
        registry.add(run(1, config={"filler": "x" * 500_000}))
    registry._db.execute("PRAGMA max_page_count = 100000")
    registry.add(run(2))
    assert registry.get("run-1") is None
    assert registry.get("run-2") is not None
