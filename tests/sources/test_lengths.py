"""Facts about lengths as people write them."""

import math
from collections import Counter
from pathlib import Path

import pytest

from inferswarm.errors import InputError
from inferswarm.sources.lengths import read_lengths

MANY = 4_000


def drawn(written: str, count: int = MANY) -> list[int]:
    """The first lengths of a distribution."""
    lengths = read_lengths(written, "--input-tokens")
    return [lengths.at(i, "seed", 0) for i in range(count)]


def moments(values: list[int]) -> tuple[float, float]:
    """Mean and standard deviation."""
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((one - mean) ** 2 for one in values) / (len(values) - 1))


def test_a_number_is_always_that_length() -> None:
    """Nothing is drawn."""
    assert set(drawn("512", 20)) == {512}


def test_uniform_lengths_are_even_between_their_bounds() -> None:
    """Both bounds come, and none comes much more often than another."""
    counts = Counter(drawn("uniform:3..7"))
    assert set(counts) == {3, 4, 5, 6, 7}
    expected = MANY / 5
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 25


@pytest.mark.parametrize("written", ["normal:512,64", "lognormal:512,64", "lognormal:512,256"])
def test_the_two_numbers_are_mean_and_deviation_of_the_lengths(written: str) -> None:
    """Of the lengths themselves, also where their logarithms are normal."""
    mean, deviation = map(float, written.partition(":")[2].split(","))
    found = moments(drawn(written))
    assert found[0] == pytest.approx(mean, abs=5 * deviation / math.sqrt(MANY))
    assert found[1] == pytest.approx(deviation, rel=0.2)


def test_no_length_is_below_one() -> None:
    """A normal distribution near 0 is drawn again."""
    assert min(drawn("normal:2,10")) == 1


def test_a_length_follows_from_seed_and_number() -> None:
    """The same again, in any order; others for another seed. Pinned, since it is so everywhere."""
    lengths = read_lengths("lognormal:512,128", "x")
    first = [lengths.at(i, 1) for i in range(6)]
    assert [lengths.at(i, 1) for i in reversed(range(6))] == first[::-1]
    assert [lengths.at(i, 2) for i in range(6)] != first
    assert first == [527, 433, 405, 439, 410, 473]


def test_a_histogram_gives_each_length_by_its_weight(tmp_path: Path) -> None:
    """Header, comments and blank lines aside; a weight of 0 never comes."""
    path = tmp_path / "lengths.csv"
    path.write_text("length,weight\n# short\n10,1\n\n20, 3\n30,0\n")
    counts = Counter(drawn(str(path)))
    assert set(counts) == {10, 20}
    assert counts[20] / MANY == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("0", "1 to 10,000,000"),
        ("99999999999", "1 to 10,000,000"),
        ("uniform:9..3", "uniform:3..9"),
        ("uniform:3", "uniform:100..900"),
        ("uniform:0..3", "1 to 10,000,000"),
        ("normal:512", "normal:512,128"),
        ("normal:0.5,1", "the mean must be"),
        ("lognormal:10,1000", "ten times the mean"),
        ("unifrom:1..2", "did you mean uniform?"),
        ("nowhere.csv", "No such file"),
        ("", "length,weight"),
    ],
)
def test_what_cannot_be_read_is_one_line(written: str, said: str) -> None:
    """It names the option, what was given, and what it must be."""
    with pytest.raises(InputError) as refused:
        read_lengths(written, "--input-tokens")
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"--input-tokens {written!r}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "more than 0"),
        ("10,0\n", "more than 0"),
        ("10\n", "line 1 is '10'"),
        ("10,1\nx,2\n", "line 2 is 'x,2'"),
        ("1.5,1\n", "line 1"),
        ("0,1\n", "1 to 10,000,000"),
    ],
)
def test_a_histogram_that_is_none_is_refused(tmp_path: Path, content: str, said: str) -> None:
    """With the line that is wrong."""
    path = tmp_path / "lengths.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        read_lengths(str(path), "--input-tokens")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """In one line too."""
    path = tmp_path / "lengths.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no UTF-8 text"):
        read_lengths(str(path), "--input-tokens")
