"""Commands started from a page: one process at a time, shared by all visitors, which outlives the page that started it.

Commands write into the lab's folders and use the processor, so they need the same permission as training.
"""

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
from cvae_core.errors import NotWritable
from cvae_core.system import processes

POLL = "1s"
_ONE_AT_A_TIME = threading.Lock()  # held while a command is started


@dataclass
class Work:
    """A command that runs or has ended."""

    process: subprocess.Popen[bytes]
    said: IO[bytes]  # the output, in a file: a full pipe would block the process
    started: float = field(default_factory=time.monotonic)

    @property
    def running(self) -> bool:
        """Return whether the process is still running."""
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.started

    @property
    def fault(self) -> str | None:
        """Return the error message, the last line of the output, or None if the command succeeded."""
        if self.process.returncode == 0:
            return None
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "The command failed without a message."


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
            _works().pop(purpose, None)
            fault = work.fault
            work.said.close()
            if fault is None:
                st.rerun()
            st.error(plain(fault), icon=":material/error:")
        if not permission.may_train():
            permission.tell("Downloads and computations are disabled")
        elif st.button(label, icon=":material/play_arrow:", key=f"start {purpose}"):
            with elements.sentences():
                if _begun(purpose, arguments):
                    st.rerun()
                st.info("Another command is running for a visitor. Try again when it has finished.")

    work = _works().get(purpose)
    st.fragment(panel, run_every=POLL if work and work.running else None)()


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
