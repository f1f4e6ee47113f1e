"""Atomic writes with an embedded SHA-256.

Every file is written beside its name and moved over it, so that a reader sees the old or the new one. Each carries a
SHA-256 of its content: neither JSON, NumPy nor safetensors notices a flipped bit. Nothing here unpickles.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from cvae_core.errors import ConfigError, NotWritable, RunDamaged
from cvae_core.system import processes

TEMPORARY = ".tmp"
LONG_AGO = 3600.0  # seconds: longer than any file takes to be written
REMEDY = "Put back a copy of it, or delete it and make it anew."
FOREIGN = "does not hold what this version of the lab writes into it"
DIGEST = "sha256"
MEGABYTE = 2**20
MOST_BYTES, MOST_JSON = 2048 * MEGABYTE, 16 * MEGABYTE  # of a file that is read whole, and of one of JSON
REPOSITORY = Path(__file__).resolve().parents[2]


def user_path(variable: str, folder: str) -> Path:
    """Return the path in an environment variable, `~` expanded, or a folder of the repository where it is empty."""
    given = os.environ.get(variable)
    if not given:
        return REPOSITORY / folder
    try:
        return Path(given).expanduser().absolute()  # a process that is started elsewhere means the same
    except RuntimeError as error:
        raise ConfigError(
            f"{variable} cannot be {given!r}: there is no such user. Give the folder's full path."
        ) from error


def write(path: Path, content: bytes) -> None:
    """Replace a file in one step; raise NotWritable where the folder or disk refuses. What the dead left beside it goes."""
    with _temporary(path, content) as temporary:
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def require_writable(path: Path) -> None:
    """Raise NotWritable where a file could not be written now, before the work for it is begun."""
    with _temporary(path, b"\0"):
        pass


@contextmanager
def _temporary(path: Path, content: bytes) -> Iterator[Path]:
    """Write a file beside a path; it goes in the end, unless it has been moved."""
    temporary = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    except OSError as error:
        raise NotWritable(
            f"{path} could not be written ({error.strerror}): make room or choose another folder."
        ) from error
    finally:
        with suppress(OSError):  # gone, as it should be, or never there
            temporary.unlink()


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Lend a new folder beside a path; it goes in the end, or where its process was killed, when the next one is lent."""
    remove_leftovers(path.parent)
    folder = _beside(path)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{_own_mark(os.getpid())}-{threading.get_ident()}{TEMPORARY}")


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders of processes that were killed while they wrote.

    Processes of another host cannot be seen from here: what theirs left goes when no writing would have taken so long.
    """
    for path in folder.glob(f".*{TEMPORARY}"):
        if found := re.fullmatch(rf"\..+\.((\d+)-([0-9a-f]{{8}})-[0-9a-f]{{8}})-\d+{re.escape(TEMPORARY)}", path.name):
            with suppress(OSError):  # somebody else was quicker
                here, old = found[3] == _short(processes.host()), time.time() - path.stat().st_mtime > LONG_AGO
                if old or (here and found[1] != _mark(int(found[2]))):
                    if path.is_dir():
                        shutil.rmtree(path, ignore_errors=True)
                    else:
                        path.unlink()


def _mark(pid: int) -> str:
    """Return what tells a living process from all others, here and elsewhere, by its number."""
    return f"{pid}-{_short(processes.host())}-{_short(processes.born(pid) or '')}"


_own_mark = lru_cache(_mark)  # of a process that lives: its birth stays what it is, and may take another process to ask


def _short(text: str) -> str:
    return digest(text.encode())[:8]


def read(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a whole file; raise RunDamaged where it is missing, unreadable, no plain file, or has more bytes than that."""
    require_plain(path)
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > most:
                raise RunDamaged(f"{path} is damaged: it has more than {most // MEGABYTE:,} MB. {REMEDY}")
            return file.read()
    except OSError as error:
        raise RunDamaged(f"{path} cannot be read ({error.strerror}).") from error


def require_plain(path: Path) -> None:
    """Raise RunDamaged unless there is a file: a pipe has no end, and a link leads anywhere."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise RunDamaged(f"{path} cannot be read ({error.strerror}).") from error
    if not stat.S_ISREG(mode):
        raise RunDamaged(f"{path} cannot be read: it is a folder, a link or a device and not a file. {REMEDY}")


def version(path: Path) -> tuple[int, int, int]:
    """Return what differs whenever a file has been written anew, or zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with the digest of its content."""
    write(path, (json.dumps({**content, DIGEST: _json_digest(content)}, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote; raise RunDamaged if it is anything else."""
    try:
        content = json.loads(read(path, MOST_JSON))
        said, found = content.pop(DIGEST), _json_digest(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunDamaged(f"{path} is damaged: it is not the JSON that was written. {REMEDY}") from error
    compare(path, said, found)
    return dict(content)


def require(holds: bool, path: Path) -> None:
    """Raise RunDamaged unless a file, whose digest is right, holds what belongs into it."""
    if not holds:
        raise RunDamaged(f"{path} {FOREIGN}. {REMEDY}")


def compare(path: Path, said: object, found: str) -> None:
    """Raise RunDamaged unless a file's digest is what was found of its content."""
    if said != found:
        raise RunDamaged(f"{path} is damaged: its content does not match its digest. {REMEDY}")


def _json_digest(content: Mapping[str, Any]) -> str:
    return digest(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
