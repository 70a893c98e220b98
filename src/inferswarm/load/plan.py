"""What a worker must know to take part in a run; sent by the master as bytes, acknowledged by hash."""

import hashlib
from typing import Any, Self

import msgspec

from inferswarm.config.tree import RunConfig
from inferswarm.prompts import Prompt, Prompts
from inferswarm.prompts.recipe import Recipe
from inferswarm.prompts.salt import Salt
from inferswarm.sources.shelf import taken


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run as its workers see it. `workers` is how many share it, `worker` which of them this is.

    Only workers that know `token` are given the plan. The load is cut into `streams`, which are lent to
    the workers; with 0, worker w of W asks the arrivals k = w, w + W, w + 2W, ... for ever. `recipe`
    makes synthetic prompts; `trace` has the rows of the trace, which only the command needs to find.
    Many prompts are not here but in `prompts_file`, on the master's disk.
    """

    run: str
    config: dict[str, Any]
    prompts: list[Prompt]
    model: str
    records: str
    prompts_file: str = ""
    recipe: Recipe | None = None
    trace: bytes = b""
    token: str = ""
    worker: int = 0
    workers: int = 1
    streams: int = 0
    elsewhere: bool = False

    @property
    def settings(self) -> RunConfig:
        """The configuration, checked again on this side."""
        return RunConfig.model_validate(self.config)

    @property
    def questions(self) -> Prompts:
        """The prompts, and which of them each arrival uses."""
        options = self.settings.prompts
        stock = self.recipe.ids if self.recipe else (id_ for one in self.prompts for id_ in one.ids)
        salt = Salt.of(self.run, stock) if options.salt else None
        return Prompts(self.prompts, options.seed, self.recipe, salt)

    def for_worker(self, worker: int, workers: int, streams: int = 0) -> "Plan":
        """The same run as seen by one of its workers."""
        return msgspec.structs.replace(self, worker=worker, workers=workers, streams=streams)

    def for_elsewhere(self) -> "Plan":
        """The same for a worker on another machine: it keeps its records until the master has them."""
        return msgspec.structs.replace(self.complete(), records="", elsewhere=True)

    def complete(self) -> "Plan":
        """The same with the prompts themselves; raises OSError when their file is gone."""
        if not self.prompts_file:
            return self
        return msgspec.structs.replace(self, prompts=taken(self.prompts_file), prompts_file="")

    def pack(self) -> bytes:
        """As bytes."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """The inverse of `pack`."""
        return msgspec.msgpack.decode(packed, type=cls)


def digest(packed: bytes) -> str:
    """The hash by which a worker acknowledges a plan."""
    return hashlib.sha256(packed).hexdigest()
