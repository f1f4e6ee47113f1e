"""Import torch and the drawing libraries before the first visitor comes, because this takes a second or two."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Thread

import streamlit as st


def _import_libraries() -> None:
    gc.disable()  # repeated collections among permanent objects would take a fifth of the time
    try:
        with suppress(ImportError):  # a page that needs a missing library shows the error
            from app.charts import plotly_charts  # noqa: F401
    finally:
        gc.freeze()  # exclude these permanent objects from later collections too
        gc.enable()


_reader = Thread(target=_import_libraries, name="libraries", daemon=True)


@asynccontextmanager
async def while_serving(_: st.App) -> AsyncIterator[None]:
    """Start the import when the server starts."""
    _reader.start()
    yield


def wait() -> None:
    """Wait for the import, if it was started: two threads that import the same module might see it half-initialised."""
    if _reader.ident:
        _reader.join()
