"""Folders of runs: where they are and what a run in one may be called; the standard library alone."""

import re
import shlex
import unicodedata
from pathlib import Path

from cvae_core.errors import ConfigError
from cvae_core.system.files import digest, user_path

QUEUE = ".queue"  # in a root of runs: who trains and who waits
LONGEST = 64  # letters of a name
NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{LONGEST - 1}}}")
MARK = 8  # hexadecimal digits that stand for what a name had to leave out


def default_root() -> Path:
    """Return the folder of runs: $CVAE_RUNS, or checkpoints/ in the repository."""
    return user_path("CVAE_RUNS", "checkpoints")


def require_name(name: str) -> None:
    """Raise ConfigError where a run cannot be called so."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"A run cannot be called {name!r}: take up to 64 of a-z, 0-9, dot, underscore and hyphen, a letter or "
            "digit first."
        )


def folder_of(name: str, root: Path) -> Path:
    """Return the folder of a run, there or not: the one place where a name becomes a path."""
    require_name(name)
    return unlinked(root / name, root)


def unlinked(path: Path, root: Path) -> Path:
    """Return a path below a root, where the lab may write, move and delete; raise ConfigError where that leads elsewhere.

    Neither the path nor a folder on the way to it may be a link; the root itself may.
    """
    for depth in range(len(root.parts) + 1, len(path.parts) + 1):
        part = Path(*path.parts[:depth])
        if part.is_symlink():
            raise ConfigError(
                f"In {part.parent} {part.name!r} is a link to somewhere else and is not followed: put what it leads to there."
            )
    return path


def name_of(text: str, most: int = LONGEST) -> str:
    """Return the name of at most so many letters that the lab gives to something by a text; a valid name stays as it is.

    The same text has the same name. What is too long, or has no letter left, ends in digits of the text's SHA-256.

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
    """Return what a run is called that is trained like another one and leaves that as it is."""
    return name_of(f"my-{name}")


def in_root(command: str, root: Path) -> str:
    """Return a command with the flag that it needs to mean this root."""
    return command if root == default_root() else f"{command} --root {shlex.quote(str(root))}"
