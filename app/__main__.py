"""Start the dashboard and open the browser on it: `make run`, or `python -m app` with Streamlit's own options."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
STDOUT = 1
# Whatever its user has told Streamlit for all their apps: with `headless` off Streamlit would open the browser itself, and
# lay a note over every page that offers to install files for coding agents; a hidden message would not say where it answers.
OPTIONS = ("--server.headless", "true", "--logger.hideWelcomeMessage", "false")


def main(options: list[str]) -> None:
    """Become the server, and let another process pass on what it says and open the browser where it answers."""
    listener = subprocess.Popen(
        [sys.executable, str(HERE / "opening.py")],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is the server's alone, and the browser outlives it
    )
    assert listener.stdin is not None
    os.dup2(listener.stdin.fileno(), STDOUT)
    os.set_inheritable(STDOUT, True)  # where its caller had closed it, the pipe has that number already
    os.environ["PYTHONUNBUFFERED"] = "1"
    streamlit = [sys.executable, "-m", "streamlit", "run", str(HERE / "Home.py")]
    os.execv(sys.executable, [*streamlit, *OPTIONS, *options])


if __name__ == "__main__":
    main(sys.argv[1:])
