"""Entry point of the dashboard: start it with `streamlit run app/Home.py` from any working folder.

Streamlit's server imports this file to find `app`. Each visitor's session then runs it as a script.
"""

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` adds only app/ to the path
    sys.path.insert(0, str(ROOT))

from app.server import preload  # noqa: E402
from app.server.asset_order import SmallFilesFirst  # noqa: E402
from app.server.upload_gate import UploadGate  # noqa: E402

if __name__ != "__main__":
    app = st.App(
        __file__, lifespan=preload.while_serving, middleware=[Middleware(SmallFilesFirst), Middleware(UploadGate)]
    )
else:
    preload.wait()
    from app.cached import runs
    from app.data import uploads
    from app.display import elements, page_scripts, presenter, url_state
    from app.display.navigation import PAGES
    from app.server import no_ip_lookup, uncaught_errors
    from app.widgets import tour_control
    from cvae_core.system import logs

    st.set_page_config(page_title="CVAE lab", page_icon=str(ROOT / "app" / "icon.png"), layout="wide")
    page_scripts.add_styles()
    uncaught_errors.watch()
    no_ip_lookup.disable()
    logs.to_stderr(st.get_option("logger.level"))
    with elements.sentences():  # last resort: show an error that no page handles as a message
        runs.tidy_once()
        uploads.tidy_once()
        chosen = st.navigation([page.streamlit_page() for page in PAGES.values()])
        with url_state.of_page(chosen.url_path):
            presenter.show_bar(chosen.url_path or next(iter(PAGES)), tour_control.in_the_bar)
            tour_control.beside_the_page()
            chosen.run()
            presenter.show_switch()
        page_scripts.run_scripts()
