"""Listen to the server: pass on what it says, and open the browser at the first address that it names."""

import os
import re
import sys
import threading
import webbrowser


def listen() -> None:
    """Copy the input to the output until it ends, be there somebody who reads it or not."""
    address = None
    for line in sys.stdin:
        try:
            print(line, end="", flush=True)
        except OSError:  # nobody reads on, or the disk that it goes to is full: the server has visitors all the same
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if address is None and has_screen() and (said := re.search(r"URL: (http\S+)", line)):
            address = said[1]  # where Streamlit names more than one, the first is this machine's own
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()  # it may wait for the browser


def has_screen() -> bool:
    """Tell whether a browser has where to show itself: without a screen Python would open a text browser in this terminal."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)


if __name__ == "__main__":
    listen()
