"""Scripts and styles that run in the browser."""

from pathlib import Path

FOLDER = Path(__file__).parent


def source(*names: str) -> str:
    """Return the text of several files, joined."""
    return "\n".join((FOLDER / name).read_text() for name in names)
