"""What a load process does first: many descriptors, a quiet log, an end when its parent is gone."""

import contextlib
import gc
import logging
import resource
import signal
import sys
from collections.abc import Callable, Iterator

import gevent
from gevent.fileobject import FileObjectPosix


def prepare(role: str) -> None:
    """Raise the limit of open files, log to stderr, and leave Ctrl-C to the parent."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s {role} %(levelname)s %(message)s",
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger(__name__).info("started; up to %d open files (was %d)", hard, soft)


def quiet_collector() -> None:
    """Leave all that start-up made out of garbage collection: its passes stop every stream."""
    gc.collect()
    gc.freeze()


def parent_lines() -> Iterator[bytes]:
    """Lines that the parent writes to our stdin; ends when it closes it or is gone."""
    with FileObjectPosix(sys.stdin.fileno(), "rb", closefd=False) as stdin:
        yield from stdin


def die_with_parent(lines: Iterator[bytes], last: Callable[[], None]) -> None:
    """End this process with its input, `parent_lines`, after one `last` thing to do."""

    def watch() -> None:
        for _ in lines:
            pass
        logging.getLogger(__name__).info("the input was closed: ending")
        last()
        signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    gevent.spawn(watch)
