"""The dashboard's frame: start it with `streamlit run app/Home.py`, from any working folder."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts app/ on the path, and nothing else
    sys.path.insert(0, str(ROOT))

from app import address, faults, strangers, warming  # noqa: E402
from app.navigation import PAGES  # noqa: E402
from cvae_core import logs  # noqa: E402

st.set_page_config(page_title="CVAE lab", page_icon=str(ROOT / "app" / "icon.png"), layout="wide")
faults.watch()
strangers.ask_nobody()
logs.to_stderr(st.get_option("logger.level"))
address.remember()
chosen = st.navigation([page.streamlit_page() for page in PAGES.values()])
warming.read_libraries()

from app import display  # noqa: E402  # what a visitor sees without the libraries stands above

display.keep_pixels_crisp()
with display.sentences():  # the last resort: what a page did not expect is still a sentence
    chosen.run()
address.tell()
