"""How prompts of a given length are made: from a seed, a number and a stock of tokens alone."""

import msgspec

from inferswarm.draws import generator


class Recipe(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stock of tokens, as texts of one token each (`pieces`) or as `ids`, and how to draw from it.

    Prompt i belongs to group i mod `prefix_groups`; its first `prefix_tokens` are the group's own.
    `joint` stands between two pieces. It is `exact` when each piece is one token wherever it stands.
    """

    seed: int = 0
    pieces: list[str] = []
    ids: list[int] = []
    joint: str = " "
    exact: bool = True
    prefix_tokens: int = 0
    prefix_groups: int = 1

    def text(self, index: int, tokens: int) -> str:
        """Prompt `index` of so many pieces."""
        return self.joint.join(self.drawn_pieces(index, tokens))

    def drawn_pieces(self, index: int, count: int) -> list[str]:
        """The pieces of prompt `index`, its group's first."""
        return [self.pieces[at] for at in self._places(index, count, len(self.pieces))]

    def drawn_ids(self, index: int, count: int) -> list[int]:
        """The token ids of prompt `index`, its group's first."""
        return [self.ids[at] for at in self._places(index, count, len(self.ids))]

    def group(self, index: int) -> str:
        """The name of a prompt's group; empty where prompts share nothing."""
        return str(index % self.prefix_groups) if self.prefix_tokens else ""

    def _places(self, index: int, count: int, size: int) -> list[int]:
        shared = max(0, min(self.prefix_tokens, count))
        first = generator("prefix", self.seed, index % self.prefix_groups)
        rest = generator("prompt", self.seed, index)
        places = [int(first() * size) for _ in range(shared)]
        return places + [int(rest() * size) for _ in range(max(0, count - shared))]
