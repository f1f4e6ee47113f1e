"""What the server does before its first visitor comes: torch and what draws take a second or two to import."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Thread

import streamlit as st


def _import_libraries() -> None:
    gc.disable()  # it would look over and over for garbage among what stays: a fifth of the time
    try:
        with suppress(ImportError):  # a page that misses one says so
            from app.display import plotly_charts  # noqa: F401
    finally:
        gc.freeze()  # they stay as long as the server: not to be looked over while it answers either
        gc.enable()


_reader = Thread(target=_import_libraries, name="libraries", daemon=True)


@asynccontextmanager
async def while_serving(_: st.App) -> AsyncIterator[None]:
    """Begin to import the libraries when the server begins to answer."""
    _reader.start()
    yield


def wait() -> None:
    """Wait until they are there, where that was begun: two threads that import the same might each see half of it."""
    if _reader.ident:
        _reader.join()
