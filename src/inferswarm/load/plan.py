"""What a worker must know to take part in a run; sent by the master as bytes, acknowledged by hash."""

import hashlib
from typing import Any, Self

import msgspec

from inferswarm.config.tree import RunConfig
from inferswarm.prompts import Prompt


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run as its workers see it. `workers` is how many share it, `worker` which of them this is.

    Only workers that know `token` are given the plan. The load is cut into `streams`, which are lent to
    the workers; with 0, worker w of W asks the arrivals k = w, w + W, w + 2W, ... for ever.
    """

    run: str
    config: dict[str, Any]
    prompts: list[Prompt]
    model: str
    records: str
    token: str = ""
    worker: int = 0
    workers: int = 1
    streams: int = 0
    elsewhere: bool = False

    @property
    def settings(self) -> RunConfig:
        """The configuration, checked again on this side."""
        return RunConfig.model_validate(self.config)

    def for_worker(self, worker: int, workers: int, streams: int = 0) -> "Plan":
        """The same run as seen by one of its workers."""
        return msgspec.structs.replace(self, worker=worker, workers=workers, streams=streams)

    def for_elsewhere(self) -> "Plan":
        """The same for a worker on another machine: it keeps its records until the master has them."""
        return msgspec.structs.replace(self, records="", elsewhere=True)

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
