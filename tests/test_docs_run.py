"""README and docs/ are correct: commands parse, quick ones run, recipes run, and tables match the stored results."""

import ast
import importlib.util
import re
import shlex
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from packaging.requirements import Requirement
from PIL import Image

import cvae_core
from benchmarks import docs, machine
from cvae_core import load
from cvae_core.cli import main
from cvae_core.config.flavours import Config
from cvae_core.config.presets import baseline_for
from cvae_core.data import datasets
from cvae_core.data.conditions import quadrants_of
from cvae_core.data.masks import flags
from cvae_core.errors import ImagesRefused, SourceRefused
from cvae_core.evaluation import classifier, sample_quality
from cvae_core.jobs import session
from cvae_core.runs.run import Run
from cvae_core.sources.made import emoji, fonts
from tests.sources import pictures, zipped

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
}
README, NOTEBOOKS = DOCUMENTS["README.md"], DOCUMENTS["docs/notebooks.md"]
COMMAND = re.compile(r"^(?:python -m|torchrun .* -m --) cvae_core ([^#\n]+)", flags=re.MULTILINE)
COMMANDS = {  # those of docs/extending.md need its example: test_extending.py runs them
    name: COMMAND.findall(text) for name, text in DOCUMENTS.items() if name != "docs/extending.md"
}
TINY = {  # flags that make the commands of docs/data.md quick
    "data make": "--images 130 --size 16",
    "train": "--epochs 1 --width 8 --no-embed",
    "evaluate": "--samples 2 --images 4",
}
RECIPES = dict(re.findall(r"^\*\*(\w+)\*\*:[^\n]*\n\n```python\n(.*?)^```", NOTEBOOKS, flags=re.MULTILINE | re.DOTALL))
[EXAMPLE] = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return docs.made()


def test_there_are_commands() -> None:
    assert len(COMMANDS["docs/cli.md"]) >= 24
    assert len(COMMANDS["README.md"]) == 5


@pytest.mark.parametrize(  # some of docs/data.md need the data set that an earlier one makes
    "command", sorted({one for name, found in COMMANDS.items() if name != "docs/data.md" for one in found})
)
def test_every_command_parses(command: str) -> None:
    assert callable(main._parsed(shlex.split(command)))


def test_the_cheap_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cheap = [command for command in COMMANDS["docs/cli.md"] if command.split()[0] in ("table", "export", "list")]
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


@pytest.mark.parametrize("more", ["--epochs 2 --no-embed", pytest.param("", marks=pytest.mark.soak)])
def test_the_five_commands_run(more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "runs"
    shutil.copytree(ROOT / "checkpoints" / "digits-label", root / "digits-label")
    monkeypatch.setenv("CVAE_RUNS", str(root))
    monkeypatch.chdir(tmp_path)
    training, *others = COMMANDS["README.md"]
    for command in (f"{training} {more}", *others):
        assert main.main(shlex.split(command)) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "mine.zip"}


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_the_commands_for_images_of_ones_own_run(full: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"CVAE_DATA": tmp_path / "data", "CVAE_RUNS": tmp_path / "runs"}
    elsewhere = {name: path.with_name(f"other-{path.name}") for name, path in places.items()}
    for name, path in places.items():
        monkeypatch.setenv(name, str(path))
    monkeypatch.chdir(tmp_path)
    zipped(tmp_path / "shapes.zip", pictures({"round": 20, "square": 20}))
    if not full:
        monkeypatch.setattr(classifier, "EPOCHS", 1)
        monkeypatch.setattr(classifier, "LEAST_STEPS", 1)
        monkeypatch.setattr(session, "baseline_for", tiny_baseline)
        monkeypatch.setattr(sample_quality, "PER_LABEL", 10)
        monkeypatch.setattr(sample_quality, "TAUGHT_PER_LABEL", 10)
    for command in COMMANDS["docs/data.md"]:
        words = shlex.split(command)
        tiny = [] if full else next((more for start, more in TINY.items() if command.startswith(start)), "").split()
        if words[:3] == ["data", "make", "emoji"] and not has_emoji():
            assert main.main(words) == 2
        elif words[0] == "import":
            with monkeypatch.context() as other:
                for name, path in elsewhere.items():
                    other.setenv(name, str(path))
                assert main.main(words) == 0
                score = ["evaluate", "glyphs-label", *TINY["evaluate"].split()]
                assert main.main(score) == 2  # its data set is missing
                shutil.copytree(places["CVAE_DATA"] / "sets" / "glyphs", elsewhere["CVAE_DATA"] / "sets" / "glyphs")
                assert main.main(score) == 0
        else:
            assert main.main([*words, *tiny]) == 0, command
        if full and words[0] == "train":
            [trained] = (run for run in ("glyphs-label", "glyphs-quadrant-1") if words[1] in run)
            assert Run(places["CVAE_RUNS"] / trained).card().verdict == "sound"
    left = {path.name for path in (places["CVAE_DATA"] / "sets").iterdir()}
    assert left - {"emoji"} == {"numbers"}
    assert {path.name for path in tmp_path.glob("*.*")} == {"shapes.zip", "report.json", "glyphs-label.zip"}


def tiny_baseline(config: Config) -> Config | None:
    needed = baseline_for(config)
    return needed and replace(needed, epochs=1)


def has_emoji() -> bool:
    try:
        return bool(fonts.coloured(emoji.EXAMPLE))
    except SourceRefused:
        return False


def test_the_sweep_that_is_shown_makes_twelve_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [grid] = re.findall(r"^```\n(flavour = .*?)^```", DOCUMENTS["docs/cli.md"], flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "grid.toml").write_text(grid)
    assert main.main(["sweep", str(tmp_path / "grid.toml"), "--dry-run", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("python -m cvae_core train quadrant") == 12


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_module_that_is_run_exists(document: str) -> None:
    for module in set(re.findall(r"python -m (\w+(?:\.\w+)*)", DOCUMENTS[document])):
        assert importlib.util.find_spec(module), module


@pytest.mark.parametrize("document", docs.TABLES)
def test_the_tables_are_what_the_runs_have_stored(document: str, made: dict[str, str]) -> None:
    text = DOCUMENTS[document]
    for marker in docs.TABLES[document]:
        assert text.count(f"<!-- {marker} -->") == text.count(f"<!-- /{marker} -->") == 1
        assert made[marker] in text
    assert docs.written(text, made) == text


def test_the_shares_in_the_text_are_those_of_the_table(made: dict[str, str]) -> None:
    rows = {
        tuple(row[:2]): row[2:]
        for row in re.findall(r"^\| `(.+)` \| (.+) \| (.+) \| (.+) \|$", made["judged"], re.MULTILINE)
    }
    asked, real = rows["label", "samples of the digit that was asked for"]
    kept = [
        [rows[f"quadrant-{n}{ladder}", "completions that keep the digit: samples"][0] for n in (1, 2, 3)]
        for ladder in ("", "-ladder")
    ]
    lost, of_ladders = ([f"{1 - float(value):.0%}"[:-1] for value in values] for values in kept)
    text = " ".join(DOCUMENTS["docs/results.md"].split())
    for said in (
        f"It reads {100 * float(real):.1f} % of MNIST's test digits correctly",
        f"It reads {100 * float(asked):.0f} % of the samples of `label`",
        f"{lost[0]} % of the samples with one visible quadrant, {lost[1]} % with two, {lost[2]} % with three",
        f"For the ladders these are {of_ladders[0]}, {of_ladders[1]} and {of_ladders[2]} %",
    ):
        assert said in text


def test_every_table_stands_in_one_document(made: dict[str, str]) -> None:
    assert sorted(marker for markers in docs.TABLES.values() for marker in markers) == sorted(made)


def test_pip_can_install_the_lab_with_the_extras_that_it_names() -> None:
    dynamic = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["dynamic"]
    extras = dynamic["optional-dependencies"]
    assert (
        set(",".join(re.findall(r"'\.\[([a-z,]+)\]'", DOCUMENTS["docs/cli.md"])).split(","))
        == set(extras)
        == {"onnx", "tensorboard"}
    )
    for source in (dynamic["dependencies"], *extras.values()):
        for line in (ROOT / source["file"][0]).read_text().splitlines():
            assert line.startswith("#") or "==" in str(Requirement(line))  # pip's own -r is not for setuptools


@pytest.fixture
def cooked(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a recipe as a notebook would; return its variables, and the value of its last line as "shown"."""
    monkeypatch.chdir(tmp_path)
    *lines, last = ast.parse(RECIPES[request.param]).body
    found: dict[str, Any] = {}
    exec(compile(ast.Module(lines, []), request.param, "exec"), found)
    if isinstance(last, ast.Expr):
        found["shown"] = eval(compile(ast.Expression(last.value), request.param, "eval"), found)
    else:
        exec(compile(ast.Module([last], []), request.param, "exec"), found)
    return found


def test_there_are_five_recipes_for_notebooks() -> None:
    assert list(RECIPES) == ["Sample", "Complete", "Score", "Train", "Own"]


@pytest.mark.parametrize("recipe", [EXAMPLE, *(RECIPES[name] for name in RECIPES if name != "Own")])
def test_recipes_use_the_public_interface_only(recipe: str) -> None:
    modules = [node for node in ast.walk(ast.parse(recipe)) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert modules
    for node in modules:
        assert isinstance(node, ast.ImportFrom)
        assert node.module == "cvae_core"
        assert {alias.name for alias in node.names} <= set(cvae_core.__all__)


def test_the_example_of_the_readme_is_short_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len([line for line in EXAMPLE.splitlines() if line]) <= 15
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(EXAMPLE, found)
    assert (found["styles"].shape, found["completions"].shape) == ((8, 10, 784), (5, 10, 784))
    assert {path.name for path in tmp_path.iterdir()} == {"styles.png", "completions.png"}
    assert len(re.findall(r"\d\.\d\d ± \d\.\d\d nats per image", capsys.readouterr().out)) == 4


@pytest.mark.parametrize("cooked", ["Sample"], indirect=True)
def test_the_recipe_for_sampling_shows_eight_styles_of_every_digit(cooked: dict[str, Any]) -> None:
    images = cooked["images"]
    assert images.shape == (8, 10, 784)
    assert not images.requires_grad
    assert bool(((images >= 0) & (images <= 1)).all())
    assert isinstance(cooked["shown"], Image.Image)


@pytest.mark.parametrize("cooked", ["Complete"], indirect=True)
def test_the_recipe_for_completing_keeps_what_was_given(cooked: dict[str, Any]) -> None:
    images, c = cooked["images"], quadrants_of(cooked["x"], flags(cooked["model"].config.visible))
    seen = c.pixels > 0
    assert images.shape == (5, 10, 784)
    assert bool(seen.any(dim=1).all())
    assert torch.equal(images[:, seen], c.pixels[seen].expand(5, -1))
    assert float(images[:, :, load("digits-quadrant-1").pixels].std(0).mean()) > 0.01  # the rest is drawn
    assert isinstance(cooked["shown"], Image.Image)


@pytest.mark.parametrize("cooked", ["Score"], indirect=True)
def test_the_recipe_for_scoring_gives_the_figures_of_the_table(cooked: dict[str, Any]) -> None:
    cells = {cell.estimator: cell for cell in cooked["cells"]}
    assert cooked["nats"].shape == (50,)
    assert float(-cooked["nats"].mean()) == pytest.approx(cells["importance"].mean, abs=1e-3)
    assert float(-cooked["scores"].elbo.mean()) == pytest.approx(cells["elbo"].mean, abs=1e-3)


@pytest.mark.parametrize(("scale", "found"), [("255 * ", "from 0 to 255"), ("1 - 2 * ", "from -1 to 1")])
@pytest.mark.parametrize(
    ("recipe", "place"),
    [("Complete", "complete(model, x"), ("Own", "quadrants_of(x"), ("Own", "from_posterior(model, x")],
)
def test_recipes_take_no_pixels_but_intensities(recipe: str, place: str, scale: str, found: str) -> None:
    given = RECIPES[recipe].replace(place, place.removesuffix("x") + f"{scale}x")
    assert given != RECIPES[recipe]
    with pytest.raises(ImagesRefused, match=f"Intensities cannot range {found}: they must lie between 0 and 1"):
        exec(given, {})


@pytest.mark.parametrize("cooked", ["Train"], indirect=True)
def test_the_recipe_for_training_ends_with_a_model(cooked: dict[str, Any]) -> None:
    assert cooked["report"].card.epochs == cooked["config"].epochs
    assert cooked["model"].config == cooked["config"]


@pytest.mark.parametrize("cooked", ["Own"], indirect=True)
def test_the_recipe_for_images_of_ones_own_gives_a_figure_for_each(cooked: dict[str, Any]) -> None:
    assert cooked["nats"].shape == (50,)
    assert -110 < float(cooked["nats"].mean()) < -90


def test_the_recipes_need_no_images_but_the_embedded_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert not datasets.on_disk("mnist")
    for recipe in RECIPES.values():
        exec(recipe, {})


def test_a_measurement_says_what_share_of_the_processor_others_had_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "STAT", tmp_path / "stat")
    assert machine.machine(machine.ticks())["stolen"] == 0  # if /proc/stat is missing
    (tmp_path / "stat").write_text("cpu  10 20 30 40 50 60 70 80 90 100\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
    begun = machine.ticks()
    (tmp_path / "stat").write_text("cpu  40 20 30 60 50 60 70 130 90 100\n")
    found = machine.machine(begun)
    assert found["stolen"] == 0.5
    assert machine.measured_on(found, ", all of them").endswith(
        " cores, all of them. The host of this virtual machine gave 50% of its time to other machines meanwhile."
    )
