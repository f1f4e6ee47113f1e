"""Scripts and styles that run in the browser."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache  # some pages send a script at every rerun
def source(*names: str) -> str:
    """Return the text of several files, joined."""
    return "\n".join((FOLDER / name).read_text() for name in names)
