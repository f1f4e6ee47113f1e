"""Command lines started from a page: a process each, shared by all visitors, outliving the page that asked for it."""

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
POLL = "1s"


@dataclass
class Work:
    """A command at work or ended."""

    process: subprocess.Popen[str]
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
        said = self.process.stderr.read().strip().splitlines() if self.process.stderr else []
        return said[-1] if said else "It ended without a word."


@st.cache_resource
def _works() -> dict[str, Work]:
    """Return the work of all visitors by what it is for."""
    return {}


def start(purpose: str, *arguments: str) -> None:
    """Run `python -m cvae_core` with some arguments unless work for that purpose is under way."""
    known = _works().get(purpose)
    if known is None or not known.running:
        _works()[purpose] = Work(
            subprocess.Popen(
                [sys.executable, "-m", "cvae_core", *arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )


def find(purpose: str) -> Work | None:
    """Return the work for a purpose, if there is any."""
    return _works().get(purpose)


def forget(purpose: str) -> None:
    """Drop work that has ended and been told of."""
    _works().pop(purpose, None)
