"""Start the dashboard and open it in the browser: `make run`, or `python -m app` with options of `streamlit run`."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # for `python app` instead of `python -m app`
    sys.path.insert(0, str(HERE.parent))

from cvae_core.system import processes  # noqa: E402

STDOUT = 1
# These override the user's global settings. Without `headless`, Streamlit opens the browser itself and shows a note on every
# page that offers to install files for coding agents. Without the welcome message, the address would not be printed.
OPTIONS = ("--server.headless", "true", "--logger.hideWelcomeMessage", "false")


def main(options: list[str]) -> None:
    """Replace this process by the server; a child process forwards the output and opens the browser at the address."""
    processes.refuse_windows()
    set_missing_home()
    listener = subprocess.Popen(
        [sys.executable, str(HERE / "server" / "open_browser.py")],
        stdin=subprocess.PIPE,
        start_new_session=True,  # so that Ctrl-C reaches only the server, and the browser stays open
    )
    assert listener.stdin is not None
    os.dup2(listener.stdin.fileno(), STDOUT)
    os.set_inheritable(STDOUT, True)  # if the caller had closed stdout, the pipe already has this number
    os.environ["PYTHONUNBUFFERED"] = "1"
    streamlit = [sys.executable, "-m", "streamlit", "run", str(HERE / "Home.py")]
    os.execv(sys.executable, [*streamlit, *OPTIONS, *options])


def set_missing_home() -> None:
    """Set HOME to a folder that does not exist if the user has no home, as in containers: Streamlit reads settings there."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/nonexistent"


if __name__ == "__main__":
    main(sys.argv[1:])
