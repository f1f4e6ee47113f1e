"""Train and score the pretrained runs, and make them read-only: `make checkpoints`.

Existing runs and results are skipped: delete a run's folder to train it again, or an entry of its results to score it again.
checkpoints/README.md is written from the cards and results of the runs.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cvae_core.cli import main as cli
from cvae_core.config.command import train_command
from cvae_core.config.quadrant_names import BRUSH, PROTOCOL, SCATTERED
from cvae_core.data.datasets import load
from cvae_core.evaluation.classifier import classifier_path
from cvae_core.evaluation.results import CURVE, RESULTS, Cell, Estimator, stored_cells
from cvae_core.evaluation.sample_quality import OF_PARTS, stored_judgement
from cvae_core.runs.card import Card
from cvae_core.runs.run import Run, default_root, find, readable, run_at
from cvae_core.training import verdicts
from cvae_core.training.validation import trivial

# Runs that pages open, each after the runs that it needs. With two latents, wide networks gain nothing. With more visible
# quadrants there is less to learn, so fewer epochs avoid overfitting.
RUNS = {
    "digits-label": "label --dataset digits --shifts 0 --warm-up 5",
    "digits-baseline-1": "baseline --dataset digits",
    "digits-quadrant-1": "quadrant --dataset digits --latent 16",
    "digits-label-quadrant-1": "label+quadrant --dataset digits --latent 16",
    "digits-baseline-brush": "baseline --visible brush --dataset digits",
    "digits-quadrant-brush": "quadrant --visible brush --dataset digits --latent 16",
    "baseline-1": "baseline --visible 1",
    "quadrant-1": "quadrant --visible 1",
    "label": "label",
    "baseline-2": "baseline --visible 2",
    "quadrant-2": "quadrant --visible 2 --epochs 30",
    "baseline-3": "baseline --visible 3",
    "quadrant-3": "quadrant --visible 3 --width 256 --epochs 30",
    "vae": "vae",
    "label-2d": "label --latent 2 --width 256",
    "baseline-any": "baseline --visible any",
    "quadrant-any": "quadrant --visible any --epochs 60",
    "label-quadrant-1": "label+quadrant --visible 1",
    "label-quadrant-any": "label+quadrant --visible any",
    # With few stages (`SPARSE`), the two runs have less than 3 MB. `benchmarks.letters` makes their data set.
    "letters-label": "label --dataset letters",
    "letters-label-discretised-logistic": "label --dataset letters --likelihood discretised-logistic",
    "quadrant-1-ladder": "quadrant --visible 1 --preset ladder",
    "quadrant-2-ladder": "quadrant --visible 2 --preset ladder --epochs 30",
    "quadrant-3-ladder": "quadrant --visible 3 --preset ladder --epochs 20",
    "label-ladder": "label --preset ladder --pixels binarised --shifts 0 --epochs 20",
    # The effect of β with small networks: from nearly an autoencoder (0.1) over the ELBO (1) to a loss that averages over
    # the 784 pixels but sums over z (784).
    **{
        f"label-beta-{beta}": f"label --width 128 --epochs 20 --beta {beta}" for beta in ("0.1", "0.4", "1", "4", "784")
    },
}
# Runs with rows in the table that no page opens: only their cards and results are committed.
SCORED = {
    **{f"quadrant-1-seed-{seed}": f"quadrant --visible 1 --seed {seed}" for seed in (1, 2)},
    **{f"quadrant-2-seed-{seed}": f"quadrant --visible 2 --epochs 30 --seed {seed}" for seed in (1, 2)},
    **{f"quadrant-3-seed-{seed}": f"quadrant --visible 3 --width 256 --epochs 30 --seed {seed}" for seed in (1, 2)},
    "label-quadrant-2": "label+quadrant --visible 2 --epochs 30",
    "label-quadrant-3": "label+quadrant --visible 3 --width 256 --epochs 30",
    "quadrant-brush": "quadrant --visible brush --epochs 60",
    "quadrant-1-gsnn": "quadrant --visible 1 --alpha 0",
    "quadrant-1-hybrid": "quadrant --visible 1 --alpha 0.5",
    "quadrant-1-iwae": "quadrant --visible 1 --draws 5",
    "quadrant-1-binarised": "quadrant --visible 1 --pixels binarised",  # also trains its baseline, which is scored next
    "baseline-1-binarised": "baseline --visible 1 --pixels binarised",
    "quadrant-2-binarised": "quadrant --visible 2 --pixels binarised --epochs 30",
    "baseline-2-binarised": "baseline --visible 2 --pixels binarised",
    "quadrant-3-binarised": "quadrant --visible 3 --pixels binarised --width 256 --epochs 30",
    "baseline-3-binarised": "baseline --visible 3 --pixels binarised",
    "vae-binarised": "vae --pixels binarised --latent 32",
    "label-binarised": "label --pixels binarised --latent 32 --prior learned",
}
ILLUSTRATIONS = tuple(name for name in RUNS if "beta" in name)  # of β: no map, no row in docs/results.md
SPARSE = ("letters-label", "letters-label-discretised-logistic")
KEPT = (0, 0.25, 1, 4, 8, 16, 32)  # epochs of their stages beside the last one
CURVES = ("quadrant-1", "label", "label-2d")  # with estimates for a growing number of draws
JUDGED = ("label", "label-2d", *(f"quadrant-{n}{preset}" for preset in ("", "-ladder") for n in (1, 2, 3)))
READER = "label"  # that Inpaint asks for the labels of parts of images
FIRST = 1000  # test images, if scoring all would take too long
DRAWS = ((100, None), (1000, FIRST))  # draws of z per image, and the number of images (None: all)
KEPT_OF_SCORED = ("card.json", RESULTS)
HEAD = """# The pretrained runs

`make checkpoints` runs these commands one after another and scores each run on all test images. The runs are read-only:
new results about them are stored in `.cache/` beside them.

Figures are in nats per image, lower is better: −ELBO and importance sampling with S = 100 draws, mean ± standard error over
the test images. The figure of a baseline is its cross-entropy. Models of any set of quadrants or any mask have three figures,
for 1 / 2 / 3 visible quadrants.

Minutes are the duration of the training on the device that the run's card names. They include pauses of the process.
`label-ladder` was paused most of the time: by its curves, its fastest epoch took 6.6 minutes.

| run | command | minutes | −ELBO | importance sampling | weights |
| --- | --- | --- | --- | --- | --- |
"""


def main() -> int:
    """Train and score missing runs, then write README.md in the folder of runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=default_root(), help="folder of runs")
    parser.add_argument("--only", nargs="*", default=[*RUNS, *SCORED], help="names of the runs to make")
    arguments = parser.parse_args()
    for name in arguments.only:
        make(name, arguments.root)
    (arguments.root / "README.md").write_text(report(arguments.root))
    return 0


def report(root: Path) -> str:
    """Return the text of checkpoints/README.md."""
    names = sealed(root)
    hours = sum(find(name, root).card().seconds for name in names) / 3600
    return f"{HEAD}{''.join(row(name, root) for name in names)}\n{hours:.1f} hours of training in total, without scoring.\n"


def make(name: str, root: Path) -> None:
    """Train, score and judge one run as far as this is missing, then make it read-only."""
    place, run = ["--root", str(root)], run_at(name, root)
    if not (run.exists() and run.card().status == "finished"):
        resumable = ["--resume"] if run.state_file.exists() else []
        embed = ["--no-embed"] if name in ILLUSTRATIONS or name in SCORED else []
        command(["train", *(RUNS | SCORED)[name].split(), "--run", name, *embed, *resumable, *place])
    tasks = missing(name, run)
    if run.has_weights():
        run.write_card(replace(run.card(), read_only=False))
        if name in SPARSE:
            thin(run, KEPT)
        for task in tasks:
            command([*task, *place])
        if name in SCORED:
            for path in run.folder.iterdir():
                if path.name not in KEPT_OF_SCORED:
                    path.unlink()
    elif tasks:
        print(f"{name} has no weights: delete its folder to train it again and compute all its scores")
    run.write_card(replace(with_verdict(run.card()), read_only=True))


def thin(run: Run, epochs: Sequence[float]) -> None:
    """Keep the last stage of a run and those of some epochs, each the nearest one; the others are deleted."""
    stages = run.stages()
    moments = stages["epoch"]
    kept = sorted({int(np.abs(moments - epoch).argmin()) for epoch in (*epochs, moments[-1])})
    run.write_stages(**{name: values if name == "test_indices" else values[kept] for name, values in stages.items()})
    run.write_card(replace(run.card(), parts={}))  # stores the new digest


def with_verdict(card: Card) -> Card:
    """Return the card of a finished run, with a verdict if it was trained by a version without verdicts.

    No weights are needed: the card contains the figures of the best epoch, and the trivial guess depends on the images only.
    """
    if card.verdict:
        return card
    metrics = {**card.metrics, **trivial(card.config, load(card.config.dataset))}
    return replace(card, metrics=metrics, verdict=verdicts.reached(card.config, metrics, card.rates))


def missing(name: str, run: Run) -> list[list[str]]:
    """Return the commands that compute the missing results of a run."""
    card, tasks = run.card(), []
    known = {(cell.samples, cell.visible) for cell in table_cells(run)}
    shown = tuple(PROTOCOL) if card.config.any_set else (card.config.visible_set,)
    shown += tuple(SCATTERED) if card.config.visible_set == BRUSH else ()
    draws = DRAWS if card.config.latents else ((0, None),)
    in_short = name in SCORED or name in ILLUSTRATIONS or card.config.any_set
    for samples, images in draws[:1] if in_short else draws:
        for visible in shown:
            if (samples, visible) not in known:
                words = ["evaluate", name, "--resume", *(["--samples", str(samples)] if samples else [])]
                words += ["--images", str(min(images, len(load(card.config.dataset).test)))] if images else []
                tasks.append([*words, *(["--visible", str(visible)] if card.config.any_set else [])])
    if name in CURVES and not stored_cells(run, CURVE):
        tasks.append(["evaluate", name, "--resume", "--curve"])
    if name in JUDGED and not stored_judgement(run):
        if not classifier_path(card.config.dataset, run.folder.parent).exists():
            tasks.append(["classifier", card.config.dataset])
        tasks.append(["judge", name])
    if name == READER and not any(finding.name.startswith(OF_PARTS) for finding in stored_judgement(run)):
        tasks += [["judge", name, "--visible", visible] for visible in PROTOCOL]
    return tasks


def table_cells(run: Run) -> list[Cell]:
    """Return a run's cells without those of S = 100 on only the first images, which a manual evaluation may have stored."""
    return [cell for cell in stored_cells(run) if (cell.samples, cell.images) != (DRAWS[0][0], FIRST)]


def command(words: list[str]) -> None:
    print("$ python -m cvae_core", *words, flush=True)
    if code := cli.main(words):
        sys.exit(code)


def sealed(root: Path) -> list[str]:
    return sorted(name for name, card in readable(root)[0].items() if card.read_only)


def row(name: str, root: Path) -> str:
    run = find(name, root)
    card = run.card()
    tested = [cell for cell in table_cells(run) if cell.split == "test" and cell.samples in (0, 100)]
    cells = [cell for cell in tested if cell.visible not in SCATTERED]

    def said(*kinds: Estimator) -> str:
        """Return the figures of these estimators, joined if there are several (any set: 1, 2 and 3 quadrants)."""
        return " / ".join(f"{c.mean:.2f} ± {c.standard_error:.2f}" for c in cells if c.estimator in kinds) or "–"

    size = "not shipped"
    if name in RUNS and card.weights:
        size = f"{(run.folder / card.weights.file).stat().st_size / 1e6:.1f} MB"
    minutes = card.seconds / 60
    return (
        f"| `{name}` | `{train_command(card.config, name)}` | {minutes:.1f} | {said('elbo', 'baseline')} | "
        f"{said('importance')} | {size} |\n"
    )


if __name__ == "__main__":
    sys.exit(main())
