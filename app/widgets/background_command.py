"""Command lines started from a page: a process at a time, shared by all visitors, outliving the page that asked for it.

They write into the lab's folders and take the machine's time: whoever may not train may not start them either.
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
from app.display.plain_text import Markdown, plain
from app.widgets import permission
from cvae_core.data import datasets
from cvae_core.errors import NotWritable
from cvae_core.system import processes

POLL = "1s"
_ONE_AT_A_TIME = threading.Lock()  # of whoever starts one


@dataclass
class Work:
    """A command at work or ended."""

    process: subprocess.Popen[bytes]
    said: IO[bytes]  # a file, since a pipe that nobody reads would stop the process once it is full
    started: float = field(default_factory=time.monotonic)

    @property
    def running(self) -> bool:
        """Say whether it has not ended yet."""
        return self.process.poll() is None

    @property
    def seconds(self) -> float:
        """Return how long ago it was started."""
        return time.monotonic() - self.started

    @property
    def fault(self) -> str | None:
        """Return the sentence with which it failed, or None where it succeeded."""
        if self.process.returncode == 0:
            return None
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "It ended without a word."


@st.cache_resource
def _works() -> dict[str, Work]:
    """Return the work of all visitors by what it is for."""
    return {}


def offer(purpose: str, label: Markdown, progress: Callable[[float], tuple[float, str]], *arguments: str) -> None:
    """Offer those who may to run `python -m cvae_core` with some arguments: a button, then a bar, then the page anew.

    `progress` tells the share that is done and a text from the seconds that have passed; all visitors see the same work.
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
            permission.tell("fetches and computes nothing that stays")
        elif st.button(label, icon=":material/play_arrow:", key=f"start {purpose}"):
            with elements.sentences():
                if _begun(purpose, arguments):
                    st.rerun()
                st.info("Another computation is at work for a visitor: try again when it has ended.")

    work = _works().get(purpose)
    st.fragment(panel, run_every=POLL if work and work.running else None)()


def _begun(purpose: str, arguments: tuple[str, ...]) -> bool:
    """Start work unless some is under way; raise NotWritable where what it says cannot be kept."""
    with _ONE_AT_A_TIME:
        if any(work.running for work in _works().values()):
            return False
        _works()[purpose] = _started(arguments)
        return True


def _started(arguments: tuple[str, ...]) -> Work:
    try:
        said = tempfile.TemporaryFile()  # noqa: SIM115 (it has no name, and is gone with the last who holds it)
        return Work(processes.launched(arguments, said), said)
    except OSError as error:
        raise NotWritable(f"It cannot be started ({error.strerror}): make room in {tempfile.gettempdir()}.") from error


def offer_download(name: str) -> None:
    """Offer to fetch a data set, with progress by the bytes that arrive."""
    total = datasets.DOWNLOAD_BYTES[name]

    def progress(_: float) -> tuple[float, str]:
        done = datasets.downloaded_bytes(name)
        return done / total, f"Downloading {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB"

    offer(f"download {name}", f"Download {plain(name)} ({total / 1e6:.0f} MB)", progress, "download", name)
