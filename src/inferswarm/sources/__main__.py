"""`python -m inferswarm.sources`: reads prompts for a process that may not (see `sources.apart`)."""

import os
import sys

from inferswarm.sources.apart import answer


def main() -> None:
    """Options from stdin, prompts to stdout, and whatever libraries print to stderr."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        out.write(answer(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
