"""A training's sign of life beside its run: who trains it, how far it is, when it last moved, what ended it; no torch.

The file has its full size from the beginning and is written over in place: last words fit on a full disk.
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
LOOKS = 3  # at a file that makes no sense
_SIZE, _LONGEST = 4096, 600  # bytes of the file, characters of last words


@dataclass(frozen=True)
class Progress:
    """Say what a training does, which share of it is done, and how many seconds are left at most, where that is known."""

    doing: str = "begins"
    share: Annotated[float, Between(0, 1)] = 0.0
    left: Seconds | None = None


@dataclass(frozen=True)
class Pulse:
    """Say what the file says."""

    process: Process
    boot: str
    killed_for_memory: Annotated[int, Between(0, MAX_WHOLE)]  # processes of the whole machine, when the training began
    words: str
    progress: Progress
    beaten: Seconds  # since 1970

    @property
    def silent(self) -> float:
        """Return the seconds since the last beat."""
        return time.time() - self.beaten

    @property
    def goes_on(self) -> bool:
        """Say whether its process is there, or may be: of one on another host only the beat can be seen."""
        return not self.words and (self.process.alive or not self.process.here)

    def cause(self) -> str:
        """Say why a training that is no more has ended, as far as it can be known."""
        if self.words:
            return self.words
        if self.boot != processes.boot():
            return "the machine was restarted, or lost its power"
        if processes.killed_for_memory() > self.killed_for_memory:
            return "killed without a word, most likely out of memory: the system has killed for want of it since"
        return "killed by a signal, without a word"


@contextmanager
def beating(folder: Path) -> Iterator[Callable[[Progress], None]]:
    """Keep a sign of life in a run's folder and give what makes it beat; an error that ends it is its last words."""
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
            f"{path} could not be written ({error.strerror}): make room or choose another --root."
        ) from error
    beaten = time.monotonic()

    def beat(progress: Progress) -> None:
        nonlocal beaten
        if time.monotonic() - beaten > BEAT_EVERY:
            beaten = time.monotonic()
            content["progress"] = asdict(progress)
            with suppress(OSError):  # somebody has removed the run, say: that is no reason for it to end
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


def read(folder: Path) -> Pulse | None:
    """Return the sign of life in a run's folder, or None where there is none to be read."""
    path = folder / FILE
    for _ in range(LOOKS):
        try:
            content = json.loads(files.read(path, files.MEGABYTE))
            process = Process(content.pop("pid"), content.pop("born"), content.pop("host", ""))
            progress = Progress(**content.pop("progress"))
            pulse = Pulse(process=process, progress=progress, beaten=path.stat().st_mtime, **content)
            if fits(pulse, Pulse):
                return pulse
        except (OSError, RunDamaged):
            return None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass  # nonsense, or caught while it was written over
        time.sleep(0.01)
    return None


def remove(folder: Path) -> None:
    """Take the sign of life of a dead training away."""
    (folder / FILE).unlink(missing_ok=True)


def reason_of(error: BaseException) -> str:
    """Return an error's first line, or what it is called where it says nothing."""
    if isinstance(error, MemoryError):
        return "out of memory"
    return (str(error).splitlines() or [type(error).__name__])[0]


def _write_over(path: Path, content: dict[str, object]) -> None:
    with path.open("r+b", buffering=0) as file:
        file.write(_filled(content))


def _filled(content: dict[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode().ljust(_SIZE)
