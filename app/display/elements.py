"""How pages show things: a picture with its PNG, an explanation with its formula, the code, an error as a sentence."""

import inspect
import logging
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any, Protocol

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from PIL import Image
from streamlit import runtime

from app.browser import source
from app.display import glossary, plotly_charts
from app.display.navigation import PAGES
from app.display.plain_text import Markdown, code, plain
from cvae_core.errors import LabError
from cvae_core.pictures import grid

EXPORT_FACTOR = 2  # an exported picture is this many times larger than on the page
LOG = logging.getLogger(__name__)
FILES_KEPT = 16  # of those last asked for, of all visitors
_FILES = count()
_DRAW = "These lines draw exactly the"


class Copied(Protocol):
    """An output with the lines of Python that reproduce it."""

    @property
    def recipe(self) -> Callable[..., object]:
        """Return the function of the core that makes it."""

    def python(self, scale: int, file: str) -> str:
        """Return the lines that write it, every pixel of a digit so many wide."""


class Picture(Copied, Protocol):
    """A picture that can be shown and exported, with facts for its metadata."""

    def draw(self, scale: int) -> Image.Image:
        """Draw it, every pixel of a digit so many wide."""

    @property
    def facts(self) -> dict[str, object]:
        """Return what is written into an exported picture's metadata."""


class Animation(Copied, Protocol):
    """A picture that moves."""

    def gif(self, scale: int) -> bytes:
        """Draw it as a GIF, every pixel of a digit so many wide."""


WIDE = 500  # pixels: on a phone the words of such a picture would be too small to read
# Streamlit shows a picture as wide as it is, or as its column where that is narrower. A screen with several points to the
# pixel enlarges it then, and browsers smooth what they enlarge. On a phone a wide picture is less small than that, and pushed
# along by a finger. The CSV that its tables offer by themselves has no guard against formulas, and notes may be some: the
# table of runs has its own.
_CRISP = """<style>
@media (min-resolution: 1.2dppx) and (min-width: 640px), (min-resolution: 2dppx) {
    [data-testid="stImage"] img { image-rendering: pixelated; }
}
[class*="st-key-runs-table-"] [aria-label="Download as CSV"] { display: none; }
@media (max-width: 640px) {
    [class*="st-key-wide-"] { overflow-x: auto; }
    [class*="st-key-wide-"] > :last-child { position: sticky; left: 0; }
    [class*="st-key-wide-"] img { width: auto !important; max-width: 640px !important; }
}
</style>"""
_TOUCH = f"<style>{source('touch.css')}</style><script>{source('touch.js')}</script>"


def keep_pixels_crisp() -> None:
    """Let no screen smooth the pixels of digits that it enlarges."""
    st.html(_CRISP)


def leave_fingers_to_the_page() -> None:
    """Let a finger that is drawn over a chart scroll the page, but while a tool of the chart is in hand."""
    st.html(_TOUCH, unsafe_allow_javascript=True)


@contextmanager
def sentences() -> Iterator[None]:
    """Show what the lab has to complain of as a sentence in place of the picture; the rest of the page goes on."""
    try:
        yield
    except LabError as error:
        LOG.warning("shown to a visitor: %s", " ".join(str(error).split()))
        st.error(plain(error), icon=":material/error:")


def picture(figure: Picture, name: str, alt: str, scale: int = 2) -> None:
    """Show a picture with its download and the lines of Python that draw it."""
    drawn = figure.draw(scale)
    with st.container(key=f"{'wide' if drawn.width > WIDE else 'narrow'}-{name}"):
        st.image(grid.png(drawn), output_format="PNG", alt=alt)
        with st.container(horizontal=True):
            png_button(figure, name, scale)


def png_button(figure: Picture, name: str, scale: int, label: Markdown = "PNG") -> None:
    """Offer a picture as PNG, larger and with its facts inside, and the lines of Python that draw it."""
    large = scale * EXPORT_FACTOR
    file_button(
        label,
        lambda: grid.png(figure.draw(large), figure.facts),
        f"{name}.png",
        mime="image/png",
        key=f"png-{name}",
        words="Download this picture, larger, its settings in the caption and the metadata",
    )
    _python(figure.python(large, f"{name}.png"), f"{_DRAW} PNG", name, figure.recipe)


def gif_button(animation: Animation, name: str, scale: int) -> None:
    """Offer pictures one after the other as GIF, and the lines of Python that draw it."""
    with st.container(horizontal=True):
        file_button(
            "GIF",
            lambda: animation.gif(scale),
            f"{name}.gif",
            mime="image/gif",
            icon=":material/movie:",
            key=f"gif-{name}",
            words="Download it as an animation",
        )
        _python(animation.python(scale, f"{name}.gif"), f"{_DRAW} GIF", name, animation.recipe)


def chart(figure: go.Figure, lines: str, key: str, alt: str, config: Mapping[str, Any] = plotly_charts.CONFIG) -> None:
    """Show a chart with the lines of Python that compute its numbers and write it."""
    st.plotly_chart(figure, config=dict(config), key=key, alt=alt)
    numbers(lines, key)


def growing_chart(option: Mapping[str, Any], lines: str, key: str, alt: str) -> None:
    """Show a chart that takes in new numbers where it stands, with the lines of Python that compute them."""
    st.echarts_chart(option, height=plotly_charts.CURVES_HEIGHT, key=key, alt=alt)
    numbers(lines, key)


def numbers(lines: str, name: str) -> None:
    """Offer the lines of Python that compute what a chart shows, and write it."""
    _python(lines, "These lines compute the numbers of the chart and write it as a page of its own", name)


def file_button(
    label: Markdown,
    content: Callable[[], str | bytes],
    file: str,
    *,
    mime: str = "text/csv",
    icon: str = ":material/download:",
    key: str | None = None,
    words: Markdown | None = None,
) -> None:
    """Offer a file that is made when it is asked for, without a rerun of the page; `words` say what it is.

    Streamlit would remove it when two scripts of any visitors have ended, which may be before the browser fetches it.
    """

    def made() -> bytes:
        found = content()
        data = found.encode() if isinstance(found, str) else found
        place = f"download-{next(_FILES) % FILES_KEPT}"
        runtime.get_instance().media_file_mgr.add(data, mime, place, file, is_for_static_download=True)
        return data

    st.download_button(label, data=made, file_name=file, mime=mime, on_click="ignore", icon=icon, key=key, help=words)


def _python(lines: str, words: Markdown, name: str, recipe: Callable[..., object] | None = None) -> None:
    with st.popover("Copy as Python", icon=":material/code:", key=f"python-{name}"):
        st.caption(f"{words}, from the lab's folder:")
        st.code(lines, language="python", wrap_lines=True)
        if recipe:
            _source(recipe)


def _source(function: Callable[..., object]) -> None:
    """Show a function as it stands in the core."""
    st.caption(code(f"{function.__module__}.{function.__qualname__}"))
    st.code(_text(function), language="python", wrap_lines=True)


@cache  # a page shows the same few functions at every rerun
def _text(function: Callable[..., object]) -> str:
    return textwrap.dedent(inspect.getsource(inspect.unwrap(function)))


@st.fragment
def explanation(text: Markdown, formula: Markdown, recipes: Sequence[Callable[..., object]]) -> None:
    """Offer what the visitor is looking at, with its formula, and the lines of the core that made it.

    Both are sent once they are asked for: a browser sets and colours what is folded away too, while the page opens.
    """
    name = recipes[0].__qualname__
    with st.expander("What am I looking at?", icon=":material/help:", key=f"words-{name}", on_change="rerun") as words:
        if words.open:
            st.latex(formula)
            explained(text)
    with st.expander("The code behind it", icon=":material/code:", key=f"code-{name}", on_change="rerun") as behind:
        for function in recipes if behind.open else ():
            _source(function)


def title(words: Markdown, claim: Markdown) -> None:
    """Begin a page or a view: its title, and what it says in one or two sentences."""
    st.title(words)
    explained(claim)


def explained(text: Markdown) -> None:
    """Show a text whose terms are explained on hover, as the glossary does."""
    st.markdown(text, help=glossary.terms_in(text))


def folded(title: Markdown, show: Callable[[], object], key: str, icon: str) -> None:
    """Show an expander whose content is made only while it is open; the address keeps its state."""
    with st.expander(title, key=key, bind="query-params", icon=icon) as box:
        if box.open:
            show()


def tabs(views: Mapping[str, Callable[[], object]], key: str) -> None:
    """Show views in tabs and make only the open one; the address keeps which tab is open."""
    for tab, show in zip(st.tabs(list(map(plain, views)), key=key, bind="query-params"), views.values(), strict=True):
        if tab.open:
            with tab, sentences():
                show()


def table(frame: pd.DataFrame, bold: pd.DataFrame | None = None, **settings: Any) -> None:
    """Show all of a table, some of its cells in bold."""
    shown = frame.map(plain).rename(index=plain, columns=plain)
    if bold is None:
        st.table(shown, **settings)
    else:
        weights = np.where(bold, "font-weight: bold", "")
        st.table(shown.style.apply(lambda _: weights, axis=None), **settings)


def thumbnail(picture: Image.Image, alt: str) -> None:
    """Show a picture without a download."""
    st.image(grid.png(picture), output_format="PNG", alt=alt)


def link(page: str, label: Markdown, **query: str) -> None:
    """Lead to another page, which its address may tell what to show."""
    st.page_link(PAGES[page].streamlit_page(), label=label, icon=":material/arrow_forward:", query_params=query)
