"""A cache of prompt prefixes, as servers keep one: whole blocks, each known by all that is before it."""

from collections.abc import Sequence

BLOCK_TOKENS = 16
MOST_BLOCKS = 1 << 20


class PrefixCache:
    """Remembers the blocks of all prompts; the oldest go when there are too many."""

    def __init__(self, most_blocks: int = MOST_BLOCKS) -> None:
        """An empty cache."""
        self._blocks: dict[int, None] = {}
        self._most = most_blocks

    def take(self, tokens: Sequence[str | int]) -> int:
        """How many of a prompt's first tokens are known from earlier prompts; it is known afterwards.

        Never all of them: what comes after the last token has to be worked out.
        """
        known, before, blocks = 0, 0, self._blocks
        usable = (len(tokens) - 1) // BLOCK_TOKENS
        for number in range(len(tokens) // BLOCK_TOKENS):
            at = number * BLOCK_TOKENS
            before = hash((before, *tokens[at : at + BLOCK_TOKENS]))
            if before in blocks:
                known += known == number < usable
                del blocks[before]  # what is used goes to the end of the line
            blocks[before] = None
        while len(blocks) > self._most:
            del blocks[next(iter(blocks))]
        return known * BLOCK_TOKENS
