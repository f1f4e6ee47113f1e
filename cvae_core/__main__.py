"""Run the command line: python -m cvae_core."""

import sys

from cvae_core import parallel
from cvae_core.cli import main

parallel.leave(main(sys.argv[1:]))
