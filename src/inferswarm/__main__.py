"""`python -m inferswarm`."""

import sys

from inferswarm.cli.main import main

sys.exit(main())
