"""A visitor's own runs renamed, annotated, thrown into a bin and taken back; pretrained ones stay as they are.

ROOT/.bin/RUN@MOMENT        a run that was thrown away, as it was
ROOT/RUN/.held-WORK-PID-…   locked by a process that works on the run, which is neither moved nor replaced meanwhile
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
    """Name a run in the bin, and the moment (UTC, ISO 8601 without separators) when it was thrown there."""

    run: str
    moment: str

    @property
    def name(self) -> str:
        """Return what it is called in the bin."""
        return f"{self.run}@{self.moment}"


@contextmanager
def held(run: Run, work: Work) -> Iterator[None]:
    """Hold a run while working on it: nobody renames, discards or replaces it meanwhile. Several may hold it at once.

    The operating system releases it however this process ends. A run that cannot be moved from here, since it is pretrained
    or its folder cannot be written, needs no holding. Raises RunNotFound where it has just been moved.
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
    """Raise RunInUse where somebody works on a run; to be asked while `changing` its root. Files of the dead are removed."""
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
                    f"Run {run.name!r} is in use ({by}): wait until that has ended, or stop it, and try again."
                ) from error
            path.unlink()


def rename(root: Path, name: str, new: str) -> Run:
    """Give a run another name; raise RunInUse where there is one of that name or it is at work, ReadOnlyRun, NotWritable."""
    with _own(root, name) as run:
        require_free(run)
        run.folder.rename(vacant(root, new))
        output_log.forget(root, name)
        output_log.forget(root, new)  # of a stranger that never became a run
    LOG.info("run %s is renamed %s", name, new)
    return run_at(new, root)


def annotate(root: Path, name: str, note: str) -> None:
    """Keep a note with a run, as one line without letters that nobody sees; an empty one takes it away.

    Raises ConfigError, RunInUse, ReadOnlyRun, NotWritable.
    """
    text = note.encode(errors="replace").decode()  # a shell passes on bytes that are no text and that no page can show
    line = " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())
    if len(line) > LONGEST_NOTE:
        raise ConfigError(f"The note has {len(line)} characters: {LONGEST_NOTE} are the most.")
    with _own(root, name) as run:
        run.write_card(replace(run.card(), note=line))


def discard(root: Path, name: str) -> Binned:
    """Put a run into the bin, from where it can be taken back; raise RunInUse, ReadOnlyRun, RunNotFound, NotWritable."""
    with _own(root, name) as run:
        require_free(run)
        binned = _to_bin(name)
        _bin(root).mkdir(exist_ok=True)
        run.folder.rename(_bin(root) / binned.name)
        output_log.forget(root, name)
    LOG.info("run %s is put into the bin", name)
    return binned


@contextmanager
def replacing(run: Run) -> Iterator[None]:
    """Put a run into the bin, where it takes no room that it has not taken before, while its card is replaced.

    Where that fails the run is as it was, and only there. Raises RunInUse, NotWritable.
    """
    root, binned = run.folder.parent, _to_bin(run.name)
    with changing(root):
        require_free(run)
        _bin(root).mkdir(exist_ok=True)
        with files.folder_beside(_bin(root) / binned.name) as beside:
            (beside / "run").mkdir()
            for path in run.folder.glob("[!.]*"):
                if path.is_file():  # what damage has put in the place of one stays where it is
                    _duplicate(path, beside / "run" / path.name)
            (beside / "run").rename(_bin(root) / binned.name)
    try:
        yield
    except NotWritable:
        shutil.rmtree(_bin(root) / binned.name)
        raise
    LOG.info("run %s is replaced, and kept in the bin", run.name)


def _duplicate(path: Path, copy: Path) -> None:
    try:
        copy.hardlink_to(path)
    except OSError:  # a file system without such links
        shutil.copy2(path, copy)


def _bin(root: Path) -> Path:
    return unlinked(root / BIN, root)


def _to_bin(name: str) -> Binned:
    return Binned(name, f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")


def in_bin(root: Path) -> list[Binned]:
    """Return what is in the bin, last thrown first."""
    folders = [path for path in _bin(root).glob("[!.]*@*") if not path.is_symlink() and Run(path).exists()]
    found = [path.name.partition("@") for path in folders]
    good = [Binned(run, moment) for run, _, moment in found if NAME.fullmatch(run)]
    return sorted(good, key=lambda binned: binned.moment, reverse=True)


def restore(root: Path, name: str) -> Run:
    """Take the run of a name that was last thrown away out of the bin; raise RunNotFound, RunInUse, NotWritable."""
    with changing(root):
        binned = next((binned for binned in in_bin(root) if binned.run == name), None)
        if binned is None:
            have = ", ".join(dict.fromkeys(binned.run for binned in in_bin(root))) or "none"
            raise RunNotFound(f"No run {name!r} is in the bin of {root}. There are: {have}.")
        (_bin(root) / binned.name).rename(vacant(root, name))
        output_log.forget(root, name)  # of a stranger that never became a run
    LOG.info("run %s is taken out of the bin", name)
    return run_at(name, root)


def empty_bin(root: Path) -> None:
    """Delete for good what is in the bin."""
    with changing(root):
        for path in _bin(root).glob("[!.]*@*"):  # also what damage has left without a card, or in the place of a run
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            LOG.info("run %s is deleted for good", path.name.partition("@")[0])


@contextmanager
def _own(root: Path, name: str) -> Iterator[Run]:
    """Hold a run that may be changed and that nobody trains, or waits to train."""
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
            raise RunInUse(f"Run {name!r} is at work in another process: wait until it has ended.") from error
        try:
            yield run
        finally:
            lock.release()


def is_vacant(root: Path, name: str) -> bool:
    """Say whether a name is free: nothing in the root has it, nor waits to."""
    return not (folder_of(name, root).exists() or queue.look(root).has(name))


def vacant(root: Path, name: str, remedy: str = "rename that one first, or choose another name") -> Path:
    """Return the folder of a run that is yet to be; raise ConfigError, RunInUse where it cannot be called so."""
    folder = folder_of(name, root)
    if not is_vacant(root, name):
        raise RunInUse(f"There is a run {name!r} in {root} already: {remedy}.")
    return folder


@contextmanager
def changing(root: Path) -> Iterator[None]:
    """Let nobody else move or make runs in a root meanwhile, but who trains them; raise NotWritable where it is refused."""
    try:
        with locks.locked(root / QUEUE / "moving", root):
            yield
    except OSError as error:
        raise NotWritable(f"{root} cannot be written ({error.strerror}): choose another --root.") from error
