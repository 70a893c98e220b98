"""The command `inferswarm`, also as `python -m inferswarm`."""

import os
import signal
import sys

if os.getpid() == 1:
    # A container's first process: the kernel drops signals to it that nobody handles.
    for _number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(_number, signal.default_int_handler)

try:
    from inferswarm.cli.main import main
except KeyboardInterrupt:  # loading takes long enough to be interrupted
    sys.stderr.write("inferswarm: interrupted\n")
    sys.exit(130)

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
