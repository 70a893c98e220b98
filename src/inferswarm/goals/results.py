"""How a run stands to its goals, as published in `summary.json`."""

import msgspec


class GoalResult(msgspec.Struct, frozen=True):
    """One goal and what was measured, `value` and `limit` both in `unit` (a share is 0 to 1).

    `margin` is the room left as a share of the limit, negative when missed; null without a value or
    where the limit is 0. `preset` names the preset that the goal came from; `note` is what else must
    be known.
    """

    goal: str
    value: float | None
    limit: float
    unit: str
    met: bool
    margin: float | None
    preset: str = ""
    note: str = ""


class GoodputStats(msgspec.Struct, frozen=True):
    """Requests that succeeded within all `limits`.

    `good` are so many of the `attempted` ones sent since the window began, which makes the `share`.
    The rates are over the window, as those of the throughput. `missed` counts, for each limit, the
    successful requests that were not within it; of those, `untold` had no such value (the answer
    was not streamed).
    """

    limits: list[str]
    attempted: int
    good: int
    share: float | None
    requests_per_s: float
    output_tokens_per_s: float
    missed: dict[str, int]
    untold: dict[str, int]
