"""The dashboard's frame: start it with `streamlit run app/Home.py`, from any working folder.

Streamlit's server imports this file for what it is to serve; then each visitor's session runs it, as a script.
"""

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts app/ on the path, and nothing else
    sys.path.insert(0, str(ROOT))

from app import ahead  # noqa: E402
from app.small_first import SmallFilesFirst  # noqa: E402

if __name__ != "__main__":
    app = st.App(__file__, lifespan=ahead.while_serving, middleware=[Middleware(SmallFilesFirst)])
else:
    ahead.wait()
    from app import address, display, faults, library, strangers
    from app.navigation import PAGES
    from cvae_core import logs

    st.set_page_config(page_title="CVAE lab", page_icon=str(ROOT / "app" / "icon.png"), layout="wide")
    display.keep_pixels_crisp()
    faults.watch()
    strangers.ask_nobody()
    logs.to_stderr(st.get_option("logger.level"))
    address.remember()
    with display.sentences():  # the last resort: what a page did not expect is still a sentence
        library.tidy_once()
        st.navigation([page.streamlit_page() for page in PAGES.values()]).run()
        display.leave_fingers_to_the_page()
    address.tell()
