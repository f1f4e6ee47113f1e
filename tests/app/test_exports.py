"""Files that visitors download."""

import codecs
import csv
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from PIL import Image
from streamlit import runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from app.cached import runs
from app.cached.stage_figures import Animation, Strip
from app.display import elements
from cvae_core.pictures import grid
from cvae_core.runs.run import run_at
from tests import own_data
from tests.app.conftest import Visit
from tests.conftest import Tiny, Untrained


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MediaFileManager:
    """Replace the server's runtime by its store of media files."""
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(media_file_mgr=manager))
    return manager


def asked_for(content: str, server: MediaFileManager, monkeypatch: pytest.MonkeyPatch) -> str:
    """Press a download button; return the name under which the browser is to fetch the file."""
    button: dict[str, Any] = {}
    monkeypatch.setattr(st, "download_button", lambda _, **settings: button.update(settings))
    elements.file_button("CSV", lambda: content, "numbers.csv")
    waiting = server.add_deferred(button["data"], button["mime"], "a place on the page", button["file_name"])
    return Path(server.execute_deferred(waiting)).name


def test_a_file_waits_to_be_fetched_while_scripts_of_others_end(
    server: MediaFileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = asked_for("a,b\n", server, monkeypatch)
    for _ in range(3):
        server.remove_orphaned_files()
    found = server.read_file(name)
    assert found is not None
    assert (found.content, found.filename) == (b"a,b\n", "numbers.csv")


def test_no_more_than_the_last_files_are_kept(server: MediaFileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [asked_for(f"{number}\n", server, monkeypatch) for number in range(2 * elements.FILES_KEPT)]
    for _ in range(3):
        server.remove_orphaned_files()
    assert [name for name in names if server.read_file(name)] == names[elements.FILES_KEPT :]


def test_the_csvs_of_pages_are_for_spreadsheets(
    visit: Visit, own_runs: Path, without_mnist: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[str, Callable[[], str | bytes]] = {}
    monkeypatch.setattr(elements, "file_button", lambda _, content, file, **__: files.update({file: content}))
    run = run_at("digits-label", own_runs)
    run.write_card(replace(run.card(), note="=1+1"))
    other = run_at("digits-quadrant-1", own_runs)
    other.write_card(replace(other.card(), best_epoch=None))
    visit("training", task="Runs")
    visit("training")
    visit("cll", figures="All figures")
    visit("latent", run="digits-label")
    contents = {file: content() for file, content in files.items() if file.endswith(".csv")}
    assert sorted(contents) == ["cll.csv", "curves.csv", "digits-label-tsne.csv", "runs.csv"]
    for content in contents.values():
        assert isinstance(content, bytes)
        assert content.startswith(codecs.BOM_UTF8)
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(contents["runs.csv"].decode("utf-8-sig")))}  # type: ignore[union-attr]
    assert rows["digits-label"]["note"] == "'=1+1"
    assert rows["digits-label"]["model"] == "CVAE, label, digits"
    curves = csv.DictReader(io.StringIO(contents["curves.csv"].decode("utf-8-sig")))  # type: ignore[union-attr]
    assert ("digits-label", "CVAE, label, digits") in {(row["run"], row["model"]) for row in curves}
    assert rows["digits-label"]["best epoch"] == str(run.card().best_epoch)
    assert rows["digits-quadrant-1"]["best epoch"] == ""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("label", "quadrant-1-ladder") else pytest.mark.soak)
        for name in sorted(runs.run_keys())
    ],
)
def test_the_stages_of_every_pretrained_run_are_an_animation_for_slides(name: str) -> None:
    animation = Animation(runs.run_keys()[name])
    content = animation.gif(animation.scale)
    with Image.open(io.BytesIO(content)) as read:
        assert read.width >= grid.SLIDE_WIDTH
    assert len(content) < 3_000_000


def test_the_help_of_a_download_says_that_it_shows_images_of_ones_own(
    tmp_path: Path, tiny: Tiny, untrained: Untrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path))
    data, helps = own_data.description(), list[str]()
    monkeypatch.setattr(elements, "file_button", lambda *_, words, **__: helps.append(words))
    monkeypatch.setattr(elements, "_python", lambda *_: None)
    for config, about in ((tiny("label", data=data, dataset="mine"), data), (tiny("label"), None)):
        key = runs.any_key(untrained(config, data=about).name)
        assert key
        elements.png_button(Strip(key, "samples"), "strip", 1)
        elements.gif_button(Animation(key), "stages")
    said = " It shows images of the data set `mine`."
    assert [help.endswith(said) for help in helps] == [True, True, False, False]
