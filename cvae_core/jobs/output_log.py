"""Output logs of trainings, stored beside the queue, so that pages can show their last lines. Nothing imports torch."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import IO, TextIO

from cvae_core.config.job import Job, job_from_json
from cvae_core.errors import ConfigError, LabError, NotWritable, RunDamaged
from cvae_core.system import files
from cvae_core.system.folders import NAME, QUEUE, folder_of, unlinked
from cvae_core.system.printable import printable

PROMPT = "$ "  # before a command
STOPPED = "Stopped."  # begins the last line of a training that was stopped on request
JOB = ".job"  # ending of the file with the latest training, as data: commands are never read from an output log
LAST_BYTES = 16_384  # of an output log that are read


def path_of(root: Path, run: str) -> Path:
    """Return the path of a run's output log, to which each of its trainings appends."""
    return unlinked(root / QUEUE, root) / f"{folder_of(run, root).name}.log"


@contextmanager
def opened(root: Path, job: Job) -> Iterator[IO[bytes]]:
    """Open a run's output log for a process that will be started; write its command first, and store its job beside it.

    Raises NotWritable.
    """
    path = path_of(root, job.run)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            files.require_plain(path)
        transcript = path.open("ab", buffering=0)
        transcript.write(_encoded(f"{PROMPT}{job.command(root)}\n"))
    except (OSError, RunDamaged) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a regular file"
        raise NotWritable(f"{path} cannot be written ({reason}): free disk space, or delete it.") from error
    with transcript:
        files.write_json(path.with_suffix(JOB), job.to_json())
        yield transcript


@contextmanager
def kept(root: Path, job: Job) -> Iterator[None]:
    """Copy this process's output, and the error that ends it, to the run's output log, unless it already goes there."""
    if _leads_to(sys.stdout, path_of(root, job.run)):
        yield
        return
    with opened(root, job) as transcript, redirect_stdout(_Both(sys.stdout, transcript)):
        try:
            yield
        except LabError as error:
            with suppress(OSError):
                transcript.write(_encoded(f"{error}\n"))
            raise


def add(root: Path, run: str, line: str) -> None:
    """Append a line to a run's output log, if there is one that can be written."""
    path = path_of(root, run)
    with suppress(OSError, RunDamaged):
        files.require_plain(path)
        with path.open("ab") as file:
            file.write(_encoded(f"{line}\n"))


def tail(root: Path, run: str, lines: int = 12) -> str:
    """Return the last lines of a run's output log; an empty text if there is none."""
    return "\n".join(_end(root, run)[-lines:])


def last_job(root: Path, run: str) -> Job | None:
    """Return a run's latest training, or None if none is known; raise RunDamaged."""
    path = path_of(root, run).with_suffix(JOB)
    if not os.path.lexists(path):
        return None
    try:
        job = job_from_json(files.read_json(path))
    except ConfigError as error:
        raise RunDamaged(
            f"{path} is not of this version of the lab: delete it, and start the training again."
        ) from error
    files.require(job.run == run, path)
    return job


def _end(root: Path, run: str) -> list[str]:
    """Return the lines at the end of a run's output log; none if there is no output log."""
    path = path_of(root, run)
    try:
        files.require_plain(path)
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
            return printable(file.read().decode(errors="replace")).splitlines()
    except (OSError, RunDamaged):
        return []


def forget(root: Path, run: str) -> None:
    """Delete a run's output log, because its name now belongs to another run."""
    for path in (path_of(root, run), path_of(root, run).with_suffix(JOB)):
        path.unlink(missing_ok=True)


def recent(root: Path) -> list[str]:
    """Return the names of runs with an output log, latest first."""
    found = [(files.version(path)[1], path.stem) for path in (root / QUEUE).glob("*.log")]
    return [name for moment, name in sorted(found, reverse=True) if moment and NAME.fullmatch(name)]


class _Both(io.TextIOBase):
    """Write to a terminal and to an output log."""

    def __init__(self, terminal: TextIO, transcript: IO[bytes]):
        self.terminal, self.transcript = terminal, transcript

    def write(self, text: str) -> int:
        with suppress(OSError):  # on a full disk the terminal still gets the text, and the training reports the error
            self.transcript.write(_encoded(text))
        return self.terminal.write(text)

    def flush(self) -> None:
        self.terminal.flush()

    def fileno(self) -> int:
        return self.terminal.fileno()


def _encoded(text: str) -> bytes:
    """Return UTF-8 without control characters; question marks replace what is not UTF-8, for example in a folder's name."""
    return printable(text).encode(errors="replace")


def _leads_to(stream: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except (OSError, ValueError):  # one of them is not a file
        return False
