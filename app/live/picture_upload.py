"""A visitor's own picture, brought to the shape of a run's images. It is kept in the session only, not in the address."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from app.cached import runs
from app.cached.runs import RunKey
from app.text.plain_text import plain
from cvae_core.config.descriptions import Description, Shape
from cvae_core.errors import SourceRefused
from cvae_core.sources.pictures import Unreadable, border, read

UPLOAD = "picture"  # the uploader's key
TYPES = ("png", "jpg", "jpeg", "webp", "gif")
MOST_MEGABYTES = 10
_READ = "picture-read"  # in the session: the last picture at the shape for which it was read
_LIGHT = 127  # a drawing whose border is lighter is dark ink on light paper


class _Read(NamedTuple):
    """The values of a picture; `of` names the upload and the shape, and says whether the images are drawings."""

    of: tuple[str, Shape, bool]
    values: np.ndarray


def uploaded(key: RunKey) -> np.ndarray | None:
    """Let the visitor upload a picture; return it at the shape of a run's images, (values,) uint8, or None without one.

    Raises SourceRefused for a file that is no picture.
    """
    data = runs.description(key)
    file = st.file_uploader(
        "Your picture",
        TYPES,
        key=UPLOAD,
        max_upload_size=MOST_MEGABYTES,
        help=f"PNG, JPEG, WebP or GIF. It is scaled to {plain(data.shape)}. It is kept only while this page is open.",
    )
    if file is None:
        st.session_state.pop(_READ, None)
        return None
    of = (file.file_id, data.shape, data.drawn)
    last: _Read | None = st.session_state.get(_READ)
    if last is None or last.of != of:
        last = st.session_state[_READ] = _Read(of, fitted(file.getvalue(), data))
    return last.values


def fitted(content: bytes, data: Description) -> np.ndarray:
    """Return a picture's file at the shape of a data set's images, (values,) uint8. Dark ink on light paper is inverted.

    Raises SourceRefused.
    """
    try:
        values: np.ndarray = read(content, data.shape, "pad").values
    except Unreadable as error:
        raise SourceRefused(f"This file {error}: choose another.") from error
    if data.channels == 1 and data.drawn:
        edge = border(values.reshape(data.side, data.side))
        values = 255 - values if np.median(edge) > _LIGHT else values
    return values
