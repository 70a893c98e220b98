"""`python -m inferswarm.tokenizer NAME`: the tokenizer process. It ends when its standard input does."""

import os
import sys
import threading
from queue import SimpleQueue
from typing import IO

import msgspec

from inferswarm.errors import InputError
from inferswarm.tokenizer import wire
from inferswarm.tokenizer.interface import Tokenizer
from inferswarm.tokenizer.load import load_tokenizer

_NICER = 10
"""Below the load beside which it works, where they share cores."""


def main() -> None:
    """Load, say hello, then answer batch after batch."""
    os.nice(_NICER)
    out = _own_output()
    asked: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    try:
        tokenizer = load_tokenizer(sys.argv[1])
    except InputError as error:
        wire.write(out, wire.Hello(error=str(error)))
        return
    wire.write(out, wire.Hello("", tokenizer.vocabulary_size, sorted(tokenizer.special_ids)))
    decoder = msgspec.msgpack.Decoder(wire.Ask)
    while True:
        wire.write(out, answer(tokenizer, decoder.decode(asked.get())))


def answer(tokenizer: Tokenizer, ask: wire.Ask) -> wire.Reply:
    """What comes of one batch."""
    try:
        if ask.what == "count":
            return wire.Reply(counts=tokenizer.count(ask.texts))
        if ask.what == "encode":
            return wire.Reply(ids=tokenizer.encode(ask.texts))
        return wire.Reply(texts=tokenizer.decode(ask.ids))
    except Exception as error:  # noqa: BLE001  # each library has its own for what it cannot take
        why = " ".join(f"{type(error).__name__}: {error}".split())
        return wire.Reply(error=f"tokenizer {tokenizer.name}: {ask.what}: {why[:200]}")


def _own_output() -> IO[bytes]:
    """Standard output for messages alone: whatever a library prints goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def _listen(stream: IO[bytes], asked: "SimpleQueue[bytes]") -> None:
    """Take in batches, and end the process, busy or not, when nobody is there to ask."""
    while (message := wire.read(stream)) is not None:
        asked.put(message)
    os._exit(0)


if __name__ == "__main__":
    main()
