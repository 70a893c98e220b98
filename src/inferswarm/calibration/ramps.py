"""The two ramps of a calibration, long answers and short ones, and how each is climbed."""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from inferswarm.calibration import search
from inferswarm.calibration.figures import Figures
from inferswarm.calibration.measure import Measured, Shape, pace_of
from inferswarm.calibration.search import Effort, Result, Step
from inferswarm.config.tree import RunConfig

TOKENS, REQUESTS = "tokens", "requests"
SHORT_TOKENS = 4
"""Answer length of the ramp of requests: so short that a request's own cost is most of it."""


class Ramp(msgspec.Struct, frozen=True):
    """Steps of one shape, of which the load grows; `counts` names the rate that is looked for."""

    counts: str
    shape: Shape
    effort: Effort

    def about_s(self, config: RunConfig) -> float:
        """About how long it takes: some ten steps, or three when they are large."""
        steps = 10 if self.effort.factor == 2 else 3
        return steps * self.shape.lasting_s(pace_of(config))


class Attempt(msgspec.Struct, frozen=True):
    """One step that was made."""

    step: Step
    measured: Measured

    @property
    def figures(self) -> Figures:
        """What it measured."""
        return self.measured.figures


def plan(config: RunConfig, *, quick: bool) -> list[Ramp]:
    """The ramps of a configuration.

    Answers that are not streamed come in one piece: there only requests cost, not tokens.
    """
    longest = config.request.max_output_tokens
    short = min(SHORT_TOKENS, longest)
    if quick:
        effort = Effort(first=512, factor=4, fine=2.0)
        shapes = Shape(longest, 0.5, 2.0, 1.1), Shape(short, 0.5, 2.0, 1.1)
    else:
        effort = Effort()
        shapes = Shape(longest, 1.0, 3.0, 1.5), Shape(short, 1.0, 2.0, 1.5)
    tokens = [Ramp(TOKENS, shapes[0], effort)] if config.target.stream else []
    return [*tokens, Ramp(REQUESTS, shapes[1], effort)]


def climb(ramp: Ramp, measure: Callable[[int], Measured], itl_ms: float) -> Iterator[Attempt]:
    """Measure one load after another until there is nothing more to learn."""
    steps: list[Step] = []
    while (streams := search.following(steps, ramp.effort)) is not None:
        measured = measure(streams)
        figures = measured.figures
        rate_per_s = figures.tokens_per_s if ramp.counts == TOKENS else figures.requests_per_s
        result = search.judge(figures, itl_ms, measured.others_cores)
        steps.append(Step(streams, rate_per_s, result))
        yield Attempt(steps[-1], measured)


def best(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt with the highest load that was carried."""
    good = search.best([attempt.step for attempt in attempts])
    return next((one for one in attempts if one.step is good), None)


def ended_by(attempts: Sequence[Attempt]) -> Result:
    """What the lowest load above the best one showed; `carried` when none was tried."""
    good = search.best([attempt.step for attempt in attempts])
    above = [one.step for one in attempts if good is None or one.step.streams > good.streams]
    lowest = min(above, key=lambda step: step.streams, default=None)
    return Result.CARRIED if lowest is None else lowest.result
