"""What a run knows of its prompts besides the prompts: how they are made, and who asked them before."""

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import msgspec

from inferswarm.arrivals.build import packed_trace
from inferswarm.config.tree import RunConfig
from inferswarm.prefix_cache import shared_tokens
from inferswarm.prompts import sha256_of
from inferswarm.sources.read import LoadedPrompts
from inferswarm.sources.synthetic import SOURCE
from inferswarm.storage import RunFolder

MOST_EARLIER_RUNS = 500
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def planned(asked: LoadedPrompts, config: RunConfig) -> dict[str, Any]:
    """What the plan says, so that a worker on another machine needs no file.

    Raises InputError for a trace that cannot be used.
    """
    return {"recipe": asked.recipe, "trace": packed_trace(config.arrivals)}


def described(asked: LoadedPrompts, config: RunConfig) -> dict[str, Any]:
    """What `run.json` says of the prompts."""
    made = hashlib.sha256(sha256_of(asked.prompts).encode())
    made.update(msgspec.json.encode((asked.recipe, str(config.arrivals.trace or ""))))
    return {
        "prompts_sha256": made.hexdigest(),
        "prompts_salted": config.prompts.salt,
        "shared_prefix_tokens": shared_tokens(asked.prompts),
    }


def asked_before(run: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
    """The newest run beside this one that asked the same server the same prompts, unsalted.

    A simulator of the run's own is no such server: it knows nothing yet.
    """
    if run["prompts_salted"] or run["simulated"]:
        return {}
    same = [
        earlier
        for earlier in _earlier(folder)
        if not earlier.get("prompts_salted")
        and all(earlier.get(key) == run[key] for key in ("prompts_sha256", "target"))
    ]
    newest = max(same, key=lambda earlier: str(earlier.get("started")), default=None)
    return {} if newest is None else {"prompts_asked_before": str(newest.get("id"))}


def trace_notes(asked: LoadedPrompts, config: RunConfig) -> Iterator[str]:
    """Whose lengths the prompts of a trace's arrivals have."""
    trace, recipe = config.arrivals.trace, asked.recipe
    if trace is None:
        return
    if recipe is None:
        yield (
            f"trace {trace}: its input lengths are not used, the prompts have their own; --prompts "
            f"{SOURCE} makes prompts of the recorded lengths"
        )
    elif not recipe.exact:
        yield (
            f"trace {trace}: prompts are near the recorded lengths, not exactly of them, because the "
            "tokenizer has too few plain words; --token-ids makes them exact"
        )


def _earlier(folder: RunFolder) -> Iterator[dict[str, Any]]:
    """What the other runs in the same folder say of themselves, as far as it can be read."""
    paths = folder.path.resolve().parent.glob(f"*/{folder.run.name}")
    for path in itertools.islice(paths, MOST_EARLIER_RUNS):
        if path.parent == folder.path.resolve():
            continue
        try:
            yield _decode(path.read_bytes())
        except (OSError, msgspec.DecodeError, RecursionError):
            continue  # a run that cannot be read tells nothing
