"""Facts about what is counted while a source is read."""

import pytest

from inferswarm.errors import InputError
from inferswarm.sources.tally import HOPELESS, Tally, shown


def test_the_first_bad_rows_are_named() -> None:
    """The others are only counted, and good rows go on."""
    tally = Tally("x")
    tally.add()
    for number in range(5):
        tally.leave_out(f"row {number}", "it is empty")
    tally.finish()
    assert tally.told == (
        "5 rows without a prompt left out: row 0: it is empty; row 1: it is empty; "
        "row 2: it is empty; ..."
    )


def test_nothing_is_told_of_a_good_source() -> None:
    """Nor is it refused."""
    tally = Tally("x")
    tally.add()
    tally.finish()
    assert tally.told == ""


def test_a_source_without_a_prompt_is_refused() -> None:
    """By what was wrong with its first row, or because it has none."""
    with pytest.raises(InputError, match="x: no prompt in it; write one prompt a line"):
        Tally("x").finish()
    tally = Tally("x")
    tally.leave_out("row 1", "no column `prompt`")
    with pytest.raises(InputError, match="x: no prompt in its 1 rows; row 1: no column `prompt`"):
        tally.finish()


def test_a_hopeless_source_is_not_read_to_its_end() -> None:
    """When its first thousand rows hold no prompt, it is refused at once."""
    tally = Tally("x")
    for number in range(HOPELESS - 1):
        tally.leave_out(f"row {number}", "bad")
    with pytest.raises(InputError, match="in its 1,000 rows; row 0: bad"):
        tally.leave_out("the last", "bad")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("https://me:pass@host/x.txt?signature=abc", "https://host/x.txt"),
        ("gs://bucket/x.txt", "gs://bucket/x.txt"),
        ("a?b/x@y.txt", "a?b/x@y.txt"),
    ],
)
def test_secrets_of_a_url_are_not_shown(source: str, text: str) -> None:
    """Neither its password nor its query, where signatures stand; paths stay as they are."""
    assert shown(source) == text
