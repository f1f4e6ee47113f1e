"""How did it get there?"""

from collections.abc import Callable

import streamlit as st

from app import controls, following, form, overview, replaying, sweeping

VIEWS: dict[str, Callable[[], None]] = {
    "Replay": replaying.show,
    "Train": lambda: following.show(form.show),
    "Sweep": sweeping.show,
    "Runs": overview.show,
}
FIRST = next(iter(VIEWS))

view = st.segmented_control(
    "View", list(VIEWS), default=FIRST, required=True, key="view", bind="query-params", label_visibility="collapsed"
)
VIEWS[controls.or_default(view, FIRST)]()
