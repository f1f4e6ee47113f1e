"""Unexpected errors: the visitor sees a message with an ID, and the log has the traceback under this ID."""

import logging
import secrets

import streamlit as st
from streamlit import error_util

from app.text.plain_text import code

LOG = logging.getLogger(__name__)
_NUMBER = "number_of_fault"  # the attribute of an exception that carries its ID from the log to the page


def watch() -> None:
    """Handle all uncaught exceptions of pages, fragments and callbacks of widgets in this module.

    Streamlit's own hook, `on_script_error`, does not work for apps started with `streamlit run`.
    """
    error_util._log_uncaught_app_exception = _log
    error_util.show_uncaught_app_exception = _show


def _log(ex: BaseException) -> None:
    number = secrets.token_hex(4)
    setattr(ex, _NUMBER, number)
    LOG.error("fault %s", number, exc_info=ex)


def _show(ex: BaseException) -> None:
    st.error(
        "An unexpected error occurred, and the rest of this page is missing. Reload the page to try again. The log of the "
        f"dashboard has the details, as fault {code(getattr(ex, _NUMBER, 'without a number'))}.",
        icon=":material/error:",
    )
