"""Facts about the start of its own that every request gets."""

from inferswarm.prompts.salt import IDS, Salt


def test_a_salt_is_of_its_request_and_run() -> None:
    """The same for the same, another for another k or run."""
    salts = [Salt("a").text(1), Salt("a").text(1), Salt("a").text(2), Salt("b").text(1)]
    assert salts[0] == salts[1]
    assert len(set(salts)) == 3


def test_no_two_of_many_salts_are_alike() -> None:
    """Nor does one begin as another does."""
    salt = Salt.of("run", range(100))
    assert len({salt.text(k) for k in range(5_000)}) == 5_000
    assert len({tuple(salt.token_ids(k)) for k in range(5_000)}) == 5_000


def test_a_salt_of_ids_uses_no_others() -> None:
    """Only ids that the prompts have are known to be some."""
    drawn = Salt.of("run", [5, 9, 5, 7]).token_ids(3)
    assert len(drawn) == IDS
    assert set(drawn) <= {5, 7, 9}


def test_without_ids_there_is_no_salt_of_them() -> None:
    """Nobody knows which there are."""
    assert Salt("run").token_ids(0) == []
