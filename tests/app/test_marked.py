"""Markdown in any text of any file that the lab reads is shown literally on all pages."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

from tests.app.conftest import Visit
from tests.marked import marked, marked_root
from tests.measuring import Measured

pytestmark = pytest.mark.promise
ADDRESS = "http://127.0.0.1:9"
RENDERED = {"label", "body", "help", "text", "caption", "delta", "content", "alt", "tag"}
UNRENDERED = {"code", "arrow_data_frame", "plotly_chart", "bidi_component", "iframe"}
CODE = re.compile(r"(?<![\\`])(`+)(?!`).+?(?<!`)\1(?!`)")
LIVE = re.compile(
    r"(?<!\\)(?:\[(?:x|link)\]|<img|\$\\frac|\$y\$|~~[\w-]+~~|:(?=red|material/home))" + f"|{re.escape(ADDRESS)}"
)
VIEWS = [  # a page, its query parameters, and the texts that it shows
    ("home", {}, ["created"]),
    ("home", {"run": marked("asked", ADDRESS)}, []),
    ("training", {"task": "Runs"}, ["note", "created"]),
    ("training", {"task": "Train", "follow": "at-work"}, ["doing"]),
    ("training", {"task": "Train", "follow": "dead"}, ["words"]),
    ("training", {"task": "Train", "follow": "failed"}, ["reason"]),
    ("training", {"task": "Train", "follow": "waits"}, []),
    ("training", {"task": "Train", "follow": "unborn"}, ["said"]),
    ("training", {"task": "Sweep", "sweep": "grid"}, ["flavour"]),
    ("training", {"replay": "digits-label", "runs": "digits-quadrant-1"}, []),
    ("generate", {"seed": marked("seed", ADDRESS)}, ["origin"]),
    ("inpaint", {}, []),
    ("latent", {"run": "digits-label"}, ["origin"]),
    ("why", {"question": "Collapse"}, []),
    *(("cll", {"figures": tab}, []) for tab in ("At a glance", "All figures", "Estimate")),
    ("cll", {"figures": "Judged images"}, ["finding"]),
]  # fmt: skip


def elements(block: Block) -> Iterator[Element | Block]:
    for child in block.children.values():
        yield child
        if isinstance(child, Block):
            yield from elements(child)


def strings(message: object) -> Iterator[str]:
    """Yield all texts in an element, at any depth, that the browser renders as Markdown."""
    for field, value in message.ListFields():  # type: ignore[attr-defined]
        for each in value if field.is_repeated else [value]:
            if field.message_type is not None and not field.message_type.GetOptions().map_entry:
                yield from strings(each)
            elif isinstance(each, str) and field.name in RENDERED:
                yield each


def rendered(visitor: AppTest) -> Iterator[str]:
    """Yield all Markdown of a page."""
    for element in elements(visitor._tree):
        proto = getattr(element, "proto", None)
        if proto is None or element.type in UNRENDERED:
            continue
        yield from strings(proto)
        if element.type == "table":
            frame: pd.DataFrame = element.value
            yield from (str(cell) for cell in [*frame.columns, *frame.index, *frame.to_numpy().ravel()])


def shown(visitor: AppTest) -> str:
    """Return all text of a page, in any element."""
    tables = [table.value.to_csv() for table in visitor.dataframe]
    return " ".join([*rendered(visitor), *(code.value for code in visitor.code), *tables])


@pytest.fixture
def hostile_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with marked_root(tmp_path, ADDRESS) as root:
        monkeypatch.setenv("CVAE_RUNS", str(root))
        yield root


def test_what_is_looked_for_is_found_where_it_is_not_escaped() -> None:
    text = marked("x", ADDRESS)
    assert len(LIVE.findall(text)) == 12
    assert LIVE.findall(CODE.sub("", f"a `{text}` b ``` {text} ``` c")) == []


@pytest.mark.parametrize(("name", "query", "texts"), VIEWS)
def test_no_text_of_a_file_means_anything_on_a_page(
    name: str,
    query: dict[str, str],
    texts: list[str],
    visit: Visit,
    without_mnist: None,
    hostile_runs: Path,
    measured: Measured,
) -> None:
    visitor = visit(name, **query)
    for text in rendered(visitor):
        assert LIVE.findall(CODE.sub("", text)) == [], text
    said = shown(visitor)
    assert [text for text in texts if f"{text} " not in said] == []
    measured("texts", views=1)
