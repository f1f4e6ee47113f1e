"""The visitor's choices on a map, all in the address: a point, the end of a walk from it, and a selection."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np
import streamlit as st

from app.display import url_forms, url_state
from app.display.plain_text import plain
from app.display.url_forms import Form
from app.widgets.controls import MAX_INDEX, whole_number
from cvae_core.config.flavours import Dataset

MAP = "map"  # key of the latent space's chart
ROUTE, ROUTE_END = "route", "to"  # keys of the walk between two points and of its end
_POINT, _CLICKED = "point", "clicked-point"
_CAUGHT = "caught"  # in the address: a data set and the packed test indices of the selection
_SHOWN = "shown-marks"  # in the session


class Marks(NamedTuple):
    """The marks on a map: the ringed test index, the selected indices, and how often the marks were redrawn."""

    ring: int | None
    selected: Sequence[int]
    revision: int


class _Shown(NamedTuple):
    """The last drawn figure and marks, and the point and the selection that the browser shows now."""

    figure: Hashable
    marks: Marks
    point: int
    selection: Sequence[int]


def choose(highest: int) -> int:
    """Let the visitor choose a test image by its index; a click on the map sets it."""
    return whole_number("Test image", 0, highest, default=0, key=_POINT)


def chosen() -> int:
    """Return the test index chosen in `choose`."""
    return st.session_state.get(_POINT) or 0


def take(dataset: str) -> None:
    """Apply the points selected on the map: one is chosen, two are the ends of a walk, and two or more are a selection.

    The map reports points by digit, not in the order of clicks. Of two, the one clicked before is the start of the walk.
    """
    points = sorted(_points(st.session_state[MAP]), key=lambda index: index != st.session_state.get(_CLICKED))
    if 0 < len(points) <= 2:
        st.session_state[_POINT] = st.session_state[_CLICKED] = points[0]
    if len(points) == 2:
        st.session_state[ROUTE], st.session_state[ROUTE_END] = True, points[1]
    selection = tuple(sorted(points)) if len(points) > 1 else ()
    st.session_state[_CAUGHT] = (dataset, selection) if selection else None
    shown: _Shown | None = st.session_state.get(_SHOWN)
    if shown is not None:
        marks = shown.marks
        if marks.ring is not None and chosen() != shown.point:  # else the ring would stay at the old point
            marks = Marks(None, points, marks.revision + 1)
        st.session_state[_SHOWN] = _Shown(shown.figure, marks, chosen(), selection)


def selection(dataset: str) -> Sequence[int]:
    """Return the selected test indices of a data set; show a warning about those of another one, and ignore them."""

    def read(texts: Sequence[str]) -> tuple[str, Sequence[int]] | None:
        of, _, code = texts[-1].partition(".")
        indices = unpacked(code)
        return (of, indices) if indices and of in (*get_args(Dataset), dataset) else None

    form: Form[tuple[str, Sequence[int]] | None] = Form(
        read, lambda held: [f"{held[0]}.{packed(held[1])}" if held else ""]
    )
    of, indices = url_state.kept(_CAUGHT, form, None) or (dataset, ())
    if of != dataset:
        st.warning(
            f"The {len(indices):,} selected points are images of {plain(of)}. They are ignored on this map of "
            f"{plain(dataset)}."
        )
        clear_selection()
        return ()
    return indices


def clear_selection() -> None:
    """Clear the selection."""
    st.session_state[_CAUGHT] = None


def marks(figure: Hashable, selected: Sequence[int]) -> Marks:
    """Return the marks of a figure: the chosen point and the selected ones.

    The browser already marks what was clicked or selected in it. Redrawing would change the figure, and Streamlit would
    reset its zoom and hidden digits.
    """
    shown: _Shown | None = st.session_state.get(_SHOWN)
    if MAP not in st.session_state or shown is None or shown.figure != figure:
        shown = None
    if shown is None or (shown.point, shown.selection) != (chosen(), selected):
        again = Marks(chosen() or None, selected, shown.marks.revision + 1 if shown else 0)
        st.session_state[_SHOWN] = shown = _Shown(figure, again, chosen(), selected)
    return shown.marks


def packed(indices: Sequence[int]) -> str:
    """Return test indices as text for an address: a compressed bitmap, one bit per test image, in Base64."""
    members = np.zeros(MAX_INDEX + 1, dtype=bool)
    members[list(indices)] = True
    return url_forms.packed(np.packbits(members).tobytes())


def unpacked(text: str) -> tuple[int, ...] | None:
    """Return the sorted test indices in a text made by `packed`, or None if the text is invalid."""
    content = url_forms.unpacked(text, (MAX_INDEX + 8) // 8)
    if content is None:
        return None
    return tuple(np.flatnonzero(np.unpackbits(np.frombuffer(content, np.uint8))).tolist())


def _points(state: Any) -> tuple[int, ...]:
    """Return the test indices of the points in a map's selection state."""
    match state:
        case {"selection": {"points": [*points]}}:
            given = [point.get("customdata") for point in points if isinstance(point, Mapping)]
            return tuple(int(index) for index in given if isinstance(index, int | float) and 0 <= index <= MAX_INDEX)
    return ()  # only a manipulated browser sends this
