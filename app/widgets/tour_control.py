"""The tour: its contents on Home, and its current step at the side of every page until the visitor leaves it."""

import streamlit as st

from app.cached import runs
from app.display import elements, page_scripts, url_state
from app.display.url_forms import whole
from app.text.plain_text import Markdown, code, plain
from app.widgets.tour import PARAMETER, STEPS
from cvae_core.data import datasets

_LEFT = "tour-left"  # in the session: the number of the step at which the visitor left the tour


def beside_the_page() -> None:
    """Show the current step in the sidebar, with links to the steps before and after it."""
    if not (number := _current()):
        return
    title, words, _, _, at, *_ = STEPS[number - 1]
    with st.sidebar:
        with st.container(border=True, key="tour", gap="xsmall"):
            st.markdown(f"**{number:d} of {len(STEPS)}: {title}**")
            with st.container(horizontal=True):
                if number > 1:
                    _link(number - 1, "Back", "arrow_back")
                if number < len(STEPS):
                    _link(number + 1, "Next", "arrow_forward")
            elements.explained(_missing(number) or words)
            st.button("Leave the tour", on_click=_leave, icon=":material/close:", type="tertiary")
        page_scripts.scroll_to(at, number)


def contents() -> None:
    """Show links to all steps, and one to the first step or to that at which the visitor was."""
    number: int = st.session_state[PARAMETER] or st.session_state.get(_LEFT, 0)
    _link(number or 1, f"Continue with step {number:d}" if number else "Start the tour", "play_arrow")
    half = len(STEPS) // 2
    for column, first in zip(st.columns(2), (0, half), strict=True):
        with column:
            for position, (title, *_) in enumerate(STEPS[first : first + half], first + 1):
                _link(position, f"{position}. {title}", "arrow_forward")


def _current() -> int:
    """Return the number of the step; 0 if the visitor is not on the tour."""
    return url_state.kept(PARAMETER, whole(0, len(STEPS)), 0, lasting=True)


def _leave() -> None:
    st.session_state[_LEFT] = st.session_state[PARAMETER]
    st.session_state[PARAMETER] = 0


def _missing(number: int) -> Markdown:
    """Say which runs or images of a step are not on this machine; return "" if none are missing."""
    step = STEPS[number - 1]
    if lacking := [name for name in step.runs if runs.any_key(name) is None]:
        return f"This step is about {', '.join(map(code, lacking))}, not on this machine. Another run may be shown."
    if step.images and not datasets.on_disk(step.images):
        return f"This step needs the images of {plain(step.images)}. *Home* has a button that downloads them."
    return ""


def _link(number: int, label: Markdown, symbol: str) -> None:
    step = STEPS[number - 1]
    elements.link(step.page, label, symbol=symbol, **step.query, **{PARAMETER: str(number)})
