"""Until torch is there the browser gets ahead with what will draw the page."""

import sys
from pathlib import Path

import pytest
import streamlit
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from app import (
    display,  # noqa: F401  # is not read again where torch seems not to be there
    warming,
)


def first_visit() -> None:
    from app import warming

    warming.read_libraries()


def test_streamlit_still_has_the_parts_that_draw() -> None:
    files = warming.parts()
    assert [Path(file).name.partition(".")[0] for file in files] == ["PlotlyChart", "DataFrame"]
    for file in files:  # an address beside the page's
        assert (Path(streamlit.__file__).parent / "static" / file).is_file()


def test_only_the_visitor_who_waits_for_torch_fetches_them_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr(DeltaGenerator, "html", lambda _, body, **options: sent.append((body, options)))
    assert not AppTest.from_function(first_visit).run().exception
    assert not sent
    monkeypatch.delitem(sys.modules, "torch")
    assert not AppTest.from_function(first_visit).run().exception
    [(body, options)] = sent
    assert all(file in body for file in warming.parts())
    assert options == {"unsafe_allow_javascript": True}
