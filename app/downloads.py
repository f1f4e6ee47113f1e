"""Fetching a data set from a page: its button, its progress by the bytes that arrive, its end."""

import streamlit as st

from app import processes
from cvae_core import data


def offer(name: str) -> None:
    """Offer a data set's download as a button, show its progress, and run the page anew when it is there."""
    work = processes.find(_purpose(name))
    st.fragment(_panel, run_every=processes.POLL if work and work.running else None)(name)


def _panel(name: str) -> None:
    work = processes.find(_purpose(name))
    total = data.DOWNLOAD_BYTES[name]
    if work and work.running:
        done = data.downloaded_bytes(name)
        st.progress(done / total, text=f"Downloading {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB")
        return
    if work:
        processes.forget(_purpose(name))
        if (fault := work.fault) is None:
            st.rerun()
        st.error(fault, icon=":material/cloud_off:")
    if st.button(f"Download {name} ({total / 1e6:.0f} MB)", icon=":material/download:", key=f"download-{name}"):
        processes.start(_purpose(name), "download", name)
        st.rerun()


def _purpose(name: str) -> str:
    return f"download {name}"
