"""The presenter layout: one picture with its controls in a window of 1280×720, in larger type, and keys for a remote control.

The side bar is folded. Each page shows the control that matters beside the picture, and leaves out what is below the picture.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.browser import source
from app.display.navigation import PAGES, following

PRESENT, ON = "present", "1"  # key of the switch and its name in the address, and its value there
SHARES = (1, 4)  # of the window's width, for the controls and the picture


def is_on() -> bool:
    """Return whether the visitor has chosen the presenter layout, by the switch or in the address."""
    return bool(st.session_state.setdefault(PRESENT, st.query_params.get(PRESENT) == ON))


def show_switch(page: str) -> None:
    """Show the switch of the layout; in the presenter layout, also the layout's style, keys and links to the next pages."""
    if not is_on():
        st.query_params.pop(PRESENT, None)
        with st.sidebar:
            _switch("Presenter layout")
        return
    st.query_params[PRESENT] = ON
    st.html(
        f"<style>{source('presenter.css')}</style><script>{source('presenter.js')}</script>",
        unsafe_allow_javascript=True,
    )
    with st.container(horizontal=True, key="presenter-bar", vertical_alignment="center", width="content"):
        for name, neighbour in zip(("back", "next"), following(page), strict=True):
            with st.container(key=f"presenter-{name}", width="content"):
                icon = f":material/arrow_{'back' if name == 'back' else 'forward'}:"
                found = PAGES[neighbour]
                st.page_link(found.streamlit_page(), label=found.title, icon=icon, query_params={PRESENT: ON})
        _switch("Presenter")


def _switch(label: str) -> None:
    st.toggle(
        label,
        key=PRESENT,
        help="Larger type for a projector. Page up and Page down change the page; the space bar plays and pauses.",
    )


def stage() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the places of the controls and of the picture: the side bar and the page, or two columns for a presenter."""
    if not is_on():
        return st.sidebar, st.container()
    controls, picture = st.columns(SHARES, gap="medium")
    return controls, picture
