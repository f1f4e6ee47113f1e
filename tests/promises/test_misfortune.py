"""If the machine lacks something, the error is one sentence, nothing is lost, and everything else works."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from cvae_core.cli import main
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.data import datasets, download
from cvae_core.data.raw_files import SHAPES
from cvae_core.evaluation import classifier, latent_space, likelihood, sample_quality
from cvae_core.evaluation.classifier import Classifier, store_classifier
from cvae_core.evaluation.results import stored_cells
from cvae_core.jobs import archive, control, heartbeat
from cvae_core.jobs.queue import look, turn
from cvae_core.runs.run import find
from cvae_core.system import files
from tests.jobs import a_job
from tests.measuring import Measured
from tests.misfortune import UNWRITABLE, full_disk

pytestmark = pytest.mark.promise
WRITING = [
    "evaluate digits-label --images 20 --samples 2", "embed digits-label --method pca --points 60", "judge digits-label",
    "export digits-label --grid a.png", "export digits-label --zip b.zip", "import theirs.zip --run theirs",
    "export digits-label --tensorboard logs",
    "annotate digits-label note", "classifier digits",
    "train label --dataset digits --width 8 --epochs 1 --run digits-label --force",
    "table --out t.md", "train label --dataset digits --width 16 --depth 1 --latent 2 --epochs 1 --run new",
]  # fmt: skip
MOVING = ["rename digits-label mine", "discard digits-quadrant-1", "restore digits-baseline-1"]
READING = ["list", "table", "queue"]


@pytest.fixture
def said(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str]]:
    """Return a function that runs a command with a folder of runs, a scored run and an archive; it returns code and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CVAE_RUNS", str(root))
    (tmp_path / "theirs.zip").write_bytes(archive.packed(find("digits-vae", root)))

    def command(line: str) -> tuple[int, str]:
        code = main.main(line.split())
        return code, capsys.readouterr().err

    assert command("evaluate digits-vae --images 20 --samples 2")[0] == 0
    command("queue")
    return command


def content(folder: Path) -> dict[str, str]:
    return {
        str(path): files.digest(path.read_bytes())
        for path in folder.rglob("*") if path.is_file() and path.parent.name != ".queue" and path.name != ".lock"
    }  # fmt: skip


@pytest.mark.parametrize("misfortune", UNWRITABLE)
def test_where_nothing_can_be_written_each_command_says_so_and_nothing_is_lost(
    misfortune: str, said: Callable[[str], tuple[int, str]], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    measured: Measured,
) -> None:  # fmt: skip
    store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), root)
    assert said("discard digits-baseline-1")[0] == 0
    before, words = content(tmp_path), UNWRITABLE[misfortune](monkeypatch)
    refused = WRITING if misfortune == "full disk" else [*WRITING, *MOVING]  # moving a file needs no space
    for line in refused:
        code, complaint = said(line)
        assert code == 2, line
        assert complaint.count("\n") == 1, (line, complaint)
        assert re.search(rf"(could not|cannot) be written \({words}\)", complaint), (line, complaint)
    for line in READING:
        assert said(line) == (0, ""), line
    assert content(tmp_path) == before
    assert not (root / "new" / "card.json").exists()
    if misfortune == "full disk":
        for line in MOVING:
            assert said(line) == (0, ""), line
        assert sorted(content(tmp_path).values()) == sorted(before.values())
    measured("misfortune", commands_tried=len(WRITING) + len(MOVING) + len(READING), files_lost=0)


WORK = {
    "evaluate digits-label": (likelihood, "evaluate"),
    "embed digits-label": (latent_space, "embed"),
    "judge digits-label": (sample_quality, "judge"),
    "classifier digits": (classifier, "learn"),
}


@pytest.mark.parametrize("line", WORK)
def test_nothing_is_computed_if_its_result_cannot_be_stored(
    line: str, said: Callable[[str], tuple[int, str]], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), root)

    def begun(*_: object, **__: object) -> NoReturn:
        pytest.fail("computed although the result could not be stored")

    monkeypatch.setattr(*WORK[line], begun)
    full_disk(monkeypatch)
    assert "could not be written" in said(line)[1]


@pytest.mark.parametrize("half", [False, True], ids=["no MNIST", "half-downloaded MNIST"])
def test_without_mnist_commands_that_need_it_say_so_and_the_others_work(
    half: bool, said: Callable[[str], tuple[int, str]], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    measured: Measured,
) -> None:  # fmt: skip
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    if half:
        for name in SHAPES:
            files.write(tmp_path / "data" / "MNIST" / "raw" / name, b"\0\0\x08\x03" + bytes(5000))

    def unreachable(*_: object) -> NoReturn:
        raise ConnectionError("the network is unreachable")

    monkeypatch.setattr(download, "download", unreachable)
    before = content(tmp_path)
    for line in ("train label --run new", "download mnist", "classifier mnist"):
        code, complaint = said(line)
        assert code == 2, line
        sentences = [
            text for text in complaint.splitlines() if not text.startswith("mnist is not on this machine: down")
        ]
        assert len(sentences) == 1, complaint
        assert ("ubyte" if half else "Check the internet connection") in complaint
    assert content(tmp_path) == before
    for line in ("evaluate digits-label --images 20 --samples 2", "export digits-label --grid a.png", *READING):
        assert said(line)[0] == 0, line
    measured("misfortune", commands_tried=5 + len(READING), files_lost=0)


def test_a_clock_that_is_set_back_loses_nothing(
    said: Callable[[str], tuple[int, str]], root: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    run, now = find("digits-label", root), time.time
    assert said("evaluate digits-label --images 20 --samples 2")[0] == 0
    monkeypatch.setattr(time, "time", lambda: now() - 10 * 365 * 86_400)
    assert said("evaluate digits-label --images 20 --samples 3")[0] == 0
    os.utime(run.folder / "cll.json", (0, 0))  # as if it was written long before it was read
    assert {cell.samples for cell in stored_cells(run)} == {0, 2, 3}
    with heartbeat.beating(run.folder) as beat, turn(root, a_job("digits-label")):
        beat(heartbeat.Progress())
        found = heartbeat.read(run.folder)
        assert found is not None
        assert found.silent < heartbeat.STALLED_AFTER
        training = look(root).training
        assert training is not None
        assert training.run == "digits-label"
    assert control.state_of(root, "digits-label").state == "finished"
    for line in READING:
        assert said(line)[0] == 0, line
    measured("misfortune", commands_tried=2 + len(READING), files_lost=0)
