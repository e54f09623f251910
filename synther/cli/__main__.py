"""`python -m synther.cli`: the command line without an installed script."""

import sys

from synther.cli import main

sys.exit(main())
