"""The command `inferswarm`, also as `python -m inferswarm`."""

import sys


def main() -> int:
    """Load the command line and hand over; Ctrl-C ends also the loading in one line."""
    try:
        from inferswarm.cli.main import main as command  # noqa: PLC0415 - so that it can be caught
    except KeyboardInterrupt:
        sys.stderr.write("inferswarm: interrupted\n")
        return 130
    return command()


if __name__ == "__main__":
    sys.exit(main())
