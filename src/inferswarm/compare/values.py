"""The documented form of `compare.json`. Numbers that do not exist are null."""

from typing import Literal

import msgspec

SCHEMA = "inferswarm-compare/1"

Call = Literal["worse", "better", "small", "not shown", "unknown"]
"""`small` is a difference that is there but too small to matter."""


class RunFacts(msgspec.Struct, frozen=True):
    """One run: its letter in the table, where it is, and whether it can be relied on.

    `block_s` is the length of the blocks that were drawn, `blocks` how many of them fit.
    """

    label: str
    name: str
    id: str
    started: str
    simulated: bool
    valid: bool
    reasons: list[str]
    window: str
    requests: int
    block_s: float
    blocks: int


class Setting(msgspec.Struct, frozen=True):
    """Something that was not the same in all runs; a value for each of them."""

    key: str
    values: list[str]


class Change(msgspec.Struct, frozen=True):
    """How one number of a run differs from that of the first.

    `change`, `low` and `high` (its 95 % interval) are shares of the first run's value or, for a share of
    requests, differences; `absolute` is the difference in the unit. `p` is how often chance alone
    would come so far, `p_holm` the same with all comparisons of the table in mind. `floor` is what a
    difference must exceed to be called, `smallest` the least that would probably be shown by runs
    like these.
    """

    run: str
    call: Call
    said: str
    change: float | None = None
    absolute: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    floor: float | None = None
    smallest: float | None = None


class Row(msgspec.Struct, frozen=True):
    """One number of all runs, in `unit`, and how those after the first differ."""

    name: str
    title: str
    unit: str
    lower_is_better: bool
    values: list[float | None]
    changes: list[Change]


class Judged(msgspec.Struct, frozen=True):
    """One condition of `--fail-if` for one run."""

    condition: str
    run: str
    failed: bool
    said: str


class Method(msgspec.Struct, frozen=True):
    """How it was decided."""

    resamples: int
    seed: int
    level: float
    floor: float
    comparisons: int
    histogram_error: float
    resolution_ms: float


class Comparison(msgspec.Struct, frozen=True):
    """The content of `compare.json`; `warnings` say what makes the runs hard to compare."""

    schema_version: str
    runs: list[RunFacts]
    warnings: list[str]
    settings: list[Setting]
    method: Method
    rows: list[Row]
    conditions: list[Judged] = []
