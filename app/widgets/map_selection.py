"""The points of a map that a visitor has chosen, all in the address: one, the end of a walk from it, a selection."""

import base64
import zlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import streamlit as st

from app.display.plain_text import plain
from app.widgets.controls import MAX_INDEX, whole_number
from cvae_core.config.flavours import Dataset

MAP = "map"  # key of the latent space's chart
ROUTE, ROUTE_END = "route", "to"  # keys of the walk between two points, and of where it ends
_POINT, _CLICKED = "point", "clicked-point"
_CAUGHT = "caught"  # in the address: a data set, and the selected test indices, packed
_HELD, _SHOWN = "held-selection", "shown-marks"  # in the session


@dataclass(frozen=True)
class Marks:
    """What a map is drawn with: the test index in a ring, the selected ones, how often it was drawn anew for others."""

    ring: int | None
    selected: Sequence[int]
    revision: int


@dataclass(frozen=True)
class _Shown:
    """What was drawn, and the point and the selection that the browser shows on it by now."""

    figure: Hashable
    marks: Marks
    point: int
    selection: Sequence[int]


def choose(highest: int) -> int:
    """Choose a test image by its number; a click on the map writes it."""
    return whole_number("Test image", 0, highest, default=0, key=_POINT)


def chosen() -> int:
    """Return the test index that `choose` holds."""
    return st.session_state.get(_POINT) or 0


def take(dataset: str) -> None:
    """Take what was clicked or caught on the map: one point is chosen, two are the ends of a walk, several a selection.

    The map tells them digit by digit, in no order of clicks: of two, the one that was clicked before is the first.
    """
    told = sorted(_told(st.session_state[MAP]), key=lambda index: index != st.session_state.get(_CLICKED))
    if 0 < len(told) <= 2:
        st.session_state[_POINT] = st.session_state[_CLICKED] = told[0]
    if len(told) == 2:
        st.session_state[ROUTE], st.session_state[ROUTE_END] = True, told[1]
        st.query_params[ROUTE_END] = str(told[1])  # a widget that is yet to be shown does not write it
    selection = tuple(sorted(told)) if len(told) > 1 else ()
    _hold(dataset, selection)
    shown: _Shown | None = st.session_state.get(_SHOWN)
    if shown is not None:
        marks = shown.marks
        if marks.ring is not None and chosen() != shown.point:  # the ring would stay where it was
            marks = Marks(None, told, marks.revision + 1)
        st.session_state[_SHOWN] = _Shown(shown.figure, marks, chosen(), selection)


def selection(dataset: str) -> Sequence[int]:
    """Return the selected test indices of images of a name, as the address has them, or else as the page was left.

    What makes no sense, or is of other images than a data set's, is left out with a word.
    """
    said = st.query_params.get(_CAUGHT)
    of, indices = st.session_state.get(_HELD, (dataset, ()))
    if said is not None:
        of, _, code = said.partition(".")
        indices = unpacked(code) or ()
        if not indices or of not in (*get_args(Dataset), dataset):
            st.warning(f"`{_CAUGHT}` in the address is no selection of points, and is left out.")
            indices = ()
    if indices and of != dataset:
        st.warning(
            f"The {len(indices):,} selected points are images of {plain(of)}, and are left out among those of "
            f"{plain(dataset)}."
        )
        indices = ()
    _hold(dataset, indices)
    return indices


def let_go() -> None:
    """Select nothing."""
    _hold(st.session_state[_HELD][0], ())


def _hold(dataset: str, indices: Sequence[int]) -> None:
    st.session_state[_HELD] = dataset, indices
    text = f"{dataset}.{packed(indices)}" if indices else None
    if text is None:
        st.query_params.pop(_CAUGHT, None)
    elif st.query_params.get(_CAUGHT) != text:
        st.query_params[_CAUGHT] = text


def marks(figure: Hashable, selected: Sequence[int]) -> Marks:
    """Return what a figure is to be drawn with, so that it shows the chosen point and the selected ones.

    What was clicked or caught in the browser shows itself. To draw it would change the figure, and Streamlit then forgets
    its zoom and hidden digits.
    """
    shown: _Shown | None = st.session_state.get(_SHOWN)
    if MAP not in st.session_state or shown is None or shown.figure != figure:
        shown = None
    if shown is None or (shown.point, shown.selection) != (chosen(), selected):
        again = Marks(chosen() or None, selected, shown.marks.revision + 1 if shown else 0)
        st.session_state[_SHOWN] = shown = _Shown(figure, again, chosen(), selected)
    return shown.marks


def packed(indices: Sequence[int]) -> str:
    """Return test indices as a text for an address: a bit for each of all test images, compressed."""
    members = np.zeros(MAX_INDEX + 1, dtype=bool)
    members[list(indices)] = True
    return base64.urlsafe_b64encode(zlib.compress(np.packbits(members).tobytes(), 9)).decode().rstrip("=")


def unpacked(text: str) -> tuple[int, ...] | None:
    """Return the test indices that `packed` made a text of, in their order; None for any other text."""
    wanted = (MAX_INDEX + 8) // 8
    try:
        compressed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        stream = zlib.decompressobj()
        content = stream.decompress(compressed, wanted + 1)
    except (ValueError, zlib.error):
        return None
    if len(content) != wanted or not stream.eof or stream.unused_data:
        return None
    return tuple(np.flatnonzero(np.unpackbits(np.frombuffer(content, np.uint8))).tolist())


def _told(state: Any) -> tuple[int, ...]:
    """Return the test indices of the points that a map's state tells of."""
    match state:
        case {"selection": {"points": [*points]}}:
            given = [point.get("customdata") for point in points if isinstance(point, Mapping)]
            return tuple(int(index) for index in given if isinstance(index, int | float) and 0 <= index <= MAX_INDEX)
    return ()  # as only a forger sends it
