"""Prompts from a text file: UTF-8, one prompt a line, blank lines skipped."""

from collections.abc import Iterable
from pathlib import Path

from inferswarm.errors import InputError
from inferswarm.prompts import Prompt

BUILT_IN = (
    "Explain in plain words why the sky is blue in the daytime and red at sunset.",
    "Write a short letter to a neighbour whose dog barks every night.",
    "List five things to check before buying a used bicycle, and why each one matters.",
    "Summarise how a bill becomes a law, in steps that a ten-year-old could follow.",
    "What happens, layer by layer, when a web page is opened in a browser?",
    "Give me a recipe for a vegetable soup that uses only what most kitchens have.",
    "Describe the difference between concurrency and parallelism with an everyday example.",
    "Plan a three-day visit to a small coastal town for a family that likes to walk.",
)


def read_prompts(source: str) -> list[Prompt]:
    """All prompts of the file `source`, or the built-in ones when it is empty.

    Raises InputError naming the file and what to do when it is missing, unreadable, not UTF-8 (with
    the line) or without a single prompt.
    """
    if not source:
        return _numbered(BUILT_IN)
    try:
        data = Path(source).read_bytes()
    except OSError as error:
        raise InputError(
            f"prompts {source}: {error.strerror}; give a text file with one prompt a line"
        ) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"prompts {source}: line {line} is not UTF-8 (byte 0x{data[error.start]:02x}); "
            "convert the file, for example with iconv -t utf-8"
        ) from None
    prompts = [stripped for line in text.split("\n") if (stripped := line.strip())]
    if not prompts:
        raise InputError(f"prompts {source}: no prompt in it; write one prompt a line")
    return _numbered(prompts)


def _numbered(texts: Iterable[str]) -> list[Prompt]:
    return [Prompt(text=text, index=index) for index, text in enumerate(texts)]
