"""The file of an upload: on disk only, under a safe name, and removed when nobody needs it."""

import gc
import io
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.data import uploads
from app.data.uploads import FOLDER, MEGABYTES, keep, tidy_once
from cvae_core.errors import ConfigError, NotWritable
from cvae_core.system import files, processes
from tests.app.conftest import ROOT

NAMES = [
    ("letters.zip", "letters.zip"),
    ("../../etc/passwd", "passwd.zip"),
    ("C:\\Users\\me\\My Letters (1).NPZ", "my-letters-1.npz"),
    (f"{'ä' * 300}.zip", None),
    ("a\0b\n<b>.zip", "a-b-b.zip"),
    ("", None),
    ("--force.npz", "force.npz"),
]


def a_file(name: str, content: bytes = b"PK") -> Any:
    file = io.BytesIO(content)
    return cast(Any, SimpleNamespace(name=name, size=len(content), file_id="1", read=file.read))


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / FOLDER


def test_the_limit_beside_the_field_is_the_servers() -> None:
    assert f"maxUploadSize = {MEGABYTES} " in (ROOT / "app/.streamlit/config.toml").read_text()


@pytest.mark.parametrize(("name", "stored"), NAMES)
def test_a_file_has_a_safe_name_in_a_folder_of_its_own(folder: Path, name: str, stored: str | None) -> None:
    upload = keep(a_file(name, b"some bytes"))
    (place,) = folder.iterdir()
    (path,) = place.iterdir()
    assert path == upload.source
    assert path.read_bytes() == b"some bytes"
    assert path.suffix in (".zip", ".npz")
    assert len(path.name) < 50
    assert stored in (None, path.name)
    upload.remove()


def test_it_is_removed_with_its_visitors_session_and_by_hand(folder: Path) -> None:
    first, second = keep(a_file("a.zip")), keep(a_file("a.zip"))
    assert len(list(folder.iterdir())) == 2
    first.remove()
    assert list(folder.iterdir()) == [second.folder]
    first.remove()
    del second
    gc.collect()
    assert list(folder.iterdir()) == []


def test_the_next_start_removes_what_a_killed_server_has_left(folder: Path) -> None:
    ended = folder / f".a.1-{files._short(processes.host())}-{'0' * 8}-1{files.TEMPORARY}"  # of a process that is gone
    ended.mkdir(parents=True)
    (ended / "a.zip").write_bytes(b"PK")
    own = keep(a_file("b.zip"))
    tidy_once()
    assert list(folder.iterdir()) == [own.folder]


def test_a_full_disk_is_a_sentence_and_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 3))  # type: ignore[attr-defined]
    with pytest.raises(NotWritable, match="too little space"):
        keep(a_file("a.zip"))
    assert list(folder.iterdir()) == []


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.parent.mkdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is a link"):
        keep(a_file("a.zip"))
    assert list((tmp_path / "elsewhere").iterdir()) == []
