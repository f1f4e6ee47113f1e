"""Start the dashboard and open the browser on it: `make run`, or `python -m app` with Streamlit's own options."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # where the folder was named to Python, not the package
    sys.path.insert(0, str(HERE.parent))

from cvae_core.system import processes  # noqa: E402

STDOUT = 1
# Whatever its user has told Streamlit for all their apps: with `headless` off Streamlit would open the browser itself, and
# lay a note over every page that offers to install files for coding agents; a hidden message would not say where it answers.
OPTIONS = ("--server.headless", "true", "--logger.hideWelcomeMessage", "false")


def main(options: list[str]) -> None:
    """Become the server, and let another process pass on what it says and open the browser where it answers."""
    processes.refuse_windows()
    set_missing_home()
    listener = subprocess.Popen(
        [sys.executable, str(HERE / "server" / "open_browser.py")],
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is the server's alone, and the browser outlives it
    )
    assert listener.stdin is not None
    os.dup2(listener.stdin.fileno(), STDOUT)
    os.set_inheritable(STDOUT, True)  # where its caller had closed it, the pipe has that number already
    os.environ["PYTHONUNBUFFERED"] = "1"
    streamlit = [sys.executable, "-m", "streamlit", "run", str(HERE / "Home.py")]
    os.execv(sys.executable, [*streamlit, *OPTIONS, *options])


def set_missing_home() -> None:
    """Set HOME to a folder that does not exist where a container's user has none: Streamlit looks there for settings."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"


if __name__ == "__main__":
    main(sys.argv[1:])
