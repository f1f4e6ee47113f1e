"""A name from any source leads to a folder of runs or is refused; nothing is read or written elsewhere."""

import io
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from cvae_core.cli import main
from cvae_core.errors import ArchiveRefused, ConfigError, RunInUse
from cvae_core.jobs import archive as archives
from cvae_core.jobs.archive import unpack
from cvae_core.runs.run import find, run_at
from cvae_core.system.folders import NAME, folder_of
from tests.measuring import Measured
from tests.promises.hostile import NAMES, any_name

CASES = [40, pytest.param(1000, marks=pytest.mark.soak)]


def everything(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_size for path in folder.rglob("*")}


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    before = everything(folder)
    yield
    assert everything(folder) == before


def quietly(count: int) -> settings:
    return settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def test_there_are_many_hostile_names() -> None:
    assert len(set(NAMES)) >= 60
    assert not [name for name in NAMES if NAME.fullmatch(name)]


@pytest.mark.parametrize("count", CASES)
def test_no_name_leaves_the_root(count: int, tmp_path: Path, measured: Measured) -> None:
    tried = list(NAMES)

    @quietly(count)
    @given(any_name)
    def refuses(name: str) -> None:
        tried.append(name)

    refuses()
    for name in tried:
        for function in (folder_of, run_at, find):
            with pytest.raises(ConfigError, match="A run cannot be called"):
                function(name, tmp_path)
    measured("names", by_name=len(tried))


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.soak)])
def test_the_command_line_refuses_every_hostile_name(
    every: int,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    measured: Measured,
) -> None:
    monkeypatch.chdir(tmp_path)
    (root / ".queue").mkdir()
    (root / ".queue" / "lock").touch()  # left by entering the queue
    archive = tmp_path / "a.zip"
    archive.write_bytes(archives.packed(find("digits-vae", root)))
    commands = [
        "evaluate {}", "judge {}", "embed {}", "export {} --grid a.png", "stop {}", "table {}", "queue --cancel {}",
        "train label --dataset digits --run {}", "import a.zip --run {}",
    ]  # fmt: skip
    names = NAMES[::every]
    with untouched(tmp_path):
        for name in names:
            for command in commands:
                line = [name if word == "{}" else word for word in command.split()]
                assert main.main([*line, "--root", str(root)]) == 2, line
                assert "Traceback" not in capsys.readouterr().err
    measured("names", on_the_command_line=len(names))


@pytest.mark.parametrize("count", CASES)
def test_no_name_in_an_archive_leaves_the_root(count: int, root: Path, tmp_path: Path, measured: Measured) -> None:
    good = zipfile.ZipFile(io.BytesIO(archives.packed(find("digits-vae", root))))
    contents = {name: good.read(name) for name in good.namelist()}
    archive, tried = tmp_path / "a.zip", 0
    (tmp_path / "new").mkdir()

    def refused(name: str) -> None:
        nonlocal tried
        tried += 1
        for rename in (lambda path: path.replace("digits-vae", name, 1), lambda _: name):
            with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(archive, "w") as packed:  # of equal names
                for path, content in contents.items():
                    info = zipfile.ZipInfo("x")
                    info.filename = rename(path) or "x"
                    packed.writestr(info, content)
            with pytest.raises((ArchiveRefused, ConfigError, RunInUse)):
                unpack(archive, tmp_path / "new", name)
            assert not any((tmp_path / "new").iterdir())
            with suppress(ArchiveRefused):  # a folder that people might call so gives a name that can be
                run = unpack(archive, tmp_path / "new")
                assert run.folder.parent == tmp_path / "new"
                assert NAME.fullmatch(run.name)
                assert {path.name for path in (tmp_path / "new").iterdir()} <= {run.name, ".queue"}
                shutil.rmtree(run.folder)
                shutil.rmtree(tmp_path / "new" / ".queue")

    before = everything(tmp_path)
    quietly(count)(given(any_name)(refused))()
    for name in NAMES:
        refused(name)
    archive.unlink()
    assert everything(tmp_path) == before
    measured("names", in_archives=tried)
