"""The presenter layout: one picture with its controls in a window of 1280×720, in larger type, and keys for a remote control.

The side bar is folded. Each page shows the control that matters beside the picture, and leaves out what is below the picture.
"""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.browser import source
from app.display import url_state
from app.display.navigation import PAGES, following
from app.display.url_forms import one_of
from app.text.plain_text import plain

PRESENT = "present"  # key of the switch and its name in the address
_FORM = one_of({True: "1", False: "0"})
DIRECTIONS = "back", "forward"
SHARES = (1, 4)  # of the window's width, for the controls and the picture


def is_on() -> bool:
    """Return whether the visitor has chosen the presenter layout, by the switch or in the address."""
    return bool(st.session_state.get(PRESENT, False))


def show_bar(page: str, show_steps: Callable[[str], bool]) -> None:
    """Read the address; in the presenter layout, show its style, its keys and links to the pages before and after.

    `show_steps` returns whether it has shown links in their place, each in the container that `place` returns.
    """
    url_state.bound(PRESENT, _FORM, False, lasting=True)
    st.set_page_config(initial_sidebar_state="collapsed" if is_on() else "auto")
    if not is_on():
        return
    style, script = source("presenter.css"), source("presenter.js")
    st.html(f"<style>{style}</style><script>{script}</script>", unsafe_allow_javascript=True)
    with st.container(horizontal=True, key="presenter-bar", vertical_alignment="center", width="content"):
        if not show_steps(page):
            for direction, name in zip(DIRECTIONS, following(page), strict=True):
                neighbour = PAGES[name]
                with place(direction):
                    label = plain(neighbour.title)
                    st.page_link(neighbour.streamlit_page(), label=label, icon=f":material/arrow_{direction}:")
        _switch()


def place(direction: str) -> DeltaGenerator:
    """Return the place in the bar for the link that the key of a direction opens."""
    return st.container(key=f"presenter-{direction}", width="content")


def show_switch() -> None:
    """Show the switch of the layout at the end of the side bar, where the layout is not on."""
    if not is_on():
        with st.sidebar:
            _switch()


def _switch() -> None:
    keys = "Page up and Page down change the page, or the step of the tour; the space bar plays and pauses."
    st.toggle("Presenter layout", key=PRESENT, help=f"Larger type for a projector. {keys}")


def stage() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the places of the controls and of the picture: the side bar and the page, or two columns for a presenter."""
    if not is_on():
        return st.sidebar, st.container()
    controls, picture = st.columns(SHARES, gap="medium")
    return controls, picture
