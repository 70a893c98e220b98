"""Tests of the load layer run in a process of their own, because importing it patches the process."""

import inferswarm.load  # noqa: F401 - must come before anything else that opens sockets
