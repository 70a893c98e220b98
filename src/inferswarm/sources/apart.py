"""Reading prompts in a process of its own, for processes that gevent has patched.

The options go in as JSON, the prompts come out as MessagePack: `python -m inferswarm.sources`.
"""

import subprocess
import sys

import msgspec

from inferswarm.config.prompts import PromptOptions
from inferswarm.errors import InferswarmError, LoadProcessError
from inferswarm.prompts import Prompt
from inferswarm.prompts.recipe import Recipe
from inferswarm.sources import hub
from inferswarm.sources.formats import format_of
from inferswarm.sources.read import LoadedPrompts, load_prompts
from inferswarm.stores import Uri


class Answer(msgspec.Struct, frozen=True):
    """What the process came to: prompts and notes, or an error with its exit code."""

    prompts: list[Prompt] = []
    notes: tuple[str, ...] = ()
    recipe: Recipe | None = None
    error: str = ""
    exit_code: int = 0


def load_prompts_anywhere(options: PromptOptions) -> LoadedPrompts:
    """The same as `load_prompts`, also in a patched process; raises the same errors."""
    return load_prompts(options) if is_plain(options) else load_apart(options)


def is_plain(options: PromptOptions) -> bool:
    """Whether reading them needs nothing but this machine's files, and no library of others."""
    source = options.source
    if options.tokenizer or source.startswith(hub.PREFIX):
        return False
    return not source or (Uri.parse(source).is_local and not format_of(source).seeks)


def load_apart(options: PromptOptions) -> LoadedPrompts:
    """Read them in a process of its own; raises InferswarmError with what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "inferswarm.sources"],
        input=options.model_dump_json(exclude_unset=True).encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    try:
        answer = msgspec.msgpack.decode(done.stdout, type=Answer)
    except msgspec.DecodeError:
        raise LoadProcessError(
            f"reading prompts {options.source} ended with code {done.returncode}; see above"
        ) from None
    if answer.error:
        error = InferswarmError(answer.error)
        error.exit_code = answer.exit_code
        raise error
    return LoadedPrompts(answer.prompts, answer.notes, answer.recipe)


def answer(given: bytes) -> bytes:
    """What the process does with its input; its output."""
    try:
        loaded = load_prompts(PromptOptions.model_validate_json(given))
    except InferswarmError as error:
        return msgspec.msgpack.encode(Answer(error=str(error), exit_code=error.exit_code))
    return msgspec.msgpack.encode(Answer(loaded.prompts, loaded.notes, loaded.recipe))
