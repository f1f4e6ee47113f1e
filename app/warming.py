"""A server's first visitor waits for its libraries; meanwhile the browser gets ahead."""

import json
import sys
from pathlib import Path

import streamlit as st

_PARTS = ("PlotlyChart", "DataFrame")  # of Streamlit's front end: a browser takes a second to compile them


def read_libraries() -> None:
    """Import torch where it is not there yet; until it is, let the browser fetch and run what will draw the page.

    A later visitor's page comes at once: these files would be in its way where it has no chart.
    """
    ahead = st.empty()
    if "torch" in sys.modules:
        return
    if files := parts():
        ahead.html(_IMPORT % json.dumps(files), unsafe_allow_javascript=True)
    from app import display  # noqa: F401  # torch, Plotly and pandas come with it

    ahead.empty()  # what was begun goes on, and leaves no gap on the page


def parts() -> list[str]:
    """Return the addresses of those parts, which change with Streamlit's version; none where it keeps them elsewhere."""
    folder = Path(st.__file__).parent / "static"
    return [
        f"./{file.relative_to(folder).as_posix()}" for part in _PARTS for file in folder.glob(f"static/js/{part}.*.js")
    ]


_IMPORT = "<script>for (const file of %s) import(file).catch(() => {});</script>"
