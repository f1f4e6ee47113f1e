"""What runs in the browser: scripts and styles, as they are sent."""

from pathlib import Path

FOLDER = Path(__file__).parent


def source(*names: str) -> str:
    """Return some of the files as one."""
    return "\n".join((FOLDER / name).read_text() for name in names)
