"""Facts about which requests get a trace, and its ids."""

import re

import pytest

from inferswarm.traces import Traces, span_id, traceparent

MANY = 20_000


def test_the_share_is_kept_and_a_larger_one_holds_the_smaller() -> None:
    """A hundredth of many requests, each of which would be among a tenth of them too."""
    few = {k for k in range(MANY) if Traces("r", 0.01).id_of(k)}
    more = {k for k in range(MANY) if Traces("r", 0.1).id_of(k)}
    assert few < more
    assert abs(len(few) - MANY / 100) < 60
    assert abs(len(more) - MANY / 10) < 200


def test_a_share_of_all_is_all_and_of_none_is_none() -> None:
    """At the ends nothing is left to chance."""
    assert all(Traces("r", 1.0).id_of(k) for k in range(1_000))
    assert not any(Traces("r", 0.0).id_of(k) for k in range(1_000))


def test_the_choice_follows_from_the_seed_and_not_from_the_run() -> None:
    """Two runs of a seed sample the same requests, by other ids."""
    one, two, other = Traces("a", 0.1, 7), Traces("b", 0.1, 7), Traces("a", 0.1, 8)
    chosen = [k for k in range(1_000) if one.id_of(k)]
    assert chosen == [k for k in range(1_000) if two.id_of(k)]
    assert chosen != [k for k in range(1_000) if other.id_of(k)]
    assert one.id_of(chosen[0]) != two.id_of(chosen[0])


def test_every_request_has_an_id_of_its_own() -> None:
    """Each arrival, turn and loan of a run, and the same again whoever asks."""
    traces = Traces("r", 1.0)
    asked = [(k, turn, epoch) for k in range(20) for turn in range(3) for epoch in range(3)]
    ids = [traces.id_of(*one) for one in asked]
    assert len({*ids, *map(span_id, ids)}) == 2 * len(asked)
    assert ids == [Traces("r", 1.0).id_of(*one) for one in asked]


@pytest.mark.parametrize("k", range(5))
def test_the_header_is_as_w3c_has_it(k: int) -> None:
    """Version, trace, span and the sampled flag, in lower-case hexadecimal digits."""
    trace = Traces("r", 1.0).id_of(k)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", traceparent(trace))
    assert traceparent(trace).split("-")[1:3] == [trace, span_id(trace)]
