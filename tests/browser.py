"""Find the browser that the browser tests drive: $CHROMIUM, or Chromium or Chrome where systems keep them."""

import os
import shutil
import sys

MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
# The one without a window first: it opens pages by a tenth sooner.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", MAC)


def find_browser() -> str | None:
    """Return the path of a browser, or None."""
    candidates = (os.environ.get("CHROMIUM"), *map(shutil.which, NAMES))
    return next((path for path in candidates if path), None)


if __name__ == "__main__":
    sys.exit(find_browser() is None)
