"""The imports in the README of version 0.1 still work, with a warning that names the new import."""

import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cvae_core.system.former_names import PLACES

ROOT = Path(__file__).resolve().parents[3]
# The recipes of that README, each line with the former names that it uses.
RECIPES: dict[str, list[tuple[str, list[str]]]] = {
    "sample": [
        ("import torch", []),
        ("from cvae_core import figures, load, noise", ["figures", "noise"]),
        ("from cvae_core.models import completed, labelled", ["models.completed", "models.labelled"]),
        ("model = load('digits-label')", []),
        ("c = labelled(torch.arange(10))", []),
        ("epsilon = noise.normal((8, 1, model.latent), seed=7)", ["noise.normal"]),
        ("images = completed(model.likelihood(model.draw(c, epsilon), c), c)", []),
        ("shown = figures.grid(figures.as_bytes(images))", ["figures.grid", "figures.as_bytes"]),
    ],
    "complete": [
        ("import torch", []),
        ("from cvae_core import data, figures, load, noise", ["figures", "noise"]),
        ("from cvae_core.models import completed, quadrants_of", ["models.completed", "models.quadrants_of"]),
        ("from cvae_core.quadrants import flags", ["quadrants.flags"]),
        ("model = load('digits-quadrant-1')", []),
        ("x = data.load('digits').test.intensities(torch.arange(10))", ["data.load"]),
        ("c = quadrants_of(x, flags(model.config.visible))", []),
        ("epsilon = noise.normal((5, 1, model.latent), seed=7)", ["noise.normal"]),
        ("images = completed(model.likelihood(model.draw(c, epsilon), c), c)", []),
        (
            "shown = figures.grid(figures.as_bytes(images), papers=figures.papers(c.visible)[None].repeat(5, axis=0))",
            ["figures.grid", "figures.as_bytes", "figures.papers"],
        ),
    ],
    "score": [
        ("import torch", []),
        ("from cvae_core import data, load, noise", ["noise"]),
        ("from cvae_core.evaluation import evaluate", ["evaluation.evaluate"]),
        ("from cvae_core.examples import held_out", ["examples.held_out"]),
        ("from cvae_core.objectives import from_posterior", ["objectives.from_posterior"]),
        ("model, test = load('digits-quadrant-1'), data.load('digits').test", ["data.load"]),
        ("rows = torch.arange(50)", []),
        ("x, c = held_out(model.config, test, rows)", []),
        ("epsilon = noise.per_image(rows, 100, model.latent, 0, 'evaluation', 'posterior')", ["noise.per_image"]),
        ("scores = from_posterior(model, x, c, epsilon)", []),
        ("*_, scored = evaluate(model, test, samples=100, images=50)", []),
        ("shown = scores.importance_sampling, scored.cells", []),
    ],
}  # fmt: skip


def cooked(name: str) -> tuple[dict[str, Any], set[tuple[str, int, str]]]:
    """Run a recipe; return its variables and the file, line and text of its warnings."""
    found: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile("\n".join(line for line, _ in RECIPES[name]), name, "exec"), found)
    assert all(issubclass(each.category, DeprecationWarning) for each in caught)
    return found, {(each.filename, each.lineno, str(each.message)) for each in caught}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_of_the_former_readme_runs_and_each_former_name_is_warned_of_where_it_stands(name: str) -> None:
    found, said = cooked(name)
    assert said == {
        (name, number, f"{old} is deprecated and will be removed in the next version: use {PLACES[old]}.")
        for number, (_, names) in enumerate(RECIPES[name], 1)
        for old in (f"cvae_core.{each}" for each in names)
    }
    if name != "score":
        assert found["images"].shape[1:] == (10, 784)
        assert found["shown"].width > 280
    else:
        nats, cells = found["shown"]
        (cell,) = (cell for cell in cells if cell.estimator == "importance")
        assert float(-nats.mean()) == pytest.approx(cell.mean, abs=1e-3)


def test_no_former_name_is_left_out_of_the_recipes() -> None:
    used = {f"cvae_core.{old}" for lines in RECIPES.values() for _, names in lines for old in names}
    assert used == {old for old in PLACES if old.startswith("cvae_core.")}


@pytest.mark.parametrize("old", [old for old in PLACES if old.startswith("app.")])
def test_a_former_module_of_the_app_is_found_by_code_that_was_copied_from_a_page(old: str) -> None:
    package, _, name = old.rpartition(".")
    with pytest.warns(DeprecationWarning, match=PLACES[old]):
        assert getattr(import_module(package), name) is import_module(PLACES[old])


def test_a_module_that_moved_has_no_other_names_and_is_imported_without_torch() -> None:
    from cvae_core import quadrants

    with pytest.raises(AttributeError, match=r"module 'cvae_core\.quadrants' has no attribute 'mask'"):
        _ = quadrants.mask
    with pytest.raises(ImportError):
        exec("from cvae_core.models import sampled")
    import cvae_core

    assert cvae_core.quadrants is quadrants  # as after `import cvae_core.quadrants`
    code = "import sys, cvae_core.examples; from cvae_core import data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT).returncode == 0
