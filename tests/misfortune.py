"""Simulate a full disk and a read-only folder by their system errors: root could write in a real read-only folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest


def full_disk(patch: pytest.MonkeyPatch) -> str:
    """Make every write fail as on a full disk; return the system's error message."""

    def no_room(*_: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    patch.setattr(os, "fsync", no_room)
    return "No space left on device"


def read_only(patch: pytest.MonkeyPatch) -> str:
    """Make opening for writing, creating, moving and deleting fail; return the system's error message."""

    def refusing(act: Callable[..., Any], is_change: Callable[..., object]) -> Callable[..., Any]:
        def acted(path: Any, *more: Any, **words: Any) -> Any:
            if is_change(path, *more, **words):
                raise PermissionError(13, "Permission denied", str(path))
            return act(path, *more, **words)

        return acted

    patch.setattr(Path, "open", refusing(Path.open, lambda path, mode="r", *_, **__: bool(set(mode) & set("wax+"))))
    patch.setattr(Path, "mkdir", refusing(Path.mkdir, lambda path, *_, **__: not path.exists()))
    patch.setattr(Path, "rename", refusing(Path.rename, lambda *_: True))
    patch.setattr(os, "unlink", refusing(os.unlink, lambda path, dir_fd=None: dir_fd or os.path.lexists(path)))
    return "Permission denied"


UNWRITABLE = {"full disk": full_disk, "read-only folder": read_only}
