"""Processes: identify, start, signal and end them.

Process IDs are reused: a process is identified by its ID and its start time, on one host. Other machines, and containers on
this machine, have separate process IDs.
"""

import contextlib
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, NoReturn

from cvae_core.system.printable import Printable
from cvae_core.system.type_checks import Between

PROC = Path("/proc")
NICENESS = 10  # of processes that run in the background of the pages
NO_WINDOWS = (
    "The lab runs on Linux and macOS. On Windows, run it inside WSL: https://learn.microsoft.com/windows/wsl/install"
)


@dataclass(frozen=True)
class Process:
    """Identify one process by its ID, start time and host."""

    pid: Annotated[int, Between(1, 2**32)]
    born: str
    host: str = ""  # empty if the system gives none, and in files of older versions: this host

    @property
    def here(self) -> bool:
        """Return whether the process is on this host, where it can be found and signalled."""
        return self.host in ("", host())

    @property
    def place(self) -> str:
        """Return the name of the machine or container of the process."""
        return self.host.partition(" ")[0] or platform.node()

    @property
    def alive(self) -> bool:
        """Return whether the process is running on this host. A zombie is not running."""
        return self.here and born(self.pid) == self.born

    def send(self, number: int) -> None:
        """Send a signal to this process. Do nothing if it has ended, even if its ID is reused."""
        with contextlib.suppress(ProcessLookupError):
            if sys.platform != "linux":
                if self.alive:
                    os.kill(self.pid, number)
                return
            handle = os.pidfd_open(self.pid)  # this handle stays valid for one process, even if the ID is reused
            try:
                if self.alive:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def this() -> Process:
    """Return the current process."""
    return Process(os.getpid(), born(os.getpid()) or "", host())


def host() -> str:
    """Return the name of the host and the namespace of process IDs, or an empty text."""
    with contextlib.suppress(OSError):
        return f"{platform.node()} {(PROC / 'self/ns/pid').readlink()}"
    return ""


def boot() -> str:
    """Return the ID of the current boot, or an empty text if the system gives none."""
    with contextlib.suppress(OSError):
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def killed_for_memory() -> int:
    """Return how many processes the system has killed for lack of memory since boot, 0 if the system gives no count."""
    with contextlib.suppress(OSError, ValueError):
        counts = dict(line.split() for line in (PROC / "vmstat").read_text().splitlines())
        return int(counts.get("oom_kill", 0))
    return 0


def born(pid: int) -> str | None:
    """Return an identifier of the boot and start time of a running process, or None if no process with this ID is running."""
    import psutil  # here, because the import takes 10 ms and may fail on Windows before `refuse_windows` runs

    try:
        found = psutil.Process(pid)
        # A process whose main thread has ended still runs while other threads run.
        if found.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) and found.num_threads() <= 1:
            return None
    except psutil.Error:
        return None
    return f"{boot()} {hash(found)}"  # hash of the ID and the start time since boot, which clock changes do not affect


def launched(words: Sequence[str], said: IO[bytes] | int) -> "subprocess.Popen[bytes]":
    """Start `python -m cvae_core WORDS` at low priority in a new session, so that it outlives its parent process."""
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", "cvae_core", *words],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with contextlib.suppress(ProcessLookupError):  # it has already ended and printed the reason
        os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
    threading.Thread(target=child.wait, daemon=True).start()  # so that it does not remain a zombie
    return child


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a request that the training loop reads between two steps."""
    requested = False

    def note(*_: object) -> None:
        nonlocal requested
        requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C interrupts at once

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def open_streams() -> None:
    """Escape control characters in all output of this process.

    Closed standard streams are replaced by os.devnull. Otherwise the next opened file would take their descriptor.
    """
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w" if number else "r")  # noqa: SIM115 (open until exit)
            if nowhere.fileno() != number:
                os.dup2(nowhere.fileno(), number)
            setattr(sys, name, nowhere)
    sys.stdout, sys.stderr = Printable(sys.stdout), Printable(sys.stderr)


def refuse_windows() -> None:
    """Exit with a message on Windows, where the lab does not run."""
    if sys.platform == "win32":
        sys.stderr.write(f"{NO_WINDOWS}\n")
        sys.exit(2)


def launched_together() -> bool:
    """Return whether torchrun, which sets both variables, started this process as one of several."""
    size = os.environ.get("WORLD_SIZE", "")
    return "RANK" in os.environ and size.isdecimal() and int(size) > 1


def leave(code: int) -> NoReturn:
    """Exit. With an error code, or as one of several processes, exit at once, without Python's finalisation.

    The finalisation of torch takes a second or more, but a stopped training should end within two seconds. All results are
    written by then. With several processes, finalisation is skipped even after success: DistributedDataParallel keeps gloo's
    threads after the group is destroyed, and a thread that releases a tensor during finalisation aborts the process
    (PyTorch's pull request 179291).
    """
    if not code and not launched_together():
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the reader has closed it
            stream.flush()
    os._exit(code)
