"""Commands started from a page: one process at a time, shared by all visitors, which outlives the page that started it.

Commands write into the lab's folders and use the processor, so they need the same permission as training.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

import streamlit as st

from app.display import elements
from app.text.plain_text import Markdown, plain
from app.widgets import permission
from cvae_core.data import datasets
from cvae_core.errors import NotStarted, NotWritable
from cvae_core.system import processes

POLL = "1s"
BUSY = "Another command is running for a visitor. Try again when it has finished."
LAST = 4096  # bytes of the output that are read while a command runs
_PROGRESS = re.compile(r"^(?:.*: |epoch +)(\d[\d,]*)(?: of |/)(\d[\d,]*)", re.MULTILINE)  # as commands report it
_ONE_AT_A_TIME = threading.Lock()  # held while a command is started


@dataclass
class Work:
    """A command that runs or has ended."""

    process: subprocess.Popen[bytes]
    said: IO[bytes]  # the output, in a file: a full pipe would block the process
    started: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    @property
    def running(self) -> bool:
        """Return whether the process is still running."""
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.started

    @property
    def progress(self) -> tuple[float, str]:
        """Return the completed fraction by the last line of the output that reports it, and this line; else 0 and no text."""
        size = os.fstat(self.said.fileno()).st_size
        end = os.pread(self.said.fileno(), LAST, max(0, size - LAST))  # the process writes at the position of the file
        share, line = 0.0, ""
        for found in _PROGRESS.finditer(end.decode(errors="replace")):
            done, whole = (int(number.replace(",", "")) for number in found.groups())
            share, line = min(1.0, done / max(1, whole)), found[0]
        return share, line

    @property
    def fault(self) -> str | None:
        """Return the error message, the last line of the output, or None if the command succeeded."""
        if self.process.returncode == 0:
            return None
        if self.cancelled:
            return "It was cancelled."
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "The command failed without a message."

    def cancel(self) -> None:
        """End the process and those that it has started."""
        self.cancelled = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)


@st.cache_resource
def _works() -> dict[str, Work]:
    """Return the commands of all visitors by their purpose."""
    return {}


def offer(purpose: str, label: Markdown, progress: Callable[[float], tuple[float, str]], *arguments: str) -> None:
    """Show a button that runs `python -m cvae_core` with `arguments`, then a progress bar, then rerun the page.

    `progress` maps the seconds since the start to the completed fraction and a text. All visitors see the same command.
    """

    def panel() -> None:
        work = _works().get(purpose)
        if work and work.running:
            share, text = progress(work.seconds)
            st.progress(min(0.99, share), text=plain(text))
            return
        if work:
            fault = outcome(purpose)
            if fault is None:
                st.rerun()
            st.error(plain(fault), icon=":material/error:")
        if not permission.may_train():
            permission.tell("Downloads and computations are disabled")
        elif st.button(label, icon=":material/play_arrow:", key=f"start {purpose}"):
            with elements.sentences():
                if _begun(purpose, arguments):
                    st.rerun()
                st.info(BUSY)

    work = _works().get(purpose)
    st.fragment(panel, run_every=POLL if work and work.running else None)()


def start(purpose: str, *arguments: str) -> None:
    """Run `python -m cvae_core` with `arguments`; raise NotStarted if that is not permitted or another command is running."""
    if not permission.may_train():
        raise NotStarted(f"Commands are disabled on this server. Enable them with {permission.VARIABLE}=on.")
    if not _begun(purpose, arguments):
        raise NotStarted(BUSY)


def is_known(purpose: str) -> bool:
    """Return whether a command runs, or has ended and its outcome was not asked for."""
    return purpose in _works()


def outcome(purpose: str) -> str | None:
    """Forget a command that has ended; return its error message, or None if it succeeded."""
    work = _works().pop(purpose)
    fault = work.fault
    work.said.close()
    return fault


def cancel(purpose: str) -> None:
    """End a command, if it is running, and forget it."""
    if permission.may_train() and (work := _works().pop(purpose, None)):
        work.cancel()
        work.said.close()


def follow(purpose: str, words: Markdown) -> bool:
    """Show the progress of a running command with a button that cancels it, and rerun the page at its end.

    Return whether the command is running.
    """

    def panel() -> None:
        work = _works().get(purpose)
        if work is None or not work.running:
            st.rerun()
        with st.container(horizontal=True, vertical_alignment="center"):
            share, line = work.progress
            st.progress(share, text=f"{words} … {plain(line)}", width="stretch")
            if permission.may_train() and st.button("Cancel", icon=":material/close:", key=f"cancel {purpose}"):
                work.cancel()
                st.rerun()

    if (work := _works().get(purpose)) is None or not work.running:
        return False
    st.fragment(panel, run_every=POLL)()
    return True


def carried_out(purpose: str, words: Markdown, asked: bool, *arguments: str) -> bool:
    """Run `python -m cvae_core` with `arguments` if asked to; show its progress, or why it has failed.

    Return true once it has succeeded, to the first page that asks. Raises NotStarted.
    """
    if asked:
        start(purpose, *arguments)
        st.rerun()
    if follow(purpose, words) or not is_known(purpose):
        return False
    if fault := outcome(purpose):
        st.error(plain(fault), icon=":material/error:")
    return fault is None


def _begun(purpose: str, arguments: tuple[str, ...]) -> bool:
    """Start a command unless another one is running; raise NotWritable if it cannot be started."""
    with _ONE_AT_A_TIME:
        if any(work.running for work in _works().values()):
            return False
        _works()[purpose] = _started(arguments)
        return True


def _started(arguments: tuple[str, ...]) -> Work:
    try:
        said = tempfile.TemporaryFile()  # noqa: SIM115 (an unnamed file, deleted with its last handle)
        return Work(processes.launched(arguments, said), said)
    except OSError as error:
        raise NotWritable(f"Command not started ({error.strerror}): free space in {tempfile.gettempdir()}.") from error


def offer_download(name: str) -> None:
    """Show a button that downloads a data set, with progress by the bytes received."""
    total = datasets.DOWNLOAD_BYTES[name]

    def progress(_: float) -> tuple[float, str]:
        done = datasets.downloaded_bytes(name)
        return done / total, f"Downloading {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB"

    offer(f"download {name}", f"Download {plain(name)} ({total / 1e6:.0f} MB)", progress, "download", name)
