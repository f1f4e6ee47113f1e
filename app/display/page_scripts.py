"""Styles and scripts of all pages."""

import streamlit as st

from app.browser import source
from app.text.plain_text import Markdown

# Streamlit shows a picture in its own width, or in that of its column if that is smaller. High-resolution screens enlarge the
# picture, and browsers smooth enlarged pictures. On a phone, wide pictures stay legible and scroll sideways. Streamlit's CSV
# download of a table does not escape spreadsheet formulas, which notes may contain, and has no standard errors: our buttons
# replace it. If the page's header hides the top of a WebGL canvas, Chromium 156 without a graphics card does not draw as much
# at its bottom, unless the canvas has a filter.
_CRISP = """<style>
@media (min-resolution: 1.2dppx) and (min-width: 640px), (min-resolution: 2dppx) {
    [data-testid="stImage"] img { image-rendering: pixelated; }
}
[data-testid="stMainBlockContainer"]:has(.st-key-figures) { padding-top: 3rem; }
[class*="st-key-runs-table-"] [aria-label="Download as CSV"], [class*="st-key-table-"] [aria-label="Download as CSV"] {
    display: none;
}
.js-plotly-plot canvas { filter: opacity(1); }
@media (max-width: 640px) {
    [class*="st-key-wide-"] { overflow-x: auto; }
    [class*="st-key-wide-"] > :last-child { position: sticky; left: 0; }
    [class*="st-key-wide-"] img { width: auto !important; max-width: 640px !important; }
}
</style>"""
_STYLES = source("touch.css", "buttons.css", "glossary.css", "tour.css")
_PROGRAMS = source("touch.js", "buttons.js", "glossary.js")
_SCRIPTS = f"<script>{_PROGRAMS}</script>"


def add_styles() -> None:
    """Style the page before its content: terms are no links, and browsers do not smooth enlarged images."""
    st.html(f"{_CRISP}<style>{_STYLES}</style>")


def run_scripts() -> None:
    """Explain terms, let buttons copy code and save charts as SVG, and let a finger on a chart scroll the page."""
    st.html(_SCRIPTS, unsafe_allow_javascript=True)


def scroll_to(key: Markdown, moment: int) -> None:
    """Scroll the page to the element with a key, or to the top if that is "", once at every new `moment`."""
    selector = f".st-key-{key}" if key else ""
    st.html(f"<script>({source('tour.js')})({selector!r}, {moment});</script>", unsafe_allow_javascript=True)
