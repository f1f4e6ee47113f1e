"""Run the command line: python -m cvae_core."""

import sys

from cvae_core.cli import main

sys.exit(main(sys.argv[1:]))
