"""Run the command line: python -m cvae_core."""

import sys

from cvae_core.system import processes

processes.open_streams()
processes.refuse_windows()
from cvae_core.cli.main import main  # noqa: E402 (its imports may print)

processes.leave(main(sys.argv[1:]))
