"""Facts about which prompt an arrival uses."""

from collections import Counter

from inferswarm.prompts import Prompt, Prompts

TEXTS = [Prompt(f"prompt {i}", i) for i in range(10)]


def test_the_choice_depends_on_arrival_and_seed_alone() -> None:
    """Whoever asks, arrival k gets the same prompt; another seed chooses otherwise."""
    first = [Prompts(TEXTS, 1).pick(k) for k in range(200)]
    assert [Prompts(TEXTS, 1).pick(k) for k in reversed(range(200))] == first[::-1]
    assert [Prompts(TEXTS, 2).pick(k) for k in range(200)] != first


def test_the_choice_is_pinned() -> None:
    """Runs of different versions with one seed ask the same."""
    assert [Prompts(TEXTS, 0).pick(k).index for k in range(12)] == PINNED


def test_a_prompt_knows_its_place() -> None:
    """Index and text belong together."""
    picked = Prompts(TEXTS).pick(3)
    assert picked == TEXTS[picked.index]


def test_prompts_are_chosen_evenly() -> None:
    """Over many arrivals every prompt has its share, also for workers that see each fourth one."""
    for arrivals in (range(10_000), range(3, 40_000, 4)):
        counts = Counter(Prompts(TEXTS).pick(k).index for k in arrivals)
        assert len(counts) == 10
        assert all(850 < count < 1_150 for count in counts.values())


def test_a_single_prompt_is_always_chosen() -> None:
    """Also for large arrivals and seeds."""
    assert Prompts([Prompt("only")], 1 << 80).pick(1 << 70).text == "only"


PINNED = [2, 8, 8, 5, 4, 4, 7, 3, 4, 6, 5, 0]
