"""The examples run: the short version runs the first cells of the notebooks, `make soak` all cells."""

import ast
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cvae_core

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
LESSON = EXAMPLES / "cvae.py"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))
FIRST_CELLS = 2  # the imports and the next cell
# Assertions about a notebook's variables after all its cells have run.
OUTCOMES = {
    "1_sample_complete_score.ipynb": """
assert images.shape == (6, 10, 784) and completions.shape == (4, 8, 784)
assert scores.elbo.mean() < scores.importance_sampling.mean()
""",
    "2_train_your_own.ipynb": """
assert curve[-1][0] == 80
assert curve[-1][3] > 1, "the rate of z"
assert results["my-digits"]["importance"] < results["my-digits"]["elbo"] < 150
""",
    "3_reproduce_the_table.ipynb": """
assert quadrants["run"].notna().any() and len(nats) == 6
assert list(gap) == sorted(gap, reverse=True) and gap.min() > 0, gap
""",
}
EXECUTE = """
import json, sys
from pathlib import Path

cells, found = json.loads(Path(sys.argv[1]).read_text())["cells"], {}
for number, cell in enumerate(cells):
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), found)
exec(sys.argv[2], found)
"""


def cells(name: str) -> list[dict[str, Any]]:
    content: dict[str, Any] = json.loads((EXAMPLES / name).read_text())
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    found: list[dict[str, Any]] = content["cells"]
    return found


def sources(name: str) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(name) if cell["cell_type"] == "code"]


def learned(said: str) -> list[dict[str, float]]:
    """Return the figures that `examples/cvae.py` prints for each model."""
    figures = [re.findall(r"^  (\S.*?) +(\d+\.\d\d)", part, flags=re.MULTILINE) for part in said.split("CVAE, ")[1:]]
    return [{name: float(value) for name, value in part} for part in figures]


@pytest.fixture
def run_lesson(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run `examples/cvae.py` in this process, to avoid another import of torch; return its output."""

    def run(*flags: str) -> str:
        monkeypatch.setattr(sys, "argv", [str(LESSON), *flags])
        runpy.run_path(str(LESSON), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_each_notebook_has_an_outcome_that_is_tested() -> None:
    assert list(OUTCOMES) == NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_without_outputs(name: str) -> None:
    for cell in cells(name):
        assert cell["id"]
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_uses_the_public_interface_only(name: str) -> None:
    for node in ast.walk(ast.parse("\n".join(sources(name)))):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= {"pandas", "torch"}
        if isinstance(node, ast.ImportFrom):
            assert node.module == "cvae_core"
            assert {alias.name for alias in node.names} <= set(cvae_core.__all__)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebooks_first_cells_run(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    for source in sources(name)[:FIRST_CELLS]:
        exec(source, found)
    assert len(found) > FIRST_CELLS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.soak
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runs = shutil.copytree(ROOT / "checkpoints", tmp_path / "runs", ignore=shutil.ignore_patterns(".*", "my-*"))
    monkeypatch.setenv("CVAE_RUNS", str(runs))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as in all tests: two threads of two processes wait for each other
    words = [sys.executable, "-c", EXECUTE, str(EXAMPLES / name), OUTCOMES[name]]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_lesson_stands_alone_in_150_lines() -> None:
    text = LESSON.read_text()
    assert len(text.splitlines()) <= 150
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]  # type: ignore[union-attr]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= {"argparse", "math", "sklearn", "torch"}


def test_the_lesson_prints_the_same_figures_each_time(run_lesson: Callable[..., str]) -> None:
    said = run_lesson("--epochs", "1")
    assert [list(figures) for figures in learned(said)] == 2 * [
        ["mean image", "−ELBO", "importance sampling", "rate (part of −ELBO)"]
    ]
    assert run_lesson("--epochs", "1") == said


@pytest.mark.soak
def test_the_lesson_learns_to_use_z_and_beats_the_mean_image(run_lesson: Callable[..., str]) -> None:
    label, quadrant = learned(run_lesson())
    for figures, gain in ((label, 3.0), (quadrant, 6.0)):
        assert figures["rate (part of −ELBO)"] > 2
        assert figures["importance sampling"] < figures["−ELBO"] < figures["mean image"]
        assert figures["importance sampling"] < figures["mean image"] - gain
