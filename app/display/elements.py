"""Elements of pages: pictures and charts with downloads, explanations with formulas, code, error messages."""

import inspect
import logging
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from itertools import count
from typing import Any, Protocol

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from PIL import Image
from streamlit import runtime

from app.charts import plotly_charts
from app.display import presenter, url_state
from app.display.navigation import PAGES
from app.display.url_forms import one_of, switch
from app.text import glossary
from app.text.plain_text import Markdown, code, plain
from cvae_core.errors import LabError
from cvae_core.pictures import grid

PAGE_MEGABYTES = 5  # size of a chart's page, nearly all of it plotly.js
EXPORT_FACTOR = 2  # an exported picture is this many times larger than on the page
LOG = logging.getLogger(__name__)
FILES_KEPT = 16  # the last ones requested, by all visitors
_FILES = count()
_DRAW = "This code draws exactly the downloaded"


class Copied(Protocol):
    """An output with Python code that reproduces it."""

    @property
    def recipe(self) -> Callable[..., object]:
        """Return the function of the core that computes the output."""

    @property
    def own_images(self) -> str:
        """Return the name of the data set whose images the output shows; an empty text for none, or if it is public."""

    def python(self, scale: int, file: str) -> str:
        """Return Python code that writes the output to a file; images are as wide as those of MNIST at `scale`."""


class Picture(Copied, Protocol):
    """A picture that can be shown and exported, with facts for its metadata."""

    def draw(self, scale: int) -> Image.Image:
        """Draw the picture; images are as wide as those of MNIST at `scale`."""

    @property
    def facts(self) -> dict[str, object]:
        """Return the metadata of an exported picture."""


class Animation(Copied, Protocol):
    """An animation that can be exported."""

    @property
    def scale(self) -> int:
        """Return the scale at which the animation is wide enough for slides."""

    def gif(self, scale: int) -> bytes:
        """Draw the animation as a GIF; images are as wide as those of MNIST at `scale`."""


WIDE = 500  # pixels: scaled to a phone, the text of a wider picture would be too small to read


@contextmanager
def sentences() -> Iterator[None]:
    """Show a LabError as a message in place of the content; the rest of the page is unaffected."""
    try:
        yield
    except LabError as error:
        LOG.warning("shown to a visitor: %s", " ".join(str(error).split()))
        st.error(plain(error), icon=":material/error:")


def picture(figure: Picture, name: str, alt: str, scale: int = 2) -> None:
    """Show a picture with its download and Python code that draws it."""
    drawn = figure.draw(scale)
    with st.container(key=f"{'wide' if drawn.width > WIDE else 'narrow'}-{name}"):
        st.image(grid.png(drawn), output_format="PNG", alt=alt)
        with st.container(horizontal=True):
            png_button(figure, name, scale)


def png_button(figure: Picture, name: str, scale: int, label: Markdown = "PNG") -> None:
    """Show buttons for a larger PNG of a picture, with metadata, and for Python code that draws it."""
    large = scale * EXPORT_FACTOR
    file_button(
        label,
        lambda: grid.png(figure.draw(large), figure.facts),
        f"{name}.png",
        mime="image/png",
        key=f"png-{name}",
        words=_with_own_images("Download a larger version, with the settings in its caption and metadata", figure),
    )
    _python(figure.python(large, f"{name}.png"), f"{_DRAW} PNG", name, figure.recipe)


def gif_button(animation: Animation, name: str) -> None:
    """Show buttons for an animation as GIF, wide enough for a slide, and for Python code that draws it."""
    scale = animation.scale
    with st.container(horizontal=True):
        file_button(
            "GIF",
            lambda: animation.gif(scale),
            f"{name}.gif",
            mime="image/gif",
            icon=":material/movie:",
            key=f"gif-{name}",
            words=_with_own_images("Download as an animation", animation),
        )
        _python(animation.python(scale, f"{name}.gif"), f"{_DRAW} GIF", name, animation.recipe)


def chart(figure: go.Figure, lines: str, key: str, alt: str, config: Mapping[str, Any] = plotly_charts.CONFIG) -> None:
    """Show a chart with downloads and Python code that computes its numbers and writes it to a file."""
    with st.container(key=f"bare-{key}") if config is plotly_charts.BARE_CONFIG else st.container():
        st.plotly_chart(figure, config=dict(config), key=key, alt=alt)
    with st.container(horizontal=True):
        chart_files(figure, key, alt)
        numbers(lines, key)


def chart_files(figure: go.Figure, key: str, alt: str) -> None:
    """Show buttons for the chart with a key: as SVG, which the browser draws, and as a page of its own."""
    words = "Download as a drawing for slides, in the size and colours that are shown"
    st.download_button(
        "SVG", b"", f"{key}.svg", on_click="ignore", icon=":material/shape_line:", key=f"svg-{key}", help=words
    )
    words = f"Download as a page that works without a network ({PAGE_MEGABYTES} MB)"
    page = partial(plotly_charts.page, figure, alt)
    file_button("HTML", page, f"{key}.html", mime="text/html", icon=":material/html:", key=f"html-{key}", words=words)


def growing_chart(option: Mapping[str, Any], lines: str, key: str, alt: str) -> None:
    """Show a chart that updates in place, with Python code that computes its numbers."""
    st.echarts_chart(option, height=plotly_charts.CURVES_HEIGHT, key=key, alt=alt)
    numbers(lines, key)


def numbers(lines: str, name: str) -> None:
    """Show a button for Python code that computes the numbers of a chart and writes it to a file."""
    _python(lines, "This code computes the numbers of the chart and writes the chart as an HTML page", name)


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
    """Show a download button for a file that is made on request, without a rerun of the page; `words` is its help text.

    The file stays available until `FILES_KEPT` more are requested. Streamlit would remove it after two script runs of any
    visitors, possibly before the browser fetches it.
    """

    def made() -> bytes:
        found = content()
        data = found.encode() if isinstance(found, str) else found
        place = f"download-{next(_FILES) % FILES_KEPT}"
        runtime.get_instance().media_file_mgr.add(data, mime, place, file, is_for_static_download=True)
        return data

    st.download_button(label, data=made, file_name=file, mime=mime, on_click="ignore", icon=icon, key=key, help=words)


def _with_own_images(words: Markdown, output: Copied) -> Markdown:
    """Add to the help text of a download that the file shows images that may not be public."""
    return f"{words}. It shows images of the data set {code(output.own_images)}." if output.own_images else words


def _python(lines: str, words: Markdown, name: str, recipe: Callable[..., object] | None = None) -> None:
    with st.popover("Copy as Python", icon=":material/code:", key=f"python-{name}"):
        st.caption(f"{words}. Run it in the lab's folder:")
        st.code(lines, language="python", wrap_lines=True)
        if recipe:
            _source(recipe)


def _source(function: Callable[..., object]) -> None:
    """Show the source code of a function."""
    st.caption(code(f"{function.__module__}.{function.__qualname__}"))
    st.code(_text(function), language="python", wrap_lines=True)


@cache  # a page shows the same few functions at every rerun
def _text(function: Callable[..., object]) -> str:
    return textwrap.dedent(inspect.getsource(inspect.unwrap(function)))


@st.fragment
def explanation(text: Markdown, formula: Markdown, recipes: Sequence[Callable[..., object]]) -> None:
    """Show two expanders: an explanation with its formula, and the code of the core that computed the picture.

    Their content is sent when they are opened: a browser would typeset and highlight hidden content too, and slow the page.
    """
    if presenter.is_on():
        return
    name = recipes[0].__qualname__
    with st.expander("What am I looking at?", icon=":material/help:", key=f"words-{name}", on_change="rerun") as words:
        if words.open:
            st.latex(formula)
            explained(text)
    with st.expander("The code behind it", icon=":material/code:", key=f"code-{name}", on_change="rerun") as behind:
        for function in recipes if behind.open else ():
            _source(function)


def title(words: Markdown, claim: Markdown) -> None:
    """Show the title of a page or a view, and its claim in one or two sentences."""
    st.title(words)
    if not presenter.is_on():
        explained(claim)


def explained(text: Markdown) -> None:
    """Show a text in which the glossary's terms are explained on hover and focus."""
    st.markdown(glossary.marked(text))


def caption(text: Markdown) -> None:
    """Show a caption in which the glossary's terms are explained on hover and focus."""
    st.caption(glossary.marked(text))


def heading(text: Markdown) -> None:
    """Show the heading of a section in which the glossary's terms are explained on hover and focus."""
    st.subheader(glossary.marked(text), anchor=False)


def folded(title: Markdown, show: Callable[[], object], key: str, icon: str, opened: bool = False) -> None:
    """Show an expander, by default closed, whose content is computed only while it is open; the address keeps its state.

    The presenter layout leaves it out.
    """
    if presenter.is_on():
        return
    with st.expander(title, key=url_state.bound(key, switch(), opened), on_change="rerun", icon=icon) as box:
        if box.open:
            show()


def tabs(views: Mapping[str, Callable[[], object]], key: str) -> None:
    """Show views in tabs and compute only the open one; the address keeps which tab is open."""
    names = {plain(name): name for name in views}
    key = url_state.bound(key, one_of(names), next(iter(names)))
    for tab, show in zip(st.tabs(list(map(plain, views)), key=key, on_change="rerun"), views.values(), strict=True):
        if tab.open:
            with tab, sentences():
                show()


def table(frame: pd.DataFrame, bold: pd.DataFrame) -> None:
    """Show a table in full, with cells in bold where `bold` is true."""
    shown, weights = frame.map(plain).rename(index=plain, columns=plain), np.where(bold, "font-weight: bold", "")
    st.table(shown.style.apply(lambda _: weights, axis=None))


def thumbnail(picture: Image.Image, alt: str) -> None:
    """Show a picture without a download."""
    st.image(grid.png(picture), output_format="PNG", alt=alt)


def link(page: str, label: Markdown, /, *, symbol: str = "arrow_forward", **query: str) -> None:
    """Show a link to another page, with query parameters for its controls."""
    st.page_link(PAGES[page].streamlit_page(), label=label, icon=f":material/{symbol}:", query_params=query)
