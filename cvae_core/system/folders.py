"""Folders of runs: paths, and valid names of runs. This module imports the standard library only."""

import re
import shlex
import unicodedata
from pathlib import Path

from cvae_core.errors import ConfigError
from cvae_core.system.files import digest, user_path

QUEUE = ".queue"  # folder in a root of runs, for running and waiting trainings
LONGEST = 64  # characters of a name
NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{LONGEST - 1}}}")
MARK = 8  # hexadecimal digits that replace the omitted part of a name


def default_root() -> Path:
    """Return the folder of runs: $CVAE_RUNS, or checkpoints/ in the repository."""
    return user_path("CVAE_RUNS", "checkpoints")


def require_name(name: str) -> None:
    """Raise ConfigError if a name is not valid for a run."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ConfigError(
            f"A run cannot be called {name!r}: take up to 64 of a-z, 0-9, dot, underscore and hyphen, starting "
            "with a letter or digit."
        )


def folder_of(name: str, root: Path) -> Path:
    """Return the folder of a run, whether it exists or not. Only this function converts a name to a path."""
    require_name(name)
    return unlinked(root / name, root)


def unlinked(path: Path, root: Path) -> Path:
    """Return a path in which the lab may write, move and delete; raise ConfigError if a part below the root is a link.

    The root itself may be a link.
    """
    for depth in range(len(root.parts) + 1, len(path.parts) + 1):
        part = Path(*path.parts[:depth])
        if part.is_symlink():
            raise ConfigError(
                f"In {part.parent} {part.name!r} is a link, and links are not followed: replace it by its target."
            )
    return path


def name_of(text: str, most: int = LONGEST) -> str:
    """Convert a text to a valid name of at most `most` characters. A valid name is unchanged.

    Equal texts give equal names. If the name is too long or empty, it ends in digits of the SHA-256 of the text.

    >>> name_of("My Grid (1)"), name_of("seed-" * 5, 16)
    ('my-grid-1', 'seed-se-13694e58')
    """
    if NAME.fullmatch(text) and len(text) <= most:
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub("[^a-z0-9._-]+", "-", plain).strip("._-")
    if 0 < len(name) <= most:
        return name
    return f"{name[: max(0, most - MARK - 1)]}-{digest(text.encode(errors='replace'))[:MARK]}".lstrip("._-")[:most]


def anew(name: str) -> str:
    """Return the name of a new run that repeats another run without changing it."""
    return name_of(f"my-{name}")


def in_root(command: str, root: Path) -> str:
    """Return a command with the flag --root, unless the root is the default."""
    return command if root == default_root() else f"{command} --root {shlex.quote(str(root))}"
