"""Train, score and seal the pretrained runs: `make checkpoints`.

Runs that are there already are left alone; remove a run's folder to train it anew. Each sealed run is read-only from
then on, and checkpoints/README.md is written from their cards and cells.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from cvae_core import cli
from cvae_core.classifier import classifier_path
from cvae_core.config import train_command
from cvae_core.data import load
from cvae_core.evaluation import stored_cells
from cvae_core.runs import default_root, find, readable, run_at

# What the pages open, in the order in which later runs need earlier ones. A thousand embedded digits or two latents do
# not feed wide networks; with more visible, less is left to learn and the schedule must end before overfitting begins.
DIGITS = "--dataset digits --width 128 --epochs 150 --batch-size 64"
RUNS = {
    "digits-label": f"label {DIGITS}",
    "digits-baseline-1": "baseline --dataset digits",
    "digits-quadrant-1": f"quadrant {DIGITS} --latent 16",
    "baseline-1": "baseline --visible 1",
    "quadrant-1": "quadrant --visible 1",
    "label": "label",
    "baseline-2": "baseline --visible 2",
    "quadrant-2": "quadrant --visible 2 --epochs 30",
    "baseline-3": "baseline --visible 3",
    "quadrant-3": "quadrant --visible 3 --width 256 --epochs 30",
    "vae": "vae",
    "label-2d": "label --latent 2 --width 256",
    "quadrant-1-ladder": "quadrant --visible 1 --preset ladder",
    "quadrant-2-ladder": "quadrant --visible 2 --preset ladder --epochs 30",
}
# Rows of the table that no page opens: only their cards and cells are committed.
SCORED: dict[str, str] = {}
CURVES: tuple[str, ...] = ()  # how their estimates settle is shown
JUDGED: tuple[str, ...] = ()  # their digits are judged by the classifier
FIRST_IMAGES = 1000  # scored with ten times the draws
HEAD = """# The pretrained runs

Trained by `make checkpoints`, which runs these commands one after another and scores each run on the whole test set.
A run is read-only: what you find out about it goes to `.cache/` beside it, and your own runs get names of their own.
Nats per image, lower is better; −ELBO and importance sampling with S = 100 draws, mean ± standard error over the test
images; a baseline's figure is its cross-entropy. Times are of training, on the device that the run's card names.

| run | command | minutes | −ELBO | importance sampling | weights |
| --- | --- | --- | --- | --- | --- |
"""


def main() -> int:
    """Make what is missing, then write the README."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=default_root(), help="folder of runs")
    parser.add_argument("--only", nargs="*", default=[*RUNS, *SCORED], help="names of the runs to make")
    arguments = parser.parse_args()
    for name in arguments.only:
        if not is_sealed(name, arguments.root):
            make(name, arguments.root)
    (arguments.root / "README.md").write_text(
        HEAD + "".join(row(name, arguments.root) for name in sealed(arguments.root))
    )
    return 0


def make(name: str, root: Path) -> None:
    place = ["--root", str(root)]
    resumable = ["--resume"] if run_at(name, root).state_file.exists() else []
    command(["train", *(RUNS | SCORED)[name].split(), "--run", name, *resumable, *place])
    run = find(name, root)
    images = min(FIRST_IMAGES, len(load(run.card().config.dataset).test))
    for score in ("--samples 100", f"--samples 1000 --images {images}"):
        command(["evaluate", name, *score.split(), *place])
    if name in CURVES:
        command(["evaluate", name, "--curve", *place])
    if name in JUDGED:
        if not classifier_path("mnist", root).exists():
            command(["classifier", "mnist", *place])
        command(["judge", name, *place])
    run.write_card(replace(run.card(), read_only=True))


def command(words: list[str]) -> None:
    print("$ python -m cvae_core", *words, flush=True)
    if code := cli.main(words):
        sys.exit(code)


def is_sealed(name: str, root: Path) -> bool:
    return run_at(name, root).exists() and find(name, root).card().read_only


def sealed(root: Path) -> list[str]:
    return sorted(name for name, card in readable(root)[0].items() if card.read_only)


def row(name: str, root: Path) -> str:
    run = find(name, root)
    card = run.card()
    cells = {cell.estimator: cell for cell in stored_cells(run) if cell.split == "test" and cell.samples in (0, 100)}
    said = {kind: f"{cell.mean:.2f} ± {cell.standard_error:.2f}" for kind, cell in cells.items()}
    bound = said.get("elbo") or said.get("baseline", "–")
    size = "not shipped"
    if name in RUNS and card.weights:
        size = f"{(run.folder / card.weights.file).stat().st_size / 1e6:.1f} MB"
    minutes = card.seconds / 60
    return (
        f"| `{name}` | `{train_command(card.config, name)}` | {minutes:.1f} | {bound} | {said.get('importance', '–')} | "
        f"{size} |\n"
    )


if __name__ == "__main__":
    sys.exit(main())
