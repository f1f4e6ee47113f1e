"""Each name of the public interface gives the same results as the rest of the lab, or raises a clear error."""

import inspect
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvae_core
from cvae_core import (
    complete,
    configure,
    draw,
    evaluate,
    find,
    gif,
    grid,
    interface,
    load,
    load_data,
    recipes,
    score,
    table,
    train,
)
from cvae_core.data import intensities
from cvae_core.data.datasets import DataSet
from cvae_core.data.masks import flags
from cvae_core.errors import ConfigError, LabError, RunInUse, RunNotFound
from cvae_core.evaluation import likelihood, results, table_formats
from cvae_core.jobs.session import Finished, Reused
from cvae_core.models.flat import CVAE
from cvae_core.pictures import grid as figures
from cvae_core.training.loop import EpochEnded
from tests.conftest import Tiny, Untrained

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", cvae_core.__all__)
def test_every_name_can_be_imported_and_says_what_it_does(name: str) -> None:
    found = getattr(cvae_core, name)
    assert inspect.getdoc(found)
    assert name in dir(cvae_core)


def test_another_name_is_a_usual_error() -> None:
    with pytest.raises(AttributeError, match="module 'cvae_core' has no attribute 'sample'"):
        _ = cvae_core.sample  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        exec("from cvae_core import sample")


def test_a_star_import_gives_the_interface_and_nothing_else() -> None:
    code = "from cvae_core import *; print(sorted(n for n in globals() if n[0] != '_'))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == str(sorted(cvae_core.__all__))


def test_the_package_says_that_it_is_typed_and_its_wheel_has_the_mark() -> None:
    assert (ROOT / "cvae_core" / "py.typed").exists()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "py.typed" in settings["tool"]["setuptools"]["package-data"]["cvae_core"]


def test_a_run_is_loaded_from_a_root_given_as_text(root: Path) -> None:
    assert isinstance(load("digits-label", str(root)), CVAE)
    with pytest.raises(RunNotFound, match="No run named 'nobody'"):
        load("nobody", root)


def test_samples_are_those_of_the_gallery(root: Path) -> None:
    model = load("digits-label", root)
    images = draw(model, labels=[3, 1], count=4, seed=5)
    assert images.shape == (4, 2, 784)
    assert images.dtype == torch.float32
    expected = recipes.samples(model, [3, 1], 4, seed=5).images
    np.testing.assert_array_equal(intensities.as_bytes(images), expected.transpose(1, 0, 2))
    assert draw(model, count=2).shape == (2, 10, 784)
    assert draw(load("digits-vae", root), count=2).shape == (2, 1, 784)


@pytest.mark.parametrize(
    ("run", "call", "message"),
    [
        ("digits-label", lambda m: draw(m, labels=[10]), r"Labels cannot be \[10\]: .* from 0 to 9"),
        ("digits-label", lambda m: draw(m, labels=[-1]), "Labels cannot be"),
        ("digits-label", lambda m: draw(m, labels=[]), "Labels cannot be"),
        ("digits-label", lambda m: draw(m, labels=[1.5]), "Labels cannot be"),
        ("digits-label", lambda m: draw(m, count=0), "Count cannot be 0"),
        ("digits-vae", lambda m: draw(m, labels=[1]), "is not conditioned on labels"),
        ("digits-quadrant-1", draw, "use complete instead of draw"),
        ("digits-label", lambda m: complete(m, torch.zeros(1, 784)), "use draw instead of complete"),
        ("digits-quadrant-1", lambda m: complete(m, torch.zeros(784)), r"Images cannot be .* of shape \(784,\)"),
        ("digits-quadrant-1", lambda m: complete(m, torch.zeros(1, 784, dtype=torch.uint8)), "torch.uint8"),
        ("digits-quadrant-1", lambda m: complete(m, torch.zeros(1, 784), visible="3"), "bottom left"),
        (
            "digits-quadrant-1",
            lambda m: complete(m, np.zeros((1, 784))),
            "Images cannot be a ndarray: it must be a Tensor",
        ),
        (
            "digits-quadrant-1",
            lambda m: complete(m, torch.zeros(1, 784), visible=1),
            "Visible cannot be 1: it must be text",
        ),
        ("digits-label", lambda m: draw("digits-label"), "Model cannot be 'digits-label': it must be a ConditionalVAE"),
        ("digits-label", lambda m: draw(m, count=1.5), "Count cannot be 1.5: it must be a whole number"),
        ("digits-label", lambda m: evaluate(m, load_data("digits")), "Split cannot be a DataSet: it must be a Split"),
        (
            "digits-label",
            lambda m: score(m, load_data("digits").test, [360]),
            "Rows cannot be .360.: choose",
        ),
        ("digits-label", lambda m: score(m, load_data("digits").test, []), "Rows cannot be empty"),
        ("digits-label", lambda m: grid(255 * torch.ones(2, 784)), "Divide bytes by 255"),
        (
            "digits-label",
            lambda m: grid(torch.zeros(2, 784), scale=0),
            "Scale cannot be 0: it must lie between 1 and 64",
        ),
        (
            "digits-label",
            lambda m: grid(torch.zeros(2, 784), columns=["a"]),
            "Columns cannot be 1 labels: give 2, or none",
        ),
        ("digits-label", lambda m: cvae_core.gif([]), "Frames cannot be empty"),
        ("digits-label", lambda m: cvae_core.find(None), "Name cannot be None: it must be text"),
        ("digits-label", lambda m: cvae_core.table("digits-label"), "Runs cannot be 'digits-label': it must be a list"),
        (
            "digits-label",
            lambda m: cvae_core.configure("label", "MLP"),
            "preset cannot be 'MLP': it must be one of classic",
        ),
        ("digits-label", lambda m: cvae_core.configure("label", latnt=2), "'latnt' = 2 is not a setting of label"),
        ("digits-quadrant-1", lambda m: complete(m, torch.zeros(1, 784), count=-1), "Count cannot be -1"),
    ],
)
def test_impossible_arguments_are_refused_with_a_sentence(
    root: Path, run: str, call: Callable[..., object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        call(load(run, root))


def test_completions_are_those_of_the_gallery_and_keep_what_was_given(root: Path, digits: DataSet) -> None:
    model, images = load("digits-quadrant-1", root), digits.test.intensities(slice(3))
    completed = complete(model, images, count=4, seed=2)
    c = likelihood.held_out(model.config, digits.test, torch.arange(3))[1]
    np.testing.assert_array_equal(intensities.as_bytes(completed), recipes.completed_often(model, c, 4, seed=2))
    hidden = torch.zeros(784, dtype=torch.bool).index_fill(0, model.pixels, True)
    assert torch.equal(completed[:, :, ~hidden], images[:, ~hidden].expand(4, -1, -1))
    assert torch.equal(completed, complete(model, images.masked_fill(hidden, 0.5), count=4, seed=2))
    assert complete(load("digits-baseline-1", root), images, count=2).shape == (2, 3, 784)


def test_a_model_of_any_set_is_told_which_quadrants_are_visible(
    tiny: Tiny, untrained: Untrained, small_baseline: None
) -> None:
    model = untrained(tiny("quadrant", visible="any")).model()
    with pytest.raises(ConfigError, match="say which are visible"):
        complete(model, torch.zeros(1, 784))
    assert complete(model, torch.zeros(1, 784), visible="2").shape == (5, 1, 784)


def test_the_final_cells_are_those_of_the_evaluation(root: Path, digits: DataSet) -> None:
    model = load("digits-label", root)
    cells = evaluate(model, digits.test, samples=3, images=20, seed=1)
    *_, last = likelihood.evaluate(model, digits.test, samples=3, images=20, seed=1)
    assert [(c.estimator, c.mean, c.images) for c in cells] == [(c.estimator, c.mean, 20) for c in last.cells]
    assert evaluate(model, digits.validation, samples=1, images=2, split_name="validation")[0].split == "validation"


def test_the_scores_of_images_are_what_a_cell_is_the_mean_of(root: Path, digits: DataSet) -> None:
    model = load("digits-quadrant-1", root)
    scores = score(model, digits.test, range(120), samples=3, seed=1)
    cells = {cell.estimator: cell.mean for cell in evaluate(model, digits.test, samples=3, images=120, seed=1)}
    assert scores.elbo.shape == (120,)
    assert float(-scores.elbo.mean()) == pytest.approx(cells["elbo"], abs=1e-4)
    assert float(-scores.importance_sampling.mean()) == pytest.approx(cells["importance"], abs=1e-4)
    some = score(model, digits.test, [7, 3], samples=3, seed=1)
    torch.testing.assert_close(some.importance_sampling, scores.importance_sampling[[7, 3]], atol=1e-4, rtol=0)


def test_images_that_cannot_be_scored_are_refused_with_a_sentence(
    root: Path, digits: DataSet, tiny: Tiny, untrained: Untrained
) -> None:
    with pytest.raises(ConfigError, match="no trained recognition network"):
        score(load("digits-baseline-1", root), digits.test)
    with pytest.raises(ConfigError, match="leave out visible"):
        score(load("digits-vae", root), digits.test, visible="1")
    with pytest.raises(ConfigError, match="Samples cannot be 0"):
        score(load("digits-vae", root), digits.test, samples=0)


def test_a_grid_is_the_picture_of_the_figures() -> None:
    images = torch.rand(2, 3, 784, generator=torch.Generator().manual_seed(0))
    picture = grid(images, rows=("a", "b"), caption="twice", visible="1")
    papers = figures.papers(flags("1").expand(2, 3, 4))
    expected = figures.grid(intensities.as_bytes(images), papers=papers, rows=("a", "b"), caption="twice")
    assert isinstance(picture, Image.Image)
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(expected))
    ink = torch.from_numpy(intensities.as_bytes(images[0]))
    np.testing.assert_array_equal(np.asarray(grid(ink)), np.asarray(grid(images[0])))
    with pytest.raises(ConfigError, match=r"Images cannot have the shape \(784,\)"):
        grid(images[0, 0])


def test_a_sheet_of_the_recipes_is_drawn_with_its_own_tints_and_its_columns_as_a_gif(root: Path) -> None:
    run = find("digits-quadrant-1", root)
    sheet = recipes.completion_walks(run.model(), run.images().test, index=1, visible="1", rows=2, steps=3, seed=0)
    expected = figures.grid(sheet.images, papers=sheet.papers, scale=2, rows=("a", "b"), caption="walks")
    picture = grid(sheet, scale=2, rows=("a", "b"), caption="walks")
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(expected))
    frames = figures.columns(*sheet, 1, 2)
    assert len(frames) == 3
    assert gif(sheet, first=1, scale=2) == gif(frames) == figures.gif(frames)


def test_the_table_holds_what_runs_have_stored(root: Path) -> None:
    run = find("digits-label", root)
    cells = evaluate(run.model(), load_data("digits").test, samples=2, images=30)
    results.store(run, cells, run.weights_digest())
    rows = table(["digits-label"], root)
    assert list(rows.columns) == list(table_formats.COLUMNS)
    assert sorted(rows["nats"]) == sorted(cell.mean for cell in cells)
    assert table(root=root).equals(rows)
    (root / "digits-vae" / "card.json").write_text("damaged")
    assert table(root=root).equals(rows)
    with pytest.raises(LabError, match=r"card\.json"):
        table(["digits-vae"], root)


def test_training_reports_epochs_and_ends_with_a_run_that_loads(tiny: Tiny, tmp_path: Path, in_float32: None) -> None:
    config = configure("label", dataset="digits", width=16, depth=1, latent=2, epochs=1)
    reports = list(train(config, root=tmp_path))
    assert [report.epoch for report in reports if isinstance(report, EpochEnded)] == [1]
    assert isinstance(reports[-1], Finished)
    assert load(config.run_name, tmp_path).config == config
    assert isinstance(*train(config, "again", tmp_path), Reused)
    stopped = train(tiny("label"), "mine", tmp_path)
    next(report for report in stopped if isinstance(report, EpochEnded))
    stopped.close()
    with pytest.raises(RunInUse, match="was stopped after 1 epochs"):
        next(train(tiny("label"), "mine", tmp_path))
    assert isinstance(list(train(tiny("label"), "mine", tmp_path, resume=True))[-1], Finished)


def test_the_interface_documents_errors_shapes_and_units() -> None:
    for name in ("find", "load", "train", "evaluate", "score", "draw", "complete", "grid", "table"):
        assert "Raises" in (inspect.getdoc(getattr(interface, name)) or ""), name
