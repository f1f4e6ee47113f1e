"""Data sets of several shapes are used in one process: trained, evaluated, drawn, completed, exported and imported."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvae_core
from cvae_core.cli.main import main
from cvae_core.config.presets import PRESETS
from cvae_core.data import sealed
from cvae_core.errors import ConfigError, DataMissing
from cvae_core.evaluation.results import stored_cells
from cvae_core.jobs import archive
from cvae_core.pictures import export
from cvae_core.runs.run import run_at
from cvae_core.training.loop import STAGE_EPOCHS
from tests import own_data
from tests.conftest import Tiny, Untrained

COLOUR = own_data.description("colour", channels=3, side=16, drawn=False)
LARGE = own_data.description("large", side=20, classes=("a", "b"), train=24, validation=12, test=12)
NAMES = {"colour-label": COLOUR, "large-quadrant-1": LARGE}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny, in_float32: None) -> Iterator[Path]:
    """Return a folder with two data sets, and with a run of each that was trained, evaluated and exported by commands."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CVAE_DATA", str(folder))
        for data in (COLOUR, LARGE):
            sealed.store(own_data.sealed(data))
        patch.setitem(PRESETS["mlp"], "baseline", tiny("baseline", epochs=1))  # type: ignore[arg-type]
        for flavour, data in (("label", COLOUR), ("quadrant", LARGE)):
            config = tiny(flavour, data=data, dataset=data.name, epochs=1, batch_size=8)  # type: ignore[arg-type]
            list(cvae_core.train(config, config.run_name, folder / "runs"))
        for name in NAMES:
            for command in (f"evaluate {name} --images 6 --samples 2", f"export {name} --zip {folder / name}.zip"):
                assert main([*command.split(), "--root", str(folder / "runs")]) == 0
        yield folder


@pytest.fixture
def elsewhere(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a folder of runs on a machine without the data sets, into which both runs were imported."""
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    for name, data in NAMES.items():
        assert main(["import", str(home / f"{name}.zip"), "--root", str(tmp_path / "runs")]) == 0
        said = (
            f"It was trained on the data set '{data.name}' ({data.shape}, {len(data.classes)} classes), which is not on"
        )
        assert said in capsys.readouterr().out
    return tmp_path / "runs"


def test_runs_of_two_shapes_draw_and_complete_in_one_process(home: Path) -> None:
    label, quadrant = (cvae_core.load(name, home / "runs") for name in NAMES)
    assert cvae_core.draw(label, count=2).shape == (2, 3, 768)
    assert torch.equal(cvae_core.draw(label, ["a/b"], 2), cvae_core.draw(label, [1], 2))
    x = cvae_core.load_data("large").test.intensities([0, 1, 2])
    images = cvae_core.complete(quadrant, x, count=4)
    assert images.shape == (4, 3, 400)
    bottom_left = np.indices((20, 20))[0].ravel() >= 10
    bottom_left &= np.indices((20, 20))[1].ravel() < 10
    assert torch.equal(images[..., bottom_left], x[:, bottom_left].expand(4, -1, -1))
    with pytest.raises(ConfigError, match="of shape"):
        cvae_core.complete(quadrant, cvae_core.load_data("colour").test.intensities([0]))
    for picture in (cvae_core.grid(cvae_core.draw(label, count=2)), cvae_core.grid(images, visible="1")):
        assert picture.width > 60


def test_an_imported_run_works_without_its_images_as_far_as_possible(
    home: Path, elsewhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in NAMES.items():
        ours, theirs = run_at(name, home / "runs"), run_at(name, elsewhere)
        assert theirs.card().description == ours.card().description == data
        assert theirs.card().config == ours.card().config
        assert stored_cells(theirs) == stored_cells(ours)
        np.testing.assert_array_equal(theirs.stages()["samples"], ours.stages()["samples"])
        there = f"--root {elsewhere}".split()
        assert main(["export", name, "--stages", f"{tmp_path / name}.gif", *there]) == 0
        assert main(["evaluate", name, *there]) == 2
        told = capsys.readouterr().err
        assert f"The data set {data.name!r} is not on this machine: add the same images with" in told
        with pytest.raises(DataMissing):
            theirs.images()
    assert main(["export", "colour-label", "--grid", f"{tmp_path}/grid.png", *there]) == 0
    assert len(Image.open(tmp_path / "grid.png").convert("RGB").getcolors(2**16) or ()) > 20
    assert main(["list", *there]) == main(["table", *there]) == 0
    told = capsys.readouterr().out
    assert "colour-label" in told and "large-quadrant-1" in told
    images = cvae_core.draw(cvae_core.load("colour-label", elsewhere), ["zwei Wörter"], count=2)
    assert torch.equal(images, cvae_core.draw(cvae_core.load("colour-label", home / "runs"), [2], count=2))
    shutil.copytree(home / "sets", tmp_path / "data" / "sets")
    capsys.readouterr()
    assert main(["evaluate", "colour-label", "--images", "4", *there]) == 0
    assert re.search(r"nats per image \([0-9.]+ bits/dim, S = 100, N = 4 test", capsys.readouterr().out)


def test_it_is_said_which_files_hold_images_of_ones_own_before_they_are_written(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "onnx", lambda _: b"")  # it takes seconds
    there = f"--root {home / 'runs'}".split()
    colour, large = (run_at(name, home / "runs") for name in NAMES)
    assert archive.holds_images(colour) == archive.holds_images(large) == ("stages.npz",)
    said = "These files hold images of the data set '{}', as they are or as the model reconstructs them: {}."
    for run, files in ((colour, ("a.gif", "a.zip (stages.npz)")), (large, ("a.gif", "a.png", "a.zip (stages.npz)"))):
        monkeypatch.chdir(tmp_path)
        written = ["--grid", "a.png", "--stages", "a.gif", "--zip", "a.zip", "--onnx", "a.onnx"]
        assert main(["export", run.name, *written, *there]) == 0
        told = capsys.readouterr()
        assert said.format(run.card().config.dataset, ", ".join(files)) in told.err
    assert main(["export", "large-quadrant-1", "--onnx", "b.onnx", *there]) == 0
    assert not capsys.readouterr().err


def test_a_refused_export_says_the_reason_only(
    tiny: Tiny,
    untrained: Untrained,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = own_data.description("mine")
    run = untrained(tiny("label", data=data, dataset="mine"), "mine", data=data, status="stopped")
    monkeypatch.chdir(tmp_path)
    for words, reason in (("--zip a.zip", "only finished runs"), ("--grid a.png --zip a.gz", "must end in .zip")):
        assert main(["export", "mine", *words.split(), "--root", str(run.folder.parent)]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert reason in line


def test_images_of_public_data_sets_are_not_mentioned(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert archive.holds_images(run_at("digits-label", root)) == ()
    assert main(["export", "digits-label", "--zip", f"{tmp_path}/a.zip", "--root", str(root)]) == 0
    assert not capsys.readouterr().err


def test_the_largest_data_set_fits_into_an_archive(tiny: Tiny, untrained: Untrained, tmp_path: Path) -> None:
    words = tuple(f"{number:03} {'Straße/' * 14}"[:100] for number in range(200))
    data = own_data.description("many", channels=3, side=64, classes=words, train=200, validation=200, test=200)
    run = untrained(tiny("label", data=data, dataset="many", width=8), "many", data=data, epochs=1)
    samples = own_data.trained(run)
    most = (len(STAGE_EPOCHS) + 1) / 2 * (run.folder / "stages.npz").stat().st_size
    assert most < archive.LIMITS[r"stages\.npz"] and (run.folder / "card.json").stat().st_size < 100_000
    (tmp_path / "many.zip").write_bytes(archive.packed(run))
    there = archive.unpack(tmp_path / "many.zip", tmp_path / "elsewhere")
    assert there.card().description == data and there.stages()["samples"].shape == samples.shape
    with pytest.raises(ConfigError, match=r"from the classes '000 .* …, or give their numbers"):
        cvae_core.draw(there.model(), ["200"])
