"""The command `inferswarm`, also as `python -m inferswarm`."""

import sys

try:
    from inferswarm.cli.main import main
except KeyboardInterrupt:  # loading takes long enough to be interrupted
    sys.stderr.write("inferswarm: interrupted\n")
    sys.exit(130)

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
