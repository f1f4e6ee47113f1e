"""Thumbnails of the image under the pointer: the browser receives a map's images once and then needs no server."""

import io
import json

import numpy as np
import streamlit as st
from PIL import Image

from app.browser import source
from cvae_core.config.descriptions import Description
from cvae_core.data.datasets import DataSet, Split
from cvae_core.pictures.grid import INK, PAPERS, PLAIN

COLUMNS = 64  # images per row of the sprite, as in thumbnail.js
SHADES = 16  # grey levels, enough for a thumbnail: 5,000 images of MNIST take half a megabyte
COLOURS = 64  # of the palette for colour images
MOST_SIDE = 32  # pixels: larger images are reduced
MOST_BYTES = 4 * 1024**2  # of a sprite; more images than it holds have no thumbnail

_thumbnail = st.components.v2.component(
    "cvae_thumbnail",
    html='<div class="thumbnail" aria-hidden="true" hidden><canvas></canvas><span></span></div>',
    css=source("common.css", "thumbnail.css"),
    js=source("component.js", "thumbnail.js"),
)


def sprite(images: np.ndarray, data: Description) -> bytes:
    """Return images (N, values) uint8 in rows as one PNG: as many of them as `MOST_BYTES` hold."""
    made = _png(images, data)
    while len(made) > MOST_BYTES:
        images = images[: int(0.9 * len(images) * MOST_BYTES / len(made))]
        made = _png(images, data)
    return made


def _png(images: np.ndarray, data: Description) -> bytes:
    rows, (channels, side, _) = -(-len(images) // COLUMNS), data.shape.maps
    places = np.zeros((rows * COLUMNS, *data.shape.maps), np.uint8)
    places[: len(images)] = images.reshape(-1, *data.shape.maps)
    table = places.reshape(rows, COLUMNS, *data.shape.maps).transpose(0, 3, 1, 4, 2)  # rows, y, columns, x, channels
    pixels = table.reshape(rows * side, COLUMNS * side, channels)
    reduced = min(side, MOST_SIDE)
    if channels == 1:
        picture = _in_shades(_resized(Image.fromarray(pixels[..., 0]), reduced / side), data.drawn)
    else:
        picture = _resized(Image.fromarray(pixels), reduced / side)
        some = picture.reduce(4) if len(images) > COLUMNS else picture
        picture = picture.quantize(palette=some.quantize(COLOURS), dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _resized(picture: Image.Image, share: float) -> Image.Image:
    size = (round(share * picture.width), round(share * picture.height))
    return picture if share == 1 else picture.resize(size, Image.Resampling.BOX)


def _in_shades(picture: Image.Image, drawn: bool) -> Image.Image:
    """Return a grey picture in `SHADES` levels: ink on paper for drawings, else black to white."""
    levels = (np.asarray(picture).astype(np.uint16) * (SHADES - 1) + 127) // 255
    first, last = (PAPERS[PLAIN], INK) if drawn else (np.zeros_like(INK), PAPERS[PLAIN])
    shaded = Image.fromarray(levels.astype(np.uint8), "L")
    shaded.putpalette(np.linspace(first, last, SHADES).round().astype(np.uint8).tobytes())
    return shaded


@st.cache_data(max_entries=4, show_spinner=False)
def _packed(name: str, count: int, fingerprint: str, _data: Description, _test: Split) -> bytes:
    """Return a line of JSON, with names and labels, and the sprite of a data set's first test images."""
    header = {"images": name, "names": _data.classes, "labels": _test.labels[:count].tolist()}
    return json.dumps(header).encode() + b"\n" + sprite(_test.images[:count].numpy(), _data)


def follow_the_pointer(dataset: DataSet, count: int) -> None:
    """Show the image under the pointer on maps of a data set's first test images."""
    packed = _packed(dataset.name, count, dataset.fingerprint, dataset.description, dataset.test)
    _thumbnail(key=f"thumbnail-{dataset.name}-{count}", data=packed, height=1)
