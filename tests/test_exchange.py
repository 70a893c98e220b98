"""Facts about the values that the transport hands on."""

import pytest

from inferswarm.exchange import OUTCOME_SENTENCES, Exchange, Outcome, Tape, meaning


def test_every_outcome_has_a_sentence() -> None:
    """The report can explain each way in which a request can end."""
    assert set(OUTCOME_SENTENCES) == set(Outcome)
    assert all(sentence.endswith(".") for sentence in OUTCOME_SENTENCES.values())


def test_outcomes_are_their_published_names() -> None:
    """An outcome is the very text that records and `summary.json` hold."""
    assert Outcome("timeout_first_byte") is Outcome.TIMEOUT_FIRST_BYTE
    assert f"{Outcome.STREAM_ERROR}" == "stream_error"


def test_an_exchange_without_a_byte_has_an_empty_tape() -> None:
    """What was never answered needs no special value."""
    assert Exchange(1, 0, 2).tape == Tape(b"", [], [], 0)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("timeout_idle", OUTCOME_SENTENCES[Outcome.TIMEOUT_IDLE]),
        ("http_status", OUTCOME_SENTENCES[Outcome.HTTP_STATUS]),
        ("http_429", "The server answered 429 (Too Many Requests)."),
        ("http_529", "The server answered 529 (unknown status)."),
    ],
)
def test_every_counted_kind_has_a_meaning(kind: str, sentence: str) -> None:
    """A status is told with its phrase, whether or not it has one."""
    assert meaning(kind) == sentence
