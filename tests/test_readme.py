"""The README tells the truth: its commands parse, the cheap ones run, its table is what the runs have stored."""

import ast
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from PIL import Image

from benchmarks import machine, readme
from cvae_core import load
from cvae_core.cli import main
from cvae_core.data import datasets
from cvae_core.errors import ImagesRefused

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^python -m cvae_core ([^#\n]+)", README, flags=re.MULTILINE)
RECIPES = dict(re.findall(r"^\*\*(\w+)\*\*:[^\n]*\n\n```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL))


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_parses(command: str) -> None:
    assert callable(main._parsed(shlex.split(command)))


def test_the_cheap_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cheap = [command for command in COMMANDS if command.split()[0] in ("table", "export", "list")]
    assert len(cheap) == 5
    for command in cheap:
        assert main.main(shlex.split(command)) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "table.tex",
        "grid.png",
        "stages.gif",
        "label.zip",
        "label.onnx",
        "logs",
    }


def test_the_tables_are_what_the_runs_have_stored() -> None:
    assert README.count("<!-- table -->") == README.count("<!-- /table -->") == 1
    assert readme.written(README) == README


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_make_has_the_targets_that_it_names() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`make (\w+)`", README)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_pip_can_install_the_lab_with_the_extras_that_it_names() -> None:
    dynamic = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["dynamic"]
    extras = dynamic["optional-dependencies"]
    assert set(",".join(re.findall(r"'\.\[([a-z,]+)\]'", README)).split(",")) == set(extras) == {"onnx", "tensorboard"}
    for source in (dynamic["dependencies"], *extras.values()):
        for line in (ROOT / source["file"][0]).read_text().splitlines():
            assert line.startswith("#") or "==" in str(Requirement(line))  # pip's own -r is not for setuptools


@pytest.fixture
def cooked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Run a recipe as a notebook would; return its variables, with what its last line shows."""
    *lines, last = ast.parse(RECIPES[request.param]).body
    found: dict[str, Any] = {}
    exec(compile(ast.Module(lines, []), request.param, "exec"), found)
    if isinstance(last, ast.Expr):
        found["shown"] = eval(compile(ast.Expression(last.value), request.param, "eval"), found)
    else:
        exec(compile(ast.Module([last], []), request.param, "exec"), found)
    return found


def test_there_are_three_recipes_for_notebooks() -> None:
    assert list(RECIPES) == ["Sample", "Complete", "Score"]


@pytest.mark.parametrize("cooked", ["Sample"], indirect=True)
def test_the_recipe_for_sampling_shows_eight_styles_of_every_digit(cooked: dict[str, Any]) -> None:
    images = cooked["images"]
    assert images.shape == (8, 10, 784)
    assert not images.requires_grad
    assert bool(((images >= 0) & (images <= 1)).all())
    assert isinstance(cooked["shown"], Image.Image)


@pytest.mark.parametrize("cooked", ["Complete"], indirect=True)
def test_the_recipe_for_completing_keeps_what_was_given(cooked: dict[str, Any]) -> None:
    images, c = cooked["images"], cooked["c"]
    seen = c.pixels > 0
    assert images.shape == (5, 10, 784)
    assert bool(seen.any(dim=1).all())
    assert torch.equal(images[:, seen], c.pixels[seen].expand(5, -1))
    assert float(images[:, :, load("digits-quadrant-1").pixels].std(0).mean()) > 0.01  # the rest is drawn
    assert isinstance(cooked["shown"], Image.Image)


@pytest.mark.parametrize("cooked", ["Score"], indirect=True)
def test_the_recipe_for_scoring_gives_the_figures_of_the_table(cooked: dict[str, Any]) -> None:
    cells = {cell.estimator: cell for cell in cooked["scored"].cells}
    assert cooked["nats"].shape == (50,)
    assert float(-cooked["nats"].mean()) == pytest.approx(cells["importance"].mean, abs=1e-3)
    assert float(-cooked["scores"].elbo.mean()) == pytest.approx(cells["elbo"].mean, abs=1e-3)


@pytest.mark.parametrize(("scale", "found"), [("255 * ", "from 0 to 255"), ("1 - 2 * ", "from -1 to 1")])
@pytest.mark.parametrize(("recipe", "place"), [("Complete", "quadrants_of(x"), ("Score", "from_posterior(model, x")])
def test_recipes_take_no_pixels_but_intensities(recipe: str, place: str, scale: str, found: str) -> None:
    given = RECIPES[recipe].replace(place, place.removesuffix("x") + f"{scale}x")
    assert given != RECIPES[recipe]
    with pytest.raises(ImagesRefused, match=f"Intensities cannot range {found}: they lie between 0 and 1"):
        exec(given, {})


def test_the_recipes_need_no_images_but_the_embedded_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path))
    assert not datasets.on_disk("mnist")
    for recipe in RECIPES.values():
        exec(recipe, {})


def test_a_measurement_says_what_share_of_the_processor_others_had_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "STAT", tmp_path / "stat")
    assert machine.machine(machine.ticks())["stolen"] == 0  # where nobody says
    (tmp_path / "stat").write_text("cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
    begun = machine.ticks()
    (tmp_path / "stat").write_text("cpu  40 20 30 60 50 60 70 130 90 100\n")
    found = machine.machine(begun)
    assert found["stolen"] == 0.5
    assert machine.measured_on(found, ", all of them").endswith(
        " cores, all of them. The host of this virtual machine gave 50% of its time to others meanwhile."
    )
