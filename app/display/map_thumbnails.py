"""Thumbnails of the digit under the pointer: the browser receives a map's digits once and then needs no server."""

import io

import numpy as np
import streamlit as st
from PIL import Image

from app.browser import source
from cvae_core.data.datasets import DataSet, Split
from cvae_core.pictures.grid import INK, PAPERS, PLAIN

COLUMNS = 64  # digits per row of the sprite, as in thumbnail.js
SHADES = 16  # grey levels, enough for a thumbnail: 5,000 digits take half a megabyte

_thumbnail = st.components.v2.component(
    "cvae_thumbnail",
    html="""<div class="thumbnail" aria-hidden="true" hidden>
        <canvas></canvas><span></span></div>""",
    css=source("common.css", "thumbnail.css"),
    js=source("component.js", "thumbnail.js"),
)


def sprite(images: np.ndarray, side: int) -> bytes:
    """Return images (N, values), uint8 ink, in rows as one PNG with `SHADES` grey levels."""
    rows = -(-len(images) // COLUMNS)
    places = np.zeros((rows * COLUMNS, side, side), np.uint8)
    places[: len(images)] = ((images.astype(np.uint16) * (SHADES - 1) + 127) // 255).reshape(-1, side, side)
    table = places.reshape(rows, COLUMNS, side, side).swapaxes(1, 2).reshape(rows * side, COLUMNS * side)
    picture = Image.fromarray(table, "L")
    picture.putpalette(np.linspace(PAPERS[PLAIN], INK, SHADES).round().astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@st.cache_data(max_entries=4, show_spinner=False)
def _packed(name: str, side: int, count: int, fingerprint: str, _test: Split) -> bytes:
    """Return the data set's name, a line break, and the sprite of its first test digits."""
    return name.encode() + b"\n" + sprite(_test.images[:count].numpy(), side)


def follow_the_pointer(dataset: DataSet, count: int) -> None:
    """Show the digit under the pointer on maps of a data set's first test digits."""
    packed = _packed(dataset.name, dataset.description.side, count, dataset.fingerprint, dataset.test)
    _thumbnail(key=f"thumbnail-{dataset.name}-{count}", data=packed, height=1)
