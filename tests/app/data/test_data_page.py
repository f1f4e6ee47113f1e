"""The page Data: the list, an upload up to the stored data set, its removal, and data sets made from fonts."""

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.widgets import background_command, permission
from cvae_core.cli.main import main
from cvae_core.data import catalogue, datasets
from cvae_core.jobs import data_sets
from cvae_core.system import processes
from tests.app.conftest import Visit

HOSTILE = "![x](http://a.b) **c**"  # the name of a class
Commands = list[list[str]]


@pytest.fixture(autouse=True)
def own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Run the commands of pages at once, in this process; list their words."""
    begun: Commands = []

    def launched(words: Sequence[str], said: IO[bytes]) -> Any:
        begun.append(list(words))
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = main(words)
        said.write(told.getvalue().encode())
        said.flush()
        return SimpleNamespace(poll=lambda: code, returncode=code, pid=0)

    monkeypatch.setattr(processes, "launched", launched)
    return begun


def pictures(count: int = 30, side: int = 20) -> bytes:
    """Return a zip with three classes of dark pictures on white."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for index in range(count):
            pixels = np.full((side, side), 255, np.uint8)
            pixels[4 : 8 + index % 8, 4 : 6 + index // 8] = index
            picture = io.BytesIO()
            Image.fromarray(pixels).save(picture, "PNG")
            folder = ("1", "10", HOSTILE)[index % 3].replace("/", "∕")
            archive.writestr(f"{folder}/{index}.png", picture.getvalue())
        archive.writestr("1/notes.txt", "none")
    return content.getvalue()


def said(visitor: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "success")
    return " ".join(str(element.value) for kind in kinds for element in visitor.get(kind))


def uploaded(visit: Visit, name: str = "shapes.zip", content: bytes | None = None) -> AppTest:
    visitor = visit("data", view="Upload")
    visitor.file_uploader[0].upload(name, pictures() if content is None else content).run()
    assert not visitor.exception
    return visitor


def left(folder: Path) -> list[Path]:
    return list((folder / ".uploads").iterdir()) if (folder / ".uploads").exists() else []


def test_an_upload_is_reported_decided_on_and_stored(visit: Visit, commands: Commands, own_data: Path) -> None:
    visitor = uploaded(visit)
    assert not visitor.error
    assert not (own_data / "sets").exists()
    assert len(left(own_data)) == 1
    assert "20×20 grey images in 3 classes: 22 for training" in said(visitor)
    assert [image.alt for element in visitor.get("image") for image in element.proto.imgs]
    classes, decisions, left_out = (table.value for table in visitor.dataframe)
    assert list(classes["name"]) == ["1", "10", HOSTILE.replace("/", "∕")]
    assert "--ink" in list(decisions["flag"])
    assert list(left_out["file"]) == ["1/notes.txt"]
    visitor.selectbox(key=next(box.key for box in visitor.selectbox if box.label == "Side in pixels")).select(16)
    next(button for button in visitor.button if button.label == "Apply").click().run()
    assert "16×16 grey images" in said(visitor)
    assert [words[4:-2] for words in commands] == [[], ["--size", "16"]]
    visitor.text_input[0].set_value("mnist").run()
    assert "There is a data set 'mnist' already" in said(visitor)
    assert visitor.button(key="store-upload").disabled
    visitor.text_input[0].set_value("mine").run()
    visitor.button(key="store-upload").click().run()
    assert not visitor.error
    assert commands[-1][:3] == ["data", "add", "mine"]
    assert left(own_data) == []
    assert "The data set `mine` is stored." in said(visitor)
    assert datasets.load("mine").train.images.shape == (22, 256)
    assert dict(visitor.query_params) == {"view": "Upload"}
    listed = visit("data", set="mine")
    assert list(listed.dataframe[0].value["data set"]) == list(catalogue.names())
    assert catalogue.names()[-1] == "mine"
    assert "Made from `shapes.zip`" in said(listed)
    links = [link.proto for link in listed.get("page_link")]
    assert any(link.label == "Train a model on it" and "new-dataset=mine" in link.query_string for link in links)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.zip", b"PK", "zip"),
        ("a.npz", b"\x93NUMPY", "npz"),
        ("a.zip", pictures(3), "images"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_and_can_be_discarded(
    visit: Visit, commands: Commands, own_data: Path, name: str, content: bytes, sentence: str
) -> None:
    visitor = uploaded(visit, name, content)
    (error,) = visitor.error
    assert sentence in error.value
    assert "Traceback" not in error.value
    assert len(commands) == 1
    visitor.run()
    assert len(commands) == 1  # it is not tried again with the same decisions
    visitor.button(key="discard-upload").click().run()
    assert left(own_data) == []
    assert visitor.file_uploader


def test_who_may_not_train_may_not_change_anything(
    visit: Visit, commands: Commands, own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = uploaded(visit)
    visitor.text_input[0].set_value("mine").run()
    monkeypatch.setenv(permission.VARIABLE, "off")
    visitor.button(key="store-upload").click().run()  # a page that was opened before
    assert not (own_data / "sets").exists()
    with pytest.raises(Exception, match="disabled"):
        background_command.start("x", "data", "add")
    for view in ("Upload", "Make glyphs"):
        closed = visit("data", view=view)
        assert "are disabled because this server" in closed.info[-1].value
        assert not closed.file_uploader
        assert not closed.button
    listed = visit("data")
    assert not [button for button in listed.button if button.label.startswith(("Train", "Remove", "Store"))]


@pytest.fixture
def mine(own_data: Path, tmp_path: Path) -> str:
    (tmp_path / "mine.zip").write_bytes(pictures())
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert main(["data", "add", "mine", str(tmp_path / "mine.zip")]) == 0
    return "mine"


def press(visitor: AppTest, label: str) -> None:
    next(button for button in visitor.button if button.label == label).click().run()


def test_a_data_set_is_removed_with_a_confirmation_if_runs_use_it(
    visit: Visit, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_sets, "runs_using", lambda name, _: ("one-run",) if name == mine else ())
    visitor = visit("data", set=mine)
    assert "one-run" in said(visitor)
    press(visitor, "Remove data set")
    assert "runs use it" in visitor.toast[0].value
    assert catalogue.exists(mine)
    visitor.checkbox(key="force mine").check().run()
    press(visitor, "Remove data set")
    assert not catalogue.exists(mine)
    assert list(visitor.dataframe[0].value["data set"]) == list(catalogue.names())


def test_a_damaged_data_set_is_named_and_can_be_removed(visit: Visit, mine: str, own_data: Path) -> None:
    (own_data / "sets" / mine / "data.json").write_text("{}")
    visitor = visit("data", set=mine)
    assert "data.json" in visitor.error[0].value
    press(visitor, "Remove data set")
    assert not catalogue.exists(mine)


def test_built_in_and_shipped_data_sets_cannot_be_removed(visit: Visit) -> None:
    assert "Remove data set" not in [button.label for button in visit("data", set="digits").button]


def test_its_classifier_is_trained_from_the_page(
    visit: Visit, commands: Commands, mine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path / "runs"))
    visitor = visit("data", set=mine)
    press(visitor, "Train its classifier")
    assert commands == [["classifier", mine]]
    assert "of the test images correctly" in said(visitor)
    assert "(4 images; always choosing the most frequent class would be right for" in said(visitor)


def test_glyphs_are_made_from_the_page(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: Commands = []

    def launched(words: Sequence[str], said: IO[bytes]) -> Any:
        begun.append(list(words))
        said.write(b"There is no font.\n")
        said.flush()
        return SimpleNamespace(poll=lambda: 2, returncode=2, pid=0)

    monkeypatch.setattr(processes, "launched", launched)
    visitor = visit("data", view="Make glyphs", **{"make-characters": "--x", "make-size": "28", "make-colour": "true"})
    press(visitor, "Make")
    assert begun == [
        ["data", "make", "glyphs", "glyphs", "--characters=--x", "--size=28", "--images=10000", "--colour"]
    ]
    assert visitor.error[0].value == "There is no font."


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Simulate a command that runs until it is cancelled."""
    fake = SimpleNamespace(pid=0, returncode=None, cancelled=0)
    fake.poll = lambda: fake.returncode

    def launched(_: Sequence[str], said: IO[bytes]) -> Any:
        fake.returncode = None
        said.write(b"reading pictures: 300 of 1,200\n")
        said.flush()
        return fake

    def end(*_: int) -> None:
        fake.cancelled += 1
        fake.returncode = -15

    monkeypatch.setattr(processes, "launched", launched)
    monkeypatch.setattr(os, "killpg", end)
    yield fake


def test_reading_shows_its_progress_and_can_be_cancelled(
    visit: Visit, running: SimpleNamespace, own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = uploaded(visit)
    assert [bar.proto.value for bar in visitor.get("progress")] == [25]
    other = uploaded(visit)
    assert "Another command is running" in other.error[0].value
    with monkeypatch.context() as closed:
        closed.setenv(permission.VARIABLE, "off")
        press(visitor, "Cancel")  # a page that was opened before
        assert running.cancelled == 0
    visitor.run()
    press(visitor, "Cancel")
    assert visitor.error[0].value == "It was cancelled."
    press(visitor, "Try again")
    assert visitor.get("progress")
    visitor.button(key="discard-upload").click().run()
    assert running.cancelled == 2
    assert len(left(own_data)) == 1
    assert visitor.file_uploader
