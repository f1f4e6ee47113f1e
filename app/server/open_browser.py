"""Copy the server's output, and open the browser at the first address in it."""

import os
import re
import sys
import threading
import webbrowser


def listen() -> None:
    """Copy the standard input to the standard output until it ends, even if the output cannot be written any more."""
    address = None
    for line in sys.stdin:
        try:
            print(line, end="", flush=True)
        except OSError:  # a closed pipe or a full disk: the server must go on for its visitors
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if address is None and has_screen() and (said := re.search(r"URL: (http\S+)", line)):
            address = said[1]  # if Streamlit prints several, the first is the local one
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()  # open() may block


def has_screen() -> bool:
    """Return whether a browser can open a window: without a display, Python would open a text browser in the terminal."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)


if __name__ == "__main__":
    listen()
