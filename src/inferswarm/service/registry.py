"""Every run that was ever asked of the service, in SQLite: it survives the service."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from inferswarm.errors import InputError, StorageError
from inferswarm.service.states import ACTIVE, FINAL, State

MIGRATIONS = (
    """
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        key TEXT UNIQUE,
        priority INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL,
        config TEXT NOT NULL,
        limit_s REAL,
        stop_asked INTEGER NOT NULL DEFAULT 0,
        created_ns INTEGER NOT NULL,
        started_ns INTEGER,
        ended_ns INTEGER,
        error TEXT NOT NULL DEFAULT '',
        facts TEXT NOT NULL DEFAULT '{}'
    );
    CREATE INDEX runs_by_state ON runs (state, priority DESC, number);
    """,
)
"""Each brings a database of the version of its index to the next; they are never changed."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A row: what was asked, how far it is, and what the master told of it."""

    id: str
    state: State
    config: dict[str, Any]
    created_ns: int
    key: str | None = None
    priority: int = 0
    limit_s: float | None = None
    stop_asked: bool = False
    started_ns: int | None = None
    ended_ns: int | None = None
    error: str = ""
    facts: dict[str, Any] = {}

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in FINAL


class Registry:
    """The table of runs; one connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the database; raises InputError for one that is none, or is newer than we are."""
        self._lock = threading.Lock()
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # what a run asks for may hold what only its server is to know
            self._db = sqlite3.connect(
                path, check_same_thread=False, isolation_level=None, timeout=10
            )
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._migrate()
        except (sqlite3.Error, OSError) as error:
            raise InputError(f"database {path}: {error}; give another --database") from None

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise InputError(
                f"database {self._path}: of a newer inferswarm (version {version}); "
                "give another --database"
            )
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            self._db.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._db.close()

    def add(self, run: Run) -> Run:
        """Queue a run; the one that is there already when its key is."""
        with self._using() as db:
            if run.key and (known := self._first(db, "key = ?", run.key)) is not None:
                return known
            db.execute(
                "INSERT INTO runs (id, key, priority, state, config, limit_s, created_ns) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    run.id,
                    run.key,
                    run.priority,
                    run.state,
                    msgspec.json.encode(run.config).decode(),
                    run.limit_s,
                    run.created_ns,
                ),
            )
        return run

    def get(self, run: str) -> Run | None:
        """A run by its id."""
        with self._using() as db:
            return self._first(db, "id = ?", run)

    def active(self) -> Run | None:
        """The run that the master has, or had when the service ended."""
        marks = ", ".join("?" * len(ACTIVE))
        with self._using() as db:
            return self._first(db, f"state IN ({marks})", *sorted(ACTIVE))

    def next_queued(self) -> Run | None:
        """The run whose turn it is: the highest priority, then the oldest."""
        with self._using() as db:
            return self._first(db, "state = ? ORDER BY priority DESC, number", State.QUEUED)

    def page(self, limit: int, offset: int, state: State | None = None) -> tuple[int, list[Run]]:
        """How many runs there are, and some of them, newest first."""
        where, values = ("state = ?", (state,)) if state is not None else ("1", ())
        with self._using() as db:
            count = db.execute(f"SELECT count(*) FROM runs WHERE {where}", values).fetchone()[0]  # noqa: S608 - our own words
            rows = db.execute(
                f"SELECT * FROM runs WHERE {where} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608 - the same
                (*values, limit, offset),
            ).fetchall()
        return count, [_run(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many runs are in each state."""
        with self._using() as db:
            rows = db.execute("SELECT state, count(*) FROM runs GROUP BY state").fetchall()
        return {row[0]: row[1] for row in rows}

    def move(self, run: str, was: State, state: State, **more: Any) -> bool:
        """Put a run into another state, if it still is in the one it was; whether it was.

        `more` are further columns; times of start and end are noted by themselves.
        """
        now_ns = time.time_ns()
        if was is State.QUEUED and state is State.STARTING:
            more["started_ns"] = now_ns
        if state in FINAL:
            more["ended_ns"] = now_ns
        columns = {"state": state, **_columns(more)}
        names = ", ".join(f"{name} = ?" for name in columns)
        with self._using() as db:
            done = db.execute(
                f"UPDATE runs SET {names} WHERE id = ? AND state = ?",  # noqa: S608 - our own words
                (*columns.values(), run, was),
            )
            return done.rowcount == 1

    def note(self, run: str, **more: Any) -> None:
        """Change columns of a run, not its state."""
        columns = _columns(more)
        names = ", ".join(f"{name} = ?" for name in columns)
        with self._using() as db:
            db.execute(f"UPDATE runs SET {names} WHERE id = ?", (*columns.values(), run))  # noqa: S608 - the same

    def delete(self, run: str) -> bool:
        """Forget a run that is over; whether there was one."""
        marks = ", ".join("?" * len(FINAL))
        with self._using() as db:
            done = db.execute(
                f"DELETE FROM runs WHERE id = ? AND state IN ({marks})",  # noqa: S608 - the same
                (run, *sorted(FINAL)),
            )
            return done.rowcount == 1

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection within one transaction; raises StorageError when the disk fails."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise StorageError(
                        f"database {self._path}: {error}; free space, then try again"
                    ) from None
                raise

    @staticmethod
    def _first(db: sqlite3.Connection, where: str, *values: object) -> Run | None:
        row = db.execute(f"SELECT * FROM runs WHERE {where} LIMIT 1", values).fetchone()  # noqa: S608 - our own words
        return None if row is None else _run(row)


def _columns(more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: msgspec.json.encode(value).decode() if isinstance(value, dict) else value
        for name, value in more.items()
    }


def _run(row: sqlite3.Row) -> Run:
    return Run(
        id=row["id"],
        key=row["key"],
        priority=row["priority"],
        state=State(row["state"]),
        config=msgspec.json.decode(row["config"]),
        limit_s=row["limit_s"],
        stop_asked=bool(row["stop_asked"]),
        created_ns=row["created_ns"],
        started_ns=row["started_ns"],
        ended_ns=row["ended_ns"],
        error=row["error"],
        facts=msgspec.json.decode(row["facts"]),
    )
