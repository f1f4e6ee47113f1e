"""Run the command line: python -m cvae_core."""

import sys

from cvae_core import processes
from cvae_core.cli import main

processes.leave(main(sys.argv[1:]))
