"""Rename, annotate and discard runs, and restore them from the bin. Pretrained runs are never changed.

ROOT/.bin/RUN@MOMENT        a discarded run, unchanged
ROOT/RUN/.held-WORK-PID-…   locked by a process that uses the run, which is not moved or replaced meanwhile
"""

import fcntl
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock, Timeout

from cvae_core.errors import ConfigError, NotWritable, RunInUse, RunNotFound
from cvae_core.jobs import output_log, queue
from cvae_core.jobs.control import RUN_LOCK
from cvae_core.runs.run import Run, find, run_at
from cvae_core.system import files, locks
from cvae_core.system.folders import NAME, QUEUE, folder_of, in_root, unlinked

LOG = logging.getLogger(__name__)
BIN = ".bin"  # in a root of runs
HELD = ".held-"
LONGEST_NOTE = 500  # characters
Work = Literal["evaluation", "map", "judgement", "export", "estimate"]


@dataclass(frozen=True)
class Binned:
    """A run in the bin, and the moment (UTC, ISO 8601 without separators) when it was discarded."""

    run: str
    moment: str

    @property
    def name(self) -> str:
        """Return the name of its folder in the bin."""
        return f"{self.run}@{self.moment}"


@contextmanager
def held(run: Run, work: Work) -> Iterator[None]:
    """Hold a run, so that it is not renamed, discarded or replaced meanwhile. Several processes may hold it at once.

    The operating system releases the hold however this process ends. A run that cannot be moved, because it is pretrained
    or its folder is not writable, is not held. Raises RunNotFound if the run has just been moved.
    """
    with ExitStack() as until_the_end:
        if not (run.exists() and run.card().read_only):
            with suppress(NotWritable), changing(run.folder.parent):
                find(run.name, run.folder.parent)
                path = run.folder / f"{HELD}{work}-{os.getpid()}-{secrets.token_hex(4)}"
                file = until_the_end.enter_context(path.open("xb"))
                until_the_end.callback(path.unlink, missing_ok=True)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_free(run: Run) -> None:
    """Raise RunInUse if a process holds a run; call it while `changing` its root. Files of dead processes are removed."""
    for path in run.folder.glob(f"{HELD}*"):
        if path.is_symlink() or not path.is_file():
            continue
        with suppress(FileNotFoundError), path.open("rb") as file:  # its holder may have ended meanwhile
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                known = re.match(rf"{re.escape(HELD)}({'|'.join(get_args(Work))})-(\d{{1,10}})-", path.name)
                by = f"{known[1]}, process {known[2]}" if known else "another process"
                raise RunInUse(
                    f"Run {run.name!r} is in use ({by}): wait until it has ended, or stop it, and try again."
                ) from error
            path.unlink()


def rename(root: Path, name: str, new: str) -> Run:
    """Rename a run; raise RunInUse if the new name is taken or the run is in use, ReadOnlyRun, NotWritable."""
    with _own(root, name) as run:
        require_free(run)
        run.folder.rename(vacant(root, new))
        output_log.forget(root, name)
        output_log.forget(root, new)  # of an earlier training that never became a run
    LOG.info("run %s is renamed to %s", name, new)
    return run_at(new, root)


def annotate(root: Path, name: str, note: str) -> None:
    """Store a note with a run, as one line of printable characters; an empty note deletes it.

    Raises ConfigError, RunInUse, ReadOnlyRun, NotWritable.
    """
    text = note.encode(errors="replace").decode()  # a shell may pass bytes that are not UTF-8, which no page can show
    line = " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())
    if len(line) > LONGEST_NOTE:
        raise ConfigError(f"The note has {len(line)} characters: shorten it to {LONGEST_NOTE}.")
    with _own(root, name) as run:
        run.write_card(replace(run.card(), note=line))


def discard(root: Path, name: str) -> Binned:
    """Move a run to the bin, where it can be restored; raise RunInUse, ReadOnlyRun, RunNotFound, NotWritable."""
    with _own(root, name) as run:
        require_free(run)
        binned = _to_bin(name)
        _bin(root).mkdir(exist_ok=True)
        run.folder.rename(_bin(root) / binned.name)
        output_log.forget(root, name)
    LOG.info("run %s is moved to the bin", name)
    return binned


@contextmanager
def replacing(run: Run) -> Iterator[None]:
    """Keep a copy of a run in the bin while its card is replaced; hard links need no more disk space.

    If replacing fails, the run is unchanged and the copy is removed. Raises RunInUse, NotWritable.
    """
    root, binned = run.folder.parent, _to_bin(run.name)
    with changing(root):
        require_free(run)
        _bin(root).mkdir(exist_ok=True)
        with files.folder_beside(_bin(root) / binned.name) as beside:
            (beside / "run").mkdir()
            for path in run.folder.glob("[!.]*"):
                if path.is_file():  # a folder in the place of a file, after damage, stays there
                    _duplicate(path, beside / "run" / path.name)
            (beside / "run").rename(_bin(root) / binned.name)
    try:
        yield
    except NotWritable:
        shutil.rmtree(_bin(root) / binned.name)
        raise
    LOG.info("run %s is replaced; its previous state is in the bin", run.name)


def _duplicate(path: Path, copy: Path) -> None:
    try:
        copy.hardlink_to(path)
    except OSError:  # a file system without hard links
        shutil.copy2(path, copy)


def _bin(root: Path) -> Path:
    return unlinked(root / BIN, root)


def _to_bin(name: str) -> Binned:
    return Binned(name, f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")


def in_bin(root: Path) -> list[Binned]:
    """Return the runs in the bin, most recently discarded first."""
    folders = [path for path in _bin(root).glob("[!.]*@*") if not path.is_symlink() and Run(path).exists()]
    found = [path.name.partition("@") for path in folders]
    good = [Binned(run, moment) for run, _, moment in found if NAME.fullmatch(run)]
    return sorted(good, key=lambda binned: binned.moment, reverse=True)


def restore(root: Path, name: str) -> Run:
    """Restore the most recently discarded run of a name from the bin; raise RunNotFound, RunInUse, NotWritable."""
    with changing(root):
        binned = next((binned for binned in in_bin(root) if binned.run == name), None)
        if binned is None:
            have = ", ".join(dict.fromkeys(binned.run for binned in in_bin(root))) or "none"
            raise RunNotFound(f"No run {name!r} is in the bin of {root}. There are: {have}.")
        (_bin(root) / binned.name).rename(vacant(root, name))
        output_log.forget(root, name)  # of an earlier training that never became a run
    LOG.info("run %s is restored from the bin", name)
    return run_at(name, root)


def empty_bin(root: Path) -> None:
    """Permanently delete all runs in the bin."""
    with changing(root):
        for path in _bin(root).glob("[!.]*@*"):  # also folders without a card, and files, after damage
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            LOG.info("run %s is permanently deleted", path.name.partition("@")[0])


@contextmanager
def _own(root: Path, name: str) -> Iterator[Run]:
    """Lock a run that may be changed and that no process trains or waits to train."""
    with changing(root):
        run = find(name, root)
        run.require_writable()
        if queue.look(root).has(name):
            raise RunInUse(
                f"Run {name!r} trains or waits: stop it with {in_root(f'python -m cvae_core stop {name}', root)}"
            )
        lock = FileLock(run.folder / RUN_LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise RunInUse(f"Run {name!r} trains in another process: wait until it has ended.") from error
        try:
            yield run
        finally:
            lock.release()


def is_vacant(root: Path, name: str) -> bool:
    """Return whether a name is free: no run in the root has it, and none that waits to train."""
    return not (folder_of(name, root).exists() or queue.look(root).has(name))


def vacant(root: Path, name: str, remedy: str = "rename that one first, or choose another name") -> Path:
    """Return the folder for a new run; raise ConfigError if the name is invalid, RunInUse if it is taken."""
    folder = folder_of(name, root)
    if not is_vacant(root, name):
        raise RunInUse(f"There is a run {name!r} in {root} already: {remedy}.")
    return folder


@contextmanager
def changing(root: Path) -> Iterator[None]:
    """Keep other processes from moving or creating runs in a root, except by training; raise NotWritable if refused."""
    try:
        with locks.locked(root / QUEUE / "moving", root):
            yield
    except OSError as error:
        raise NotWritable(f"{root} cannot be written ({error.strerror}): choose another --root.") from error
