"""The example in docs/extending.md works without changes, and adds a flavour in five files at most."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIFFS = re.findall(r"^```diff\n(.+?)^```", (ROOT / "docs" / "extending.md").read_text(), flags=re.DOTALL | re.MULTILINE)
RUN = "digits-ink"
TINY = "--width 16 --depth 1 --latent 2 --warm-up 0 --epochs 1"
LADDER = "train ink --preset ladder --dataset digits --width 8 --depth 1 --latent 1 --groups 1 --warm-up 0 --epochs 1"
USE = f"""
from cvae_core.cli.main import main
for command in (
    "train ink --dataset digits {TINY} --no-embed",
    "evaluate {RUN} --images 8 --samples 2",
    "export {RUN} --grid ink.png --stages ink.gif",
    "{LADDER} --no-embed",
    "table",
):
    assert main([*command.split(), "--root", "runs"]) == 0, command
from cvae_core import complete, load, load_data
from cvae_core.config.model_names import model_name
model = load({RUN!r}, "runs")
few, much = (complete(model, images[None], count=1) for images in (model.pixels * 0.0, model.pixels * 0.0 + 1.0))
assert model_name(model.config) == "CVAE, ink, 2 latents, digits"
assert load("digits-ink-ladder", "runs").config.given == model.config.given == ("ink",)
assert few.shape == (1, 1, 784) and not few.equal(much)
"""


def test_an_example_changes_five_files_at_most() -> None:
    changed = [re.findall(r"^\+\+\+ b/(\S+)$", diff, flags=re.MULTILINE) for diff in DIFFS]
    assert all(len(files) == 1 for files in changed)
    assert 1 <= len({file for files in changed for file in files}) <= 5


def test_the_example_of_a_flavour_trains_evaluates_and_loads(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "cvae_core", tmp_path / "cvae_core", ignore=shutil.ignore_patterns("__pycache__"))
    for diff in DIFFS:
        applied = subprocess.run(
            ["git", "apply", "-"], input=diff, text=True, cwd=tmp_path, capture_output=True, check=False,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
        )  # fmt: skip
        assert applied.returncode == 0, f"{applied.stderr}\n{diff}"
    done = subprocess.run(
        [sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "runs" / RUN / "card.json").read_text())["config"]["flavour"] == "ink"
    assert (tmp_path / "ink.png").stat().st_size and (tmp_path / "ink.gif").stat().st_size
    assert "| CVAE, ink, 2 latents" in done.stdout
