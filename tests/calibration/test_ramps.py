"""Facts about the ramps: what is planned, and how one is climbed."""

from inferswarm.calibration import ramps
from inferswarm.calibration.figures import Figure, Figures
from inferswarm.calibration.measure import Measured
from inferswarm.calibration.search import Result
from inferswarm.config.tree import RunConfig


def measured(streams: int) -> Measured:
    """A worker that is true up to 100 streams, with 50 tokens and 2 requests a second for each."""
    error = 0.0 if streams <= 100 else 3.0
    figure = Figure(1_000, 20, 20, 20, 0, 0, error, 0)
    found = Figures({"itl": figure}, 50.0 * streams, 2.0 * streams, 0, {}, 0, 1_000)
    return Measured(found, 0.0, "native", "kernel")


def test_streams_have_two_ramps_and_whole_answers_one() -> None:
    """Tokens of an answer in one piece cost nothing each: only requests are counted there."""
    config = RunConfig.model_validate({"request": {"max_output_tokens": 64}})
    whole = RunConfig.model_validate({"target": {"stream": False}})
    tokens, requests = ramps.plan(config, quick=False)

    assert (tokens.counts, tokens.shape.tokens) == ("tokens", 64)
    assert (requests.counts, requests.shape.tokens) == ("requests", ramps.SHORT_TOKENS)
    assert [ramp.counts for ramp in ramps.plan(whole, quick=True)] == ["requests"]


def test_by_default_it_takes_about_two_minutes_and_quick_half_of_one() -> None:
    """What is told at its start."""
    config = RunConfig()
    default, quick = (
        sum(ramp.about_s(config) for ramp in ramps.plan(config, quick=quick))
        for quick in (False, True)
    )
    assert 100 < default < 150
    assert 20 < quick < 40


def test_a_window_holds_whole_answers() -> None:
    """Longer answers make longer steps."""
    long = RunConfig.model_validate({"request": {"max_output_tokens": 1_000}})
    for ramp in ramps.plan(long, quick=True)[:1]:
        assert ramp.shape.window_s(long.simulator) > 20.18


def test_a_ramp_is_climbed_to_its_limit() -> None:
    """Its rates are those that it counts, and its best attempt is the highest that was carried."""
    tokens, requests = ramps.plan(RunConfig(), quick=False)
    for ramp, each in ((tokens, 50.0), (requests, 2.0)):
        made = list(ramps.climb(ramp, measured, itl_ms=20))
        good = ramps.best(made)

        assert [one.step.streams for one in made][:4] == [16, 32, 64, 128]
        assert good is not None
        assert 80 <= good.step.streams <= 100
        assert good.step.rate_per_s == each * good.step.streams
        assert {one.step.result for one in made} == {Result.CARRIED, Result.MISSED}
        assert ramps.ended_by(made) is Result.MISSED
        assert ramps.ended_by(made[:1]) is Result.CARRIED
