"""Facts about hits in a server's prefix cache, and whether a run explains them."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferswarm.prefix_cache import CacheUse, Known, Uses, findings, shared_tokens
from inferswarm.prompts import Prompt
from inferswarm.records import Record
from tests.builders import FUZZ, failure, record
from tests.many_records import runs


def asked(*prompts: int, cached: int | None = 0, **more: object) -> list[Record]:
    """A request of 100 tokens for each of these prompts; as many of them cached."""
    return [
        record(k=k, prompt=one, input_tokens=100, cached_tokens=cached, **more)
        for k, one in enumerate(prompts)
    ]


def use_of(records: list[Record], known: Known) -> CacheUse:
    """What the cache did, by both passes over the records."""
    uses, use = Uses(), CacheUse()
    for one in records:
        uses.add(one)
    for one in records:
        use.add(one, uses.of(one), known)
    return use


def said(records: list[Record], **known: Any) -> tuple[list[str], list[str]]:
    """Reasons and warnings."""
    found = Known(**known)
    return findings(use_of(records, found), found)


def test_without_hits_and_repeats_nothing_is_said() -> None:
    """Each prompt once, none cached."""
    assert said(asked(0, 1, 2, 3)) == ([], [])


def test_hits_although_each_prompt_was_asked_once_are_unexplained() -> None:
    """A warning: the numbers are true, but of a warm cache."""
    reasons, (warning,) = said(asked(0, 1, 2, 3, cached=50))
    assert not reasons
    assert "50% of the input tokens" in warning
    assert "its prompts were not asked before" in warning


def test_hits_of_salted_prompts_are_a_reason_against_the_run() -> None:
    """Whoever salts wants no hits."""
    (reason,), warnings = said(asked(0, 0, 0, cached=50), salted=True)
    assert "although each began with a salt" in reason
    assert not warnings


def test_few_hits_of_salted_prompts_are_a_warning() -> None:
    """They move no percentile."""
    assert [len(one) for one in said(asked(0, 1, cached=4), salted=True)] == [0, 1]


def test_repeated_prompts_explain_their_hits_and_are_told() -> None:
    """How often they were asked, what was cached, and the remedy."""
    reasons, (warning,) = said(asked(0, 0, 0, 1, 1, cached=80))
    assert not reasons
    assert "asked up to 3 times" in warning
    assert "contain prefix cache hits, 80% of the input tokens; give --salt-prompts" in warning


def test_repeats_at_a_server_that_tells_nothing_may_be_hits() -> None:
    """Nobody knows; short prompts are hardly cached, and salted ones not at all."""
    (warning,) = said(asked(0, 0, cached=None))[1]
    assert "may contain prefix cache hits" in warning
    assert said(asked(0, 0, cached=None), salted=True) == ([], [])
    short = [record(k=k, prompt=0, input_tokens=20) for k in range(9)]
    assert said(short) == ([], [])


def test_a_server_that_tells_of_hits_alone_had_none_elsewhere() -> None:
    """Once a request is told of, the others count as not cached."""
    records = asked(0, cached=90) + asked(*range(1, 200), cached=None)
    assert said(records) == ([], [])


def test_repeats_without_hits_are_nothing_to_tell() -> None:
    """The server said that nothing was cached."""
    assert said(asked(0, 0, 0, cached=0)) == ([], [])


def test_a_shared_start_explains_as_many_tokens() -> None:
    """And no more."""
    assert said(asked(0, 1, 2, cached=60), prefix_tokens=60) == ([], [])
    assert len(said(asked(0, 1, 2, cached=70), prefix_tokens=60)[1]) == 1


def test_later_turns_explain_themselves() -> None:
    """They begin with all that was said before, salted or not."""
    assert said(asked(0, 1, turn=1, cached=90), salted=True) == ([], [])


def test_later_turns_ask_no_prompt_again() -> None:
    """A conversation of three turns is asked once."""
    talk = [one for turn in range(3) for one in asked(0, turn=turn)]
    assert use_of(talk, Known()).most_uses == 1


def test_a_chat_template_is_no_hit() -> None:
    """The server puts it before every prompt."""
    assert said(asked(0, 1, 2, cached=48, api="chat")) == ([], [])
    assert len(said(asked(0, 1, 2, cached=64, api="chat"))[1]) == 1


def test_an_earlier_run_with_the_same_prompts_explains_hits() -> None:
    """And is named."""
    reasons, (warning,) = said(asked(0, 1, 2, cached=90), before="x-1")
    assert not reasons
    assert "run x-1 asked this server the same prompts before" in warning


def test_requests_that_failed_or_were_never_sent_are_left_out() -> None:
    """What was sent may be in the cache; what failed tells nothing of it."""
    records = [*asked(0), failure(prompt=0), record(prompt=0, sent_ns=0, input_tokens=None)]
    found = use_of(records, Known())
    assert (found.requests, found.most_uses) == (1, 2)


def test_prompts_without_a_count_are_judged_by_their_characters() -> None:
    """Four to a token."""
    found = use_of([record(input_tokens=None, prompt_chars=400)], Known())
    assert found.input_tokens == 100


@FUZZ
@given(runs(), st.randoms(use_true_random=False))
def test_any_split_merges_to_the_same(records: list[Record], chance: Random) -> None:
    """Parts in any order come to what one count of all comes to."""
    uses, parts = Uses(), [Uses(), Uses(), Uses()]
    whole, merged = CacheUse(), CacheUse()
    for one in records:
        uses.add(one)
        chance.choice(parts).add(one)
    together = Uses()
    for part in parts:
        together.merge(part)
    for one in records:
        assert together.of(one) == uses.of(one)
        piece = CacheUse()
        piece.add(one, uses.of(one), Known())
        merged.merge(piece)
        whole.add(one, uses.of(one), Known())
    assert merged == whole


def test_a_damaged_index_is_not_counted() -> None:
    """It must not take all memory."""
    uses = Uses()
    uses.add(record(prompt=1 << 40))
    uses.add(record(prompt=-1))
    assert (len(uses.counts), uses.of(record(prompt=1 << 40))) == (0, 0)


@pytest.mark.parametrize(
    ("one", "other", "tokens"),
    [
        (Prompt(ids=[1, 2, 3], group="0"), Prompt(ids=[1, 2, 4], group="0"), 2),
        (Prompt("a b c d", group="0", input_tokens=4), Prompt("a b x y", group="0"), 3),
        (Prompt("a b", group="0"), Prompt("a b", group="1"), 0),
        (Prompt("a b"), Prompt("a b"), 0),
    ],
)
def test_what_a_group_shares_is_seen_from_two_of_it(
    one: Prompt, other: Prompt, tokens: int
) -> None:
    """In tokens, of a text by its length."""
    assert shared_tokens([one, other]) == tokens
