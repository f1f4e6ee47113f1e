"""Fetching a data set from a page: the command line in a process of its own, watched by the bytes that arrive."""

import subprocess
import sys
from pathlib import Path

import streamlit as st

from cvae_core import data

ROOT = Path(__file__).resolve().parents[1]
POLL = "1s"


@st.cache_resource
def _processes() -> dict[str, subprocess.Popen[str]]:
    """Return the downloads of all visitors: one per data set, whoever asked for it."""
    return {}


def offer(name: str) -> None:
    """Offer a data set's download as a button, show its progress, and start the page anew when it is there."""
    process = _processes().get(name)
    running = process is not None and process.poll() is None
    st.fragment(_panel, run_every=POLL if running else None)(name)


def _panel(name: str) -> None:
    process = _processes().get(name)
    if process is not None and process.poll() is None:
        done, total = data.downloaded_bytes(name), data.DOWNLOAD_BYTES[name]
        st.progress(done / total, text=f"Downloading {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB")
        return
    if process is not None:
        del _processes()[name]
        if process.returncode == 0:
            st.rerun()
        said = process.stderr.read().strip().splitlines() if process.stderr else []
        st.error(said[-1] if said else f"The download of {name} ended without a word.", icon=":material/cloud_off:")
    size = data.DOWNLOAD_BYTES[name] / 1e6
    if st.button(f"Download {name} ({size:.0f} MB)", icon=":material/download:", key=f"download-{name}"):
        _processes()[name] = subprocess.Popen(
            [sys.executable, "-m", "cvae_core", "download", name],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        st.rerun()
