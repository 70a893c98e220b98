"""When the chunks of an answer are due and what becomes of it: pure draws from one seeded source."""

import enum
import random
from collections.abc import Iterator

from inferswarm.config.simulator import SimulatorOptions


class Fate(enum.Enum):
    """What a request meets, drawn once for each."""

    ANSWERED = enum.auto()
    HTTP_ERROR = enum.auto()
    STREAM_ERROR = enum.auto()
    HANGUP = enum.auto()
    HANG = enum.auto()


def draws(options: SimulatorOptions, number: int) -> random.Random:
    """The source of every draw for request `number`: the same for the same seed."""
    return random.Random(f"{options.seed}:{number}")


def fate(options: SimulatorOptions, rng: random.Random) -> Fate:
    """One draw decides; where the rates add up to more than 1 the later ones get what is left."""
    drawn = rng.random()
    for rate, outcome in (
        (options.error_rate, Fate.HTTP_ERROR),
        (options.stream_error_rate, Fate.STREAM_ERROR),
        (options.hangup_rate, Fate.HANGUP),
        (options.hang_rate, Fate.HANG),
    ):
        if drawn < rate:
            return outcome
        drawn -= rate
    return Fate.ANSWERED


def output_tokens(options: SimulatorOptions, max_tokens: int) -> int:
    """Length of an answer whose request allows `max_tokens`."""
    return min(options.output_tokens or max_tokens, max_tokens)


def chunk_count(options: SimulatorOptions, tokens: int) -> int:
    """How many chunks carry `tokens` tokens."""
    return -(-tokens // options.tokens_per_chunk)


def _drawn_ns(median_ns: int, sigma: float, rng: random.Random) -> int:
    return int(median_ns * rng.lognormvariate(0.0, sigma)) if sigma else median_ns


def due_offsets_ns(
    options: SimulatorOptions, rng: random.Random, prefill_tokens: int = 0
) -> Iterator[int]:
    """When chunk 0, 1, 2, ... is due after the start of service, without end.

    `prefill_tokens` of the prompt are not cached. The first chunk is due after the TTFT. A chunk is
    due when its first token is, so several tokens per chunk change neither the TTFT nor the tokens
    per second.
    """
    offset_ns = _drawn_ns(int(options.ttft), options.ttft_sigma, rng)
    offset_ns += prefill_tokens * int(options.ttft_per_token)
    itl_ns, sigma, per_chunk = int(options.itl), options.itl_sigma, options.tokens_per_chunk
    while True:
        yield offset_ns
        if sigma:
            offset_ns += sum(_drawn_ns(itl_ns, sigma, rng) for _ in range(per_chunk))
        else:
            offset_ns += per_chunk * itl_ns
