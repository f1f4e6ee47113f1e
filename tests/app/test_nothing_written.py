"""If nothing can be written, pages still show existing results, and explain why a requested change was not made."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from streamlit.testing.v1 import AppTest

from app.display.navigation import PAGES
from app.training import run_table
from cvae_core.config.flavours import Config
from cvae_core.jobs import housekeeping
from cvae_core.runs.run import Run
from cvae_core.system import files
from cvae_core.training import timing
from tests.app.conftest import Visit
from tests.misfortune import UNWRITABLE, read_only

Tiny, Untrained = Callable[..., Config], Callable[..., Run]
SWEEP = 'flavour = "label"\ndataset = "digits"\nwidth = 16\ndepth = 1\nepochs = 1\n'


def sentences(visitor: AppTest) -> list[str]:
    return [str(part.value) for part in (*visitor.error, *visitor.toast)]


def press(visitor: AppTest, label: str) -> AppTest:
    return next(button for button in visitor.button if button.label == label).click().run()


def content(root: Path) -> dict[str, str]:
    return {
        str(path): files.digest(path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def mine(own_runs: Path, tiny: Tiny, untrained: Untrained, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide runs: "mine" is selected in the table, "binned" is in the bin; replace the timing of settings."""
    for name in ("mine", "binned"):
        untrained(tiny("label"), name, root=own_runs)
    housekeeping.discard(own_runs, "binned")
    monkeypatch.setattr(run_table, "_chosen", lambda _, names: [name for name in names if name == "mine"])
    monkeypatch.setattr(timing, "epoch_seconds", lambda config, data: 1.0)
    return own_runs


@pytest.mark.parametrize("misfortune", UNWRITABLE)
def test_every_page_opens(
    misfortune: str, visit: Visit, mine: Path, without_mnist: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(mine)
    UNWRITABLE[misfortune](monkeypatch)
    for name in PAGES:
        visitor = visit(name)
        assert (sentences(visitor), name) == ([], name)
        assert visitor.get("image") or visitor.get("plotly_chart") or visitor.dataframe
    assert content(mine) == before


@pytest.mark.parametrize("label", ["Rename run", "Save note", "Move to the bin", "Restore", "Delete permanently"])
def test_a_run_that_cannot_be_changed_stays_as_it_was(
    label: str, visit: Visit, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = visit("training", task="Runs")
    visitor.text_input(key="rename mine").set_value("yours").run()
    visitor.text_area(key="note mine").set_value("a note").run()
    before, words = content(mine), read_only(monkeypatch)
    (sentence,) = sentences(press(visitor, label))
    assert f"be written ({words})" in sentence
    assert content(mine) == before


def test_a_training_that_cannot_begin_says_why(visit: Visit, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = visit("training", task="Train")
    visitor.selectbox(key="new-dataset").select("digits").run()
    words = read_only(monkeypatch)
    (sentence,) = sentences(press(visitor, "Start"))
    assert f"cannot be written ({words})" in sentence


@pytest.mark.parametrize("misfortune", UNWRITABLE)
def test_a_sweep_that_cannot_be_stored_shows_a_sentence(
    misfortune: str, visit: Visit, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = visit("training", task="Sweep", sweep="a new one")
    visitor.text_area(key="sweep-text").set_value(SWEEP).run()
    words = UNWRITABLE[misfortune](monkeypatch)
    (sentence,) = sentences(press(visitor, "Queue 1 of 1 runs"))
    assert f"grid.toml could not be written ({words})" in sentence


def test_a_command_is_not_run_if_its_transcript_cannot_be_written(
    visit: Visit, mine: Path, without_mnist: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    visitor = visit("home")
    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    (sentence,) = sentences(visitor.button(key="start download mnist").click().run())
    assert "Command not started (No space left on device): free space in" in sentence
