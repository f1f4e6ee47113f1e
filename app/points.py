"""The points of a map that a visitor has chosen, all in the address: one, the end of a walk from it, a selection."""

import base64
import zlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from app.controls import MAX_INDEX, whole_number

MAP = "map"  # key of the latent space's chart
ROUTE, ROUTE_END = "route", "to"  # keys of the walk between two points, and of where it ends
_POINT, _CLICKED = "point", "clicked-point"
_CAUGHT = "caught"  # in the address: the selected test indices, packed
_HELD, _DRAWN = "caught-points", "drawn-selection"  # in the session: what the address says of them, what the map shows
_LET_GO = "times-let-go"  # in the session


def test_index(highest: int) -> int:
    """Choose a test image by its number; a click on the map writes it."""
    return whole_number("Test image", 0, highest, default=0, key=_POINT)


def take() -> None:
    """Write the clicked point's test index where `test_index` reads it; a second one is where to walk; several are kept.

    The map tells them digit by digit, in no order of clicks: of two, the one that was clicked before is the first.
    """
    caught = sorted(_told(st.session_state[MAP]), key=lambda index: index != st.session_state.get(_CLICKED))
    if 0 < len(caught) <= 2:
        st.session_state[_POINT] = st.session_state[_CLICKED] = caught[0]
    if len(caught) == 2:
        st.session_state[ROUTE], st.session_state[ROUTE_END] = True, caught[1]
        st.query_params[ROUTE_END] = str(caught[1])  # a widget that is yet to be shown does not write it
    st.query_params.pop(_CAUGHT, None)
    st.session_state[_HELD] = packed(caught) if len(caught) > 1 else ""  # one clicked point is not a selection


def selected() -> Sequence[int]:
    """Return the test indices that a lasso or a box has caught, here or where a link was made; say if it makes no sense.

    Where the address holds none, what it held on an earlier visit is put into it again.
    """
    text = st.query_params.get(_CAUGHT) or st.session_state.get(_HELD, "")
    caught = unpacked(text) if text else ()
    if caught is None:
        st.warning(f"`{_CAUGHT}` in the address is no selection of points, and is left out.")
        st.query_params.pop(_CAUGHT, None)
        text, caught = "", ()
    st.session_state[_HELD] = text
    if text:
        st.query_params[_CAUGHT] = text
    return caught


def let_go() -> None:
    """Select nothing, on the map too: a chart that is told to forget what was selected on it is another figure."""
    st.query_params.pop(_CAUGHT, None)
    st.session_state[_HELD] = ""
    st.session_state[_LET_GO] = times_let_go() + 1


def times_let_go() -> int:
    """Return how often the visitor has let a selection go."""
    return st.session_state.get(_LET_GO, 0)


def to_show(caught: Sequence[int], figure: Hashable) -> Sequence[int]:
    """Return the selection that a map begins with; it stays while the figure does, and the page shows what comes after.

    To draw another one would change the figure, and Streamlit then forgets its zoom and hidden digits.
    """
    known, figure = st.session_state.get(_DRAWN), (figure, times_let_go())
    if MAP not in st.session_state or known is None or known[0] != figure:
        st.session_state[_DRAWN] = known = figure, tuple(caught)
    return tuple(known[1])


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


def chosen() -> int | None:
    """Return the test index that `test_index` holds."""
    return st.session_state.get(_POINT)


def to_ring() -> int | None:
    """Return the test index that the map must ring: one that came by number or address, not by a click.

    A clicked point shows itself. To ring it would change the figure, and Streamlit then forgets its zoom and hidden digits.
    """
    number = chosen()
    return None if number == st.session_state.get(_CLICKED, 0) else number
