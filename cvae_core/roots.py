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


def folder_of(name: str, root: Path) -> Path:
    """Return the folder of a run, there or not: the one place where a name becomes a path."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"A run cannot be called {name!r}: take up to 64 of a-z, 0-9, dot, underscore and hyphen, a letter or "
            "digit first."
        )
    folder = root / name
    if folder.is_symlink():
        raise ConfigError(f"Run {name!r} is a link to somewhere else and is not followed.")
    return folder


def anew(name: str) -> str:
    """Return what a run is called that is trained like another one and leaves that as it is."""
    return f"my-{name}"


def in_root(command: str, root: Path) -> str:
    """Return a command with the flag that it needs to mean this root."""
    return command if root == default_root() else f"{command} --root {shlex.quote(str(root))}"
