"""Folders of runs: where they are and what a run in one may be called; the standard library alone."""

import re
import shlex
from pathlib import Path

from cvae_core.errors import ConfigError
from cvae_core.files import user_path

QUEUE = ".queue"  # in a root of runs: who trains and who waits
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


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


def in_root(command: str, root: Path) -> str:
    """Return a command with the flag that it needs to mean this root."""
    return command if root == default_root() else f"{command} --root {shlex.quote(str(root))}"
