"""This process and others: identify them, start them, ask them to stop, end them.

Process IDs are reused: a process is identified by its ID and its start time, on one host. Other machines, and containers on
this one, have process IDs of their own.
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
NICENESS = 10  # of what runs beside the pages
NO_WINDOWS = (
    "The lab runs on Linux and macOS. On Windows, run it inside WSL: https://learn.microsoft.com/windows/wsl/install"
)


@dataclass(frozen=True)
class Process:
    """Name one process for good."""

    pid: Annotated[int, Between(1, 2**32)]
    born: str
    host: str = ""  # where the system does not say, and in files of older versions: this one

    @property
    def here(self) -> bool:
        """Say whether it is on this host, where it can be seen and signalled."""
        return self.host in ("", host())

    @property
    def place(self) -> str:
        """Return the name of its machine or container."""
        return self.host.partition(" ")[0] or platform.node()

    @property
    def alive(self) -> bool:
        """Say whether it is at work on this host: a dead one whose parent has not asked for its fate is not."""
        return self.here and born(self.pid) == self.born

    def send(self, number: int) -> None:
        """Send a signal to this very process, or to none if it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if sys.platform != "linux":
                if self.alive:
                    os.kill(self.pid, number)
                return
            handle = os.pidfd_open(self.pid)  # from here on the number cannot pass to another process unnoticed
            try:
                if self.alive:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def this() -> Process:
    """Return the process that asks."""
    return Process(os.getpid(), born(os.getpid()) or "", host())


def host() -> str:
    """Return what tells where the numbers of processes are this process's: a name and a namespace, or nothing."""
    with contextlib.suppress(OSError):
        return f"{platform.node()} {(PROC / 'self/ns/pid').readlink()}"
    return ""


def boot() -> str:
    """Return what tells this start of the machine from all others, or nothing where the system does not say."""
    with contextlib.suppress(OSError):
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def killed_for_memory() -> int:
    """Return how many processes the system has killed for want of memory since it started; 0 where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        counts = dict(line.split() for line in (PROC / "vmstat").read_text().splitlines())
        return int(counts.get("oom_kill", 0))
    return 0


def born(pid: int) -> str | None:
    """Return what tells a living process from all others that have its ID, before or after it; None if none lives."""
    import psutil  # here, since the import takes 10 ms and fails on systems that `refuse_windows` has to explain

    try:
        found = psutil.Process(pid)
        # A process lives on without its first thread while others run.
        if found.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) and found.num_threads() <= 1:
            return None
    except psutil.Error:
        return None
    return f"{boot()} {hash(found)}"  # of its ID and the time from the boot to its start, which no set clock changes


def launched(words: Sequence[str], said: IO[bytes] | int) -> "subprocess.Popen[bytes]":
    """Start `python -m cvae_core WORDS` at low priority in a session of its own, so that it outlives who started it."""
    child = subprocess.Popen(
        [sys.executable, "-u", "-m", "cvae_core", *words],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with contextlib.suppress(ProcessLookupError):  # it has ended already, and said why
        os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
    threading.Thread(target=child.wait, daemon=True).start()  # or it stays in the table of processes when it has ended
    return child


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a request that the loop sees between two steps."""
    requested = False

    def note(*_: object) -> None:
        nonlocal requested
        requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C does not wait

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def open_streams() -> None:
    """Show control characters as escapes in all that this process prints.

    What it would print leads nowhere where its caller has closed that stream: files would take its place.
    """
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w" if number else "r")  # noqa: SIM115 (it stays until the end)
            if nowhere.fileno() != number:
                os.dup2(nowhere.fileno(), number)
            setattr(sys, name, nowhere)
    sys.stdout, sys.stderr = Printable(sys.stdout), Printable(sys.stderr)


def refuse_windows() -> None:
    """End this process with a sentence where the lab does not run."""
    if sys.platform == "win32":
        sys.stderr.write(f"{NO_WINDOWS}\n")
        sys.exit(2)


def launched_together() -> bool:
    """Say whether torchrun, which sets both variables, started this process as one of several."""
    size = os.environ.get("WORLD_SIZE", "")
    return "RANK" in os.environ and size.isdecimal() and int(size) > 1


def leave(code: int) -> NoReturn:
    """End this process; one of several, or one that was stopped or refused, at once, without Python's own teardown.

    Letting go of torch takes a second or more of the two in which a stopped training is to be gone, and all that is worth
    keeping is written by then. Of several processes even one that is done skips it: DistributedDataParallel keeps gloo's
    threads beyond the group, and one of them that lets go of a tensor meanwhile aborts the process (PyTorch's pull request
    179291).
    """
    if not code and not launched_together():
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)
