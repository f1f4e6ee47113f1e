"""A training's heartbeat, a file in its run's folder: process, progress, last step and final error. Nothing imports torch.

The file has its full size from the beginning and is overwritten in place, so that the final error fits on a full disk.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from cvae_core.errors import NotWritable, RunDamaged
from cvae_core.system import files, processes
from cvae_core.system.folders import unlinked
from cvae_core.system.processes import Process
from cvae_core.system.type_checks import MAX_WHOLE, Between, Seconds, fits

FILE = ".pulse"
BEAT_EVERY = 1.0  # seconds, at least
STALLED_AFTER = 60.0  # seconds without a beat
LOOKS = 3  # attempts to read a file that cannot be parsed
_SIZE, _LONGEST = 4096, 600  # bytes of the file, characters of the final error


@dataclass(frozen=True)
class Progress:
    """What a training does, the share of it that is done, and the seconds left at most, if known."""

    doing: str = "begins"
    share: Annotated[float, Between(0, 1)] = 0.0
    left: Seconds | None = None


@dataclass(frozen=True)
class Heartbeat:
    """The content of the file."""

    process: Process
    boot: str
    killed_for_memory: Annotated[int, Between(0, MAX_WHOLE)]  # processes on this machine, before the training began
    words: str
    progress: Progress
    beaten: Seconds  # of the last beat, since 1970

    @property
    def silent(self) -> float:
        """Return the seconds since the last beat."""
        return time.time() - self.beaten

    @property
    def continues(self) -> bool:
        """Return whether its process exists, or may exist: on another host only the time of its last beat is known."""
        return not self.words and (self.process.alive or not self.process.here)

    def cause(self) -> str:
        """Return why a training has ended, as far as this can be known."""
        if self.words:
            return self.words
        if self.boot != processes.boot():
            return "the machine was restarted, or lost power"
        if processes.killed_for_memory() > self.killed_for_memory:
            return "killed, most likely out of memory: since training began, the system has killed a process to free memory"
        return "killed by a signal, without an error message"


@contextmanager
def beating(folder: Path) -> Iterator[Callable[[Progress], None]]:
    """Keep a heartbeat in a run's folder and yield the function that updates it; store the error that ends the training."""
    path, process = unlinked(folder / FILE, folder.parent), processes.this()
    content: dict[str, object] = {
        "pid": process.pid,
        "born": process.born,
        "host": process.host,
        "boot": processes.boot(),
        "killed_for_memory": processes.killed_for_memory(),
        "words": "",
        "progress": asdict(Progress()),
    }
    try:
        path.write_bytes(_filled(content))
    except OSError as error:
        raise NotWritable(
            f"{path} could not be written ({error.strerror}): free disk space or choose another --root."
        ) from error
    beaten = time.monotonic()

    def beat(progress: Progress) -> None:
        nonlocal beaten
        if time.monotonic() - beaten > BEAT_EVERY:
            beaten = time.monotonic()
            content["progress"] = asdict(progress)
            with suppress(OSError):  # for example after the run was removed: training continues
                _write_over(path, content)

    try:
        yield beat
    except GeneratorExit:
        path.unlink(missing_ok=True)
        raise
    except BaseException as error:
        with suppress(FileNotFoundError):
            _write_over(path, {**content, "words": reason_of(error)[:_LONGEST]})
        raise
    path.unlink(missing_ok=True)


def read(folder: Path) -> Heartbeat | None:
    """Return the heartbeat in a run's folder, or None if there is none that can be read."""
    path = folder / FILE
    for _ in range(LOOKS):
        try:
            content = json.loads(files.read(path, files.MEGABYTE))
            process = Process(content.pop("pid"), content.pop("born"), content.pop("host", ""))
            progress = Progress(**content.pop("progress"))
            found = Heartbeat(process=process, progress=progress, beaten=path.stat().st_mtime, **content)
            if fits(found, Heartbeat):
                return found
        except (OSError, RunDamaged):
            return None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass  # invalid, or read while it was overwritten
        time.sleep(0.01)
    return None


def remove(folder: Path) -> None:
    """Remove the heartbeat of a dead training."""
    (folder / FILE).unlink(missing_ok=True)


def reason_of(error: BaseException) -> str:
    """Return an error's first line, or the name of its type if it has no message."""
    if isinstance(error, MemoryError):
        return "out of memory"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _write_over(path: Path, content: dict[str, object]) -> None:
    with path.open("r+b", buffering=0) as file:
        file.write(_filled(content))


def _filled(content: dict[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode().ljust(_SIZE)
