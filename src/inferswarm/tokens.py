"""How many tokens a request took in and gave out, and where each number comes from.

Sources, best first: the server's usage, its headers or meta data, token ids, a tokenizer, and last
the number of chunks that carried text. Every count says which.
"""

from dataclasses import dataclass

CHUNKS = "chunks"
TOKENIZER = "tokenizer"


@dataclass(frozen=True, slots=True)
class Counts:
    """Token counts of one request with their sources; an unknown input is None."""

    input_tokens: int | None
    input_source: str
    output_tokens: int
    output_source: str


def best_counts(
    told_input: int | None,
    told_output: int | None,
    told_by: str,
    chunks: int,
    prompt_tokens: int | None = None,
) -> Counts:
    """Choose what the server told (`told_by` names how) before what is counted on our side.

    `prompt_tokens` is a tokenizer's count of the prompt. Answers are counted by a tokenizer after they
    were recorded (`tokenizer.answers`); until then their chunks are what there is.
    """
    output = (chunks, CHUNKS) if told_output is None else (told_output, told_by)
    if told_input is not None:
        return Counts(told_input, told_by, *output)
    return Counts(prompt_tokens, "" if prompt_tokens is None else TOKENIZER, *output)
