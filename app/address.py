"""What a link says: the widgets take from the address what they understand; of the rest a visitor is told."""

import re
from collections.abc import Mapping

import streamlit as st

_CAME_WITH = "came-with"  # in the session: what the address said when the visitor came
_TOLD = "told-of-the-address"  # in the session: nothing is said twice
LONGEST = 40  # letters of nonsense that are repeated


def remember() -> None:
    """Keep what the address says before a page's widgets take it."""
    if not st.session_state.get(_TOLD):
        st.session_state.setdefault(_CAME_WITH, st.query_params.to_dict())


def tell() -> None:
    """Say which values of a link no widget understood, once: Streamlit drops them silently."""
    if st.session_state.get(_TOLD):
        return
    st.session_state[_TOLD] = True
    if left_out := [
        f"{name}={text[:LONGEST]}" for name, text in _dropped(st.session_state.pop(_CAME_WITH, {})).items()
    ]:
        st.toast(f"Left out of the address, for it makes no sense here: {', '.join(left_out)}", duration="long")


def _dropped(given: Mapping[str, str]) -> dict[str, str]:
    """Return what the address said of widgets on the page that have another value."""
    gone = {name: text for name, text in given.items() if name not in st.query_params and name in st.session_state}
    return {name: text for name, text in gone.items() if not _says(text, st.session_state[name])}


def _says(text: str, value: object) -> bool:
    """Say whether a text of the address is a widget's value: what is the default is dropped too, and is no nonsense."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(re.fullmatch(r"-?\d+(\.\d+)?", text)) and float(text) == value
    words = value if isinstance(value, list | tuple) else [value]
    plain = [re.sub(r"\W", "", str(word)).casefold() for word in words]
    return re.sub(r"\W", "", text).casefold() in ("".join(plain), *plain)
