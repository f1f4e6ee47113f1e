"""What a link says: the widgets take from the address what they understand; of the rest a visitor is told."""

import re
from collections.abc import Mapping, Sequence

import streamlit as st

from app.cached import runs
from app.display.plain_text import code

_CAME_WITH = "came-with"  # in the session: what the address said when the visitor came and no widget has heard yet
LONGEST = 40  # letters of nonsense that are repeated


def remember() -> None:
    """Keep what the address says before a page's widgets take it."""
    st.session_state.setdefault(_CAME_WITH, {name: st.query_params.get_all(name) for name in st.query_params})


def tell() -> None:
    """Say which values of a link no widget understood, once: Streamlit drops them silently.

    What waits in the address for widgets that a closed tab holds is told when they come.
    """
    came_with = st.session_state[_CAME_WITH]
    heard = {name: texts for name, texts in came_with.items() if name in st.session_state}
    waiting = {name: texts for name, texts in came_with.items() if name not in heard and name in st.query_params}
    st.session_state[_CAME_WITH] = waiting
    if left_out := _dropped(heard):
        quoted = ", ".join(map(code, left_out))
        st.toast(f"Left out of the address, for it makes no sense here: {quoted}", duration="long")


def _dropped(given: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what the address said of widgets on the page that have another value."""
    left_out = []
    for name, texts in given.items():
        if name in st.session_state:
            value = st.session_state[name]
            # A list is taken in part and a whole number without its fraction, silently.
            if isinstance(value, list | tuple) or type(value) is int or name not in st.query_params:
                left_out += [f"{name}={text}"[:LONGEST] for text in texts if not _says(text, value)]
    return left_out


def _says(text: str, value: object) -> bool:
    """Say whether a text of the address is a widget's value: what is the default is dropped too, and is no nonsense."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(text) == value  # 1e1 is 10 to Streamlit too
        except ValueError:
            return False
    words = value if isinstance(value, list | tuple) else [value]
    plain = [re.sub(r"\W", "", str(word)).casefold() for word in words]
    labels = [re.sub(r"\W", "", runs.label(str(word))).casefold() for word in words]
    return re.sub(r"\W", "", text).casefold() in ("".join(plain), *plain, *labels)
