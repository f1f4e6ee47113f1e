"""Query parameters of the address: widgets read the valid ones, and visitors are told which others were ignored."""

import re
from collections.abc import Mapping, Sequence

import streamlit as st

from app.cached import runs
from app.display.plain_text import code

_CAME_WITH = "came-with"  # in the session: parameters of the initial address that no widget has read yet
LONGEST = 40  # characters of an ignored value that are shown


def remember() -> None:
    """Store the parameters of the address before the page's widgets read them."""
    st.session_state.setdefault(_CAME_WITH, {name: st.query_params.get_all(name) for name in st.query_params})


def forget(key: str) -> None:
    """Do not tell of a parameter's former value that the page understands."""
    st.session_state[_CAME_WITH].pop(key, None)


def tell() -> None:
    """Say once which values of the address were invalid: Streamlit drops them silently.

    Parameters of widgets in a closed tab are checked when these widgets are shown.
    """
    came_with = st.session_state[_CAME_WITH]
    heard = {name: texts for name, texts in came_with.items() if name in st.session_state}
    waiting = {name: texts for name, texts in came_with.items() if name not in heard and name in st.query_params}
    st.session_state[_CAME_WITH] = waiting
    if left_out := _dropped(heard):
        quoted = ", ".join(map(code, left_out))
        st.toast(f"Ignored invalid values in the address: {quoted}", duration="long")


def _dropped(given: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the given parameters whose widgets on the page have another value."""
    left_out = []
    for name, texts in given.items():
        if name in st.session_state:
            value = st.session_state[name]
            # Streamlit silently drops invalid items of a list and the fraction of an integer.
            if isinstance(value, list | tuple) or type(value) is int or name not in st.query_params:
                left_out += [f"{name}={text}"[:LONGEST] for text in texts if not _means(text, value)]
    return left_out


def _means(text: str, value: object) -> bool:
    """Return whether a text is a widget's value: Streamlit also drops valid parameters that equal the default."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(text) == value  # 1e1 is 10 to Streamlit too
        except ValueError:
            return False
    words = value if isinstance(value, list | tuple) else [value]
    plain = [re.sub(r"\W", "", str(word)).casefold() for word in words]
    labels = [re.sub(r"\W", "", runs.label(str(word))).casefold() for word in words]
    return re.sub(r"\W", "", text).casefold() in ("".join(plain), *plain, *labels)
