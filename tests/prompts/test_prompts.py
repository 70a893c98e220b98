"""Facts about which prompt an arrival uses."""

from collections import Counter

from inferswarm.prompts import Message, Prompt, Prompts, made, sha256_of
from inferswarm.prompts.recipe import Recipe
from inferswarm.prompts.salt import Salt

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


SALT = Salt.of("run", [1, 2, 3])
RECIPE = Recipe(seed=1, pieces=["one", "two", "three", "four"])


def test_a_salt_stands_before_the_text_of_a_prompt() -> None:
    """Its length in tokens is then unknown, and everything else stays."""
    prompt = Prompts([Prompt("ask", input_tokens=1, output_tokens=9)], salt=SALT).pick(4)
    assert (prompt.text, prompt.input_tokens) == (SALT.text(4) + "ask", None)
    assert prompt.output_tokens == 9


def test_a_salt_stands_before_token_ids() -> None:
    """As ids that the prompts have."""
    prompt = Prompts([Prompt(ids=[1, 2])], salt=SALT).pick(4)
    assert prompt.ids == [*SALT.token_ids(4), 1, 2]
    assert prompt.text == ""


def test_a_conversation_is_salted_before_what_was_said_first() -> None:
    """Once, so that its later turns begin as the earlier ones did."""
    history = [Message("system", "be kind"), Message("user", "hi")]
    prompt = Prompts([Prompt("ask", history=history)], salt=SALT).pick(4)
    assert prompt.history == [Message("system", SALT.text(4) + "be kind"), history[1]]
    assert prompt.text == "ask"


def test_synthetic_prompts_are_used_in_order() -> None:
    """So each is asked once before one is asked twice."""
    prompts = Prompts([made(RECIPE, i, 5) for i in range(3)], seed=9, recipe=RECIPE)
    assert [prompts.pick(k).index for k in range(5)] == [0, 1, 2, 0, 1]


def test_a_synthetic_prompt_has_the_length_of_its_arrival() -> None:
    """It is made for it, with the arrival's number; without a recipe the length is not used."""
    made_one = Prompts([Prompt("x")], recipe=RECIPE).pick(6, input_tokens=11, output_tokens=3)
    assert len(made_one.text.split()) == 11
    assert (made_one.index, made_one.input_tokens, made_one.output_tokens) == (6, 11, 3)
    assert Prompts([Prompt("x")]).pick(6, input_tokens=11).text == "x"


def test_the_hash_tells_prompts_apart() -> None:
    """By their texts, lengths and order."""
    one, other = Prompt("a"), Prompt("b")
    hashes = {sha256_of(many) for many in ([one], [one, other], [other, one], [Prompt("a", 1)])}
    assert len(hashes) == 4
    assert sha256_of([one, other]) in hashes
