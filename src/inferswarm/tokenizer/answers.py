"""Answers whose length no server told are counted here, from records that hold their words."""

import contextlib
from collections.abc import Iterator, Sequence

import msgspec

from inferswarm.config.tree import RunConfig
from inferswarm.reading import ANSWER_LIMIT
from inferswarm.records import Record
from inferswarm.tokenizer.interface import Tokenizer
from inferswarm.tokenizer.process import TokenizerProcess
from inferswarm.tokens import CHUNKS, TOKENIZER


class AnswerCounter:
    """Turns recorded answers into counts; the words go, unless they are to be kept."""

    def __init__(self, tokenizer: Tokenizer, *, keep: bool) -> None:
        self._tokenizer = tokenizer
        self._keep = keep

    def __call__(self, records: Sequence[Record]) -> list[Record]:
        """The records, in order, with `tokenizer` counts in place of chunks; raises InferswarmError.

        An answer that the record holds only in part stays counted by its chunks.
        """
        open_at = [at for at, record in enumerate(records) if _is_open(record)]
        counts = self._tokenizer.count([records[at].answer for at in open_at])
        counted = dict(zip(open_at, counts, strict=True))
        return [self._closed(record, counted.get(at)) for at, record in enumerate(records)]

    def _closed(self, record: Record, tokens: int | None) -> Record:
        changes: dict[str, int | str] = {}
        if tokens is not None:
            changes = {"output_tokens": tokens, "output_source": TOKENIZER}
        if record.answer and not self._keep:
            changes["answer"] = ""
        return msgspec.structs.replace(record, **changes) if changes else record


@contextlib.contextmanager
def counting(config: RunConfig) -> Iterator[AnswerCounter | None]:
    """What counts the answers of a run, in a process beside it; None without a tokenizer."""
    if not config.prompts.tokenizer:
        yield None
        return
    with TokenizerProcess(config.prompts.tokenizer) as tokenizer:
        yield AnswerCounter(tokenizer, keep=config.output.keep_answers)


def _is_open(record: Record) -> bool:
    """Whether a tokenizer knows better than the chunks."""
    return record.output_source == CHUNKS and 0 < len(record.answer) < ANSWER_LIMIT
