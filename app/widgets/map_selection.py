"""The visitor's choices on a map, all in the address: a test image, the end of a walk from it, and a selection."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from app.display import elements, url_forms, url_state
from app.display.url_forms import Form
from app.text.plain_text import plain
from app.widgets.controls import MAX_INDEX, whole_number
from cvae_core.data import catalogue
from cvae_core.evaluation.latent_space import Embedding

MAP, BESIDE = "map", "map-beside"  # keys of the charts of the latent space
ROUTE, _ROUTE_END = "route", "to"  # keys of the walk between two points and of its end
_POINT, _CLICKED = "point", "clicked-point"
_CAUGHT = "caught"  # in the address: a data set and the packed test indices of the selection
_CLEARED = "cleared-selections"  # in the session


class Walk(NamedTuple):
    """The chosen test index, and the one at the end of a walk from it, or None."""

    start: int
    end: int | None


def choose(embedding: Embedding, tests: int) -> Walk:
    """Let the visitor choose a test image by its index, and the end of a walk from it; clicks on a map set both."""
    highest = int(embedding.indices.max())
    start = whole_number("Test image", 0, highest, default=0, key=_POINT)
    elements.caption(f"The test images are numbered from 0 to {tests - 1:,}. The map shows the first {highest + 1:,}.")
    route = url_state.bound(ROUTE, url_forms.switch(), False)
    if not st.toggle("Walk to another image", key=route, help="Interpolate between their z"):
        return Walk(start, None)
    return Walk(start, whole_number("To test image", 0, highest, default=1, key=_ROUTE_END))


def take(dataset: str, place: str) -> None:
    """Apply the points selected on a map: one is chosen, two are the ends of a walk, and two or more are a selection.

    The map reports points by class, not in the order of clicks. Of two, the one clicked before is the start of the walk.
    """
    points = sorted(_points(st.session_state[place]), key=lambda index: index != st.session_state.get(_CLICKED))
    if 0 < len(points) <= 2:
        st.session_state[_POINT] = st.session_state[_CLICKED] = points[0]
    if len(points) == 2:
        st.session_state[ROUTE], st.session_state[_ROUTE_END] = True, points[1]
    st.session_state[_CAUGHT] = (dataset, tuple(sorted(points))) if len(points) > 1 else None


def selection(dataset: str) -> Sequence[int]:
    """Return the selected test indices of a data set; show a warning about those of another one, and ignore them."""

    def read(texts: Sequence[str]) -> tuple[str, Sequence[int]] | None:
        of, _, code = texts[-1].partition(".")
        indices = unpacked(code)
        return (of, indices) if indices and of in (*catalogue.names(), dataset) else None

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
    """Clear the selection, and the outlines of lassos on the maps."""
    st.session_state[_CAUGHT] = None
    st.session_state[_CLEARED] = clearings() + 1


def clearings() -> int:
    """Return how often the selection was cleared: a map that has another number is drawn anew, without outlines."""
    count: int = st.session_state.get(_CLEARED, 0)
    return count


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
