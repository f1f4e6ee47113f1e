"""How pages show things: a picture with its PNG, an explanation with its formula, the code, an error as a sentence."""

import inspect
import logging
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import streamlit as st
from PIL import Image

from app.navigation import PAGES
from cvae_core import figures
from cvae_core.errors import LabError

EXPORT_FACTOR = 2  # an exported picture is this many times larger than on the page
LOG = logging.getLogger(__name__)


@contextmanager
def sentences() -> Iterator[None]:
    """Show what the lab has to complain of as a sentence in place of the picture; the rest of the page goes on."""
    try:
        yield
    except LabError as error:
        LOG.warning("shown to a visitor: %s", error)
        st.error(str(error), icon=":material/error:")


def picture(
    draw: Callable[[int], Image.Image], *, name: str, alt: str, scale: int, facts: Mapping[str, object]
) -> None:
    """Show a picture with a button that downloads it larger, as PNG with its facts inside."""
    st.image(figures.png(draw(scale)), output_format="PNG", alt=alt)
    png_button(lambda: draw(scale * EXPORT_FACTOR), name=name, facts=facts)


def png_button(draw: Callable[[], Image.Image], *, name: str, facts: Mapping[str, object], label: str = "PNG") -> None:
    """Offer a picture as PNG with its facts inside; it is drawn when it is asked for."""
    st.download_button(
        label,
        data=lambda: figures.png(draw(), facts),
        file_name=f"{name}.png",
        mime="image/png",
        on_click="ignore",
        icon=":material/download:",
        key=f"png-{name}",
        help="Download this picture, its settings in the caption and the metadata",
    )


def explanation(text: str, formula: str, *code: Callable[..., object]) -> None:
    """Offer what the visitor is looking at, with its formula, and the lines of the core that made it."""
    with st.expander("What am I looking at?", icon=":material/help:"):
        st.latex(formula)
        st.markdown(text)
    with st.expander("The code behind it", icon=":material/code:"):
        for function in code:
            source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
            st.caption(f"`{function.__module__}.{function.__qualname__}`")
            st.code(source, language="python")


def thumbnail(picture: Image.Image, alt: str) -> None:
    """Show a picture without a download."""
    st.image(figures.png(picture), output_format="PNG", alt=alt)


def link(page: str, label: str) -> None:
    """Lead to another page."""
    st.page_link(PAGES[page].streamlit_page(), label=label, icon=":material/arrow_forward:")
