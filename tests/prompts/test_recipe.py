"""Facts about how synthetic prompts are drawn."""

from msgspec.structs import replace

from inferswarm.prompts.recipe import Recipe

PIECES = Recipe(seed=3, pieces=["a", "b", "c", "d", "e", "f"])


def test_a_prompt_follows_from_its_number_and_the_seed() -> None:
    """The same again, another for another number or seed."""
    assert PIECES.text(7, 40) == PIECES.text(7, 40)
    assert PIECES.text(7, 40) != PIECES.text(8, 40)
    assert PIECES.text(7, 40) != replace(PIECES, seed=4).text(7, 40)


def test_a_text_has_as_many_pieces_as_asked() -> None:
    """They stand apart by the joint."""
    assert len(PIECES.text(0, 12).split(" ")) == 12
    assert len(replace(PIECES, joint="").text(0, 12)) == 12


def test_draws_are_pinned() -> None:
    """Another value is another prompt for every seed."""
    assert PIECES.text(1, 12) == "f d f e a c d a c c e b"


def test_prompts_of_a_group_begin_alike() -> None:
    """For exactly as many tokens as they share, and no group begins like another."""
    shared = replace(PIECES, ids=list(range(1_000)), prefix_tokens=20, prefix_groups=3)
    drawn = [shared.drawn_ids(i, 50) for i in range(6)]
    assert [len(one) for one in drawn] == [50] * 6
    assert drawn[0][:20] == drawn[3][:20]
    assert drawn[0][:20] != drawn[1][:20]
    assert drawn[0][20] != drawn[3][20]
    assert [shared.group(i) for i in range(4)] == ["0", "1", "2", "0"]


def test_a_prompt_shorter_than_what_is_shared_is_a_part_of_it() -> None:
    """Nothing of its own is left then."""
    shared = replace(PIECES, prefix_tokens=20)
    assert shared.drawn_pieces(0, 50)[:5] == shared.drawn_pieces(1, 5)
