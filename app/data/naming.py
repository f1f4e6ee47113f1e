"""The field for the name of a new data set."""

import streamlit as st

from app.widgets.controls import WIDE_FIELD
from cvae_core.data import catalogue
from cvae_core.errors import LabError


def field(key: str, value: str = "") -> tuple[str, str]:
    """Show the field; return the name, and why it cannot be used: an empty text if it can."""
    name = st.text_input("Name of the data set", value, key=key, width=WIDE_FIELD).strip()
    try:
        catalogue.require_free(name)
    except LabError as error:
        return name, str(error)
    return name, ""
