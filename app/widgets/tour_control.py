"""The tour: its contents on Home, and its current step at the side of every page until the visitor leaves it."""

import streamlit as st

from app.cached import runs
from app.display import elements, page_scripts, presenter, url_state
from app.display.url_forms import whole
from app.text.plain_text import Markdown, code, plain
from app.widgets.tour import PARAMETER, STEPS
from cvae_core.data import datasets

_LEFT = "tour-left"  # in the session: the number of the step at which the visitor left the tour


def beside_the_page() -> None:
    """Show the current step in the sidebar, with links to the steps before and after it."""
    if presenter.is_on() or not (number := _current()):
        return
    with st.sidebar:
        with st.container(border=True, key="tour", gap="xsmall"):
            st.markdown(f"**{_title(number)}**")
            with st.container(horizontal=True):
                if number > 1:
                    _link(number - 1, "Back", "arrow_back")
                if number < len(STEPS):
                    _link(number + 1, "Next", "arrow_forward")
            _text(number)
        _scroll(number)


def in_the_bar(page: str) -> bool:
    """Show the current step in the presenter's bar, with links to the steps before and after it; return whether there is one.

    From another page than the step's, such as Home, the link forward leads to the step.
    """
    if not (number := _current()):
        return False
    after = number + (page == STEPS[number - 1].page)
    with presenter.place("back"):
        if number > 1:
            _link(number - 1, "Back", "arrow_back")
        else:
            elements.link("home", "Home", symbol="arrow_back")
    with st.popover(_title(number), key="tour"):
        _text(number)
    with presenter.place("forward"):
        if after > len(STEPS):
            elements.link("home", "Home")
        else:
            _link(after, "Next" if after > number else "Continue", "arrow_forward")
    _scroll(number)
    return True


def _title(number: int) -> Markdown:
    title, *_ = STEPS[number - 1]
    return f"{number:d} of {len(STEPS)}: {title}"


def _text(number: int) -> None:
    _, words, *_ = STEPS[number - 1]
    elements.explained(_missing(number) or words)
    st.button("Leave the tour", on_click=_leave, icon=":material/close:", type="tertiary")


def _scroll(number: int) -> None:
    _, _, _, _, at, *_ = STEPS[number - 1]
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
