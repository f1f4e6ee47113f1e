"""Start the dashboard and open the browser on it: `make run`, or `python -m app` with Streamlit's own options."""

import os
import re
import signal
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path

HOME = Path(__file__).with_name("Home.py")
SAY_WHERE = ("--logger.hideWelcomeMessage", "false")  # whatever its user has told Streamlit for all their apps


def main(options: list[str]) -> int:
    """Run the server until it ends and return its exit code; whatever port it found, the browser opens there.

    Streamlit would open a browser itself, but only where `server.headless` is off. Then it also lays a note over every page
    that offers to install files for coding agents, and does so at a click.
    """
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(HOME), *SAY_WHERE, *options],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    # Ctrl-C reaches the server too, which then says that it stops; a signal ignored would be ignored by the browser as well.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    address = None
    assert server.stdout is not None
    for line in server.stdout:
        try:
            print(line, end="", flush=True)
        except OSError:  # nobody reads on, or the disk that it goes to is full: the server has visitors all the same
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if address is None and has_screen() and (said := re.search(r"URL: (http\S+)", line)):
            address = said[1]  # where Streamlit names more than one, the first is this machine's own
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()  # it may wait for the browser
    return server.wait()


def has_screen() -> bool:
    """Tell whether a browser has where to show itself: without a screen Python would open a text browser in this terminal."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
