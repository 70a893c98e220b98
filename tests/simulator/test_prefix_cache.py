"""Facts about the simulator's cache of prompt prefixes."""

import json
from collections.abc import Mapping
from random import Random

from inferswarm.simulator.prefix_cache import BLOCK_TOKENS, PrefixCache

from .conftest import Start, exchange, request


def words(count: int, seed: int = 0) -> list[str]:
    """A prompt of so many words."""
    chance = Random(seed)
    return [f"w{chance.randrange(1 << 30)}" for _ in range(count)]


def test_a_prompt_that_comes_again_is_known_but_for_its_end() -> None:
    """Whole blocks of it, and never all: the last token must be worked out."""
    cache = PrefixCache()
    assert cache.take(words(40)) == 0
    assert cache.take(words(40)) == 32
    assert cache.take(words(32)) == 16
    assert cache.take(words(15)) == 0


def test_what_begins_alike_is_known_as_far_as_it_does() -> None:
    """In whole blocks; what comes after another beginning is not known."""
    cache, shared = PrefixCache(), words(50)
    cache.take([*shared, *words(100, 1)])
    assert cache.take([*shared, *words(100, 2)]) == 48
    assert cache.take([*words(16, 3), *shared]) == 0


def test_the_oldest_blocks_are_forgotten() -> None:
    """What was used lately stays."""
    cache = PrefixCache(most_blocks=4)
    cache.take(words(2 * BLOCK_TOKENS, 1))
    cache.take(words(2 * BLOCK_TOKENS, 2))
    cache.take([*words(2 * BLOCK_TOKENS, 1), "more"])
    cache.take(words(2 * BLOCK_TOKENS, 3))
    assert cache.take([*words(2 * BLOCK_TOKENS, 1), "more"]) == 2 * BLOCK_TOKENS
    assert cache.take([*words(2 * BLOCK_TOKENS, 2), "more"]) == 0


def told(start: Start, path: str, *bodies: Mapping[str, object], **options: object) -> list[int]:
    """What a server says and logs of each of these requests, one after another."""
    simulator = start(prefix_cache=True, **options)
    said = []
    for body in bodies:
        answer = json.loads(exchange(simulator, request(path, {"model": "tiny", **body})).body)
        counts = answer.get("usage") or answer["meta_info"]
        said.append((counts.get("prompt_tokens_details") or counts).get("cached_tokens", 0))
    assert [row.cached_tokens for row in simulator.truth()] == said
    return said


def test_texts_and_token_ids_are_cached_and_told(start: Start) -> None:
    """As vLLM tells it in usage, and nothing where nothing was cached."""
    text, ids = {"prompt": " ".join(words(40))}, {"prompt": list(range(40))}
    assert told(start, "/v1/completions", text, text, ids, ids) == [0, 32, 0, 32]


def test_a_chat_is_cached_as_all_that_was_said(start: Start) -> None:
    """A later turn begins with the earlier one."""
    first = {"role": "user", "content": " ".join(words(40))}
    later = [first, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "why"}]
    bodies = [{"messages": [first]}, {"messages": later}]
    assert told(start, "/v1/chat/completions", *bodies) == [0, 32]


def test_sglang_tells_it_in_its_meta_info(start: Start) -> None:
    """Of texts and of ids."""
    text, ids = {"text": " ".join(words(40))}, {"input_ids": list(range(40))}
    assert told(start, "/generate", text, text, ids, ids, backend="sglang") == [0, 32, 0, 32]


def test_what_is_cached_is_not_worked_out_again(start: Start) -> None:
    """The first token comes as much earlier as the cached tokens would have taken."""
    simulator = start(prefix_cache=True, ttft="1ms", ttft_per_token="2ms")
    body = {"model": "tiny", "prompt": " ".join(words(60)), "max_tokens": 1, "stream": True}
    for _ in range(2):
        exchange(simulator, request("/v1/completions", body))
    cold, warm = simulator.truth()
    assert (cold.cached_tokens, warm.cached_tokens) == (0, 48)
    assert cold.token_ns[0] - cold.started_ns >= 121_000_000
    assert warm.token_ns[0] - warm.started_ns >= 25_000_000
    assert warm.token_ns[0] - warm.started_ns < cold.token_ns[0] - cold.started_ns
