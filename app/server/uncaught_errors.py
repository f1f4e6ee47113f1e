"""What nobody expected: a visitor reads one sentence with a number, and the log has the traceback under that number."""

import logging
import secrets

import streamlit as st
from streamlit import error_util

from app.display.plain_text import code

LOG = logging.getLogger(__name__)
_NUMBER = "number_of_fault"  # of an exception on its way from the log to the page


def watch() -> None:
    """Have this module told of all that a page, a fragment or a widget's callback raises and nobody catches.

    Streamlit's own hook, `on_script_error`, is for apps that are started otherwise than by `streamlit run`.
    """
    error_util._log_uncaught_app_exception = _log
    error_util.show_uncaught_app_exception = _show


def _log(ex: BaseException) -> None:
    number = secrets.token_hex(4)
    setattr(ex, _NUMBER, number)
    LOG.error("fault %s", number, exc_info=ex)


def _show(ex: BaseException) -> None:
    st.error(
        "Something went wrong in the lab that nobody expected, and the rest of this page is missing. What it was is in the "
        f"log of the dashboard, as fault {code(getattr(ex, _NUMBER, 'without a number'))}.",
        icon=":material/error:",
    )
