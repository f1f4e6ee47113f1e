"""The pretrained runs are complete, read-only and small, and reproduce the figures of their cards."""

import math
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.checkpoints import CURVES, ILLUSTRATIONS, JUDGED, RUNS, SCORED, with_verdict
from cvae_core.cli import main
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Config
from cvae_core.data import datasets
from cvae_core.evaluation.classifier import accuracy, load_classifier
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.evaluation.results import stored_cells
from cvae_core.jobs.archive_checks import require_sound
from cvae_core.runs.run import find, readable
from cvae_core.system import files, formats
from cvae_core.training import verdicts
from cvae_core.training.validation import validate

CHECKPOINTS = Path(__file__).resolve().parents[1] / "checkpoints"
LIMIT = 135_000_000  # bytes of all committed runs
LADDERS = [name for name in RUNS if name.endswith("ladder")]  # they take minutes
SHORT = (
    "digits-label",
    "digits-quadrant-1",
    "digits-baseline-1",
    "label",
    "quadrant-any",
)  # one of each kind, in `make test`
TRIVIAL = ("label", "quadrant-any", "quadrant-3-binarised")  # whose guesses are computed again: one or two seconds each
# Nats per image on the whole test set, S = 100: what the lab promises of its grey-protocol figures.
PROMISED = {
    ("quadrant-1", "importance"): 64.0,
    ("quadrant-1-ladder", "importance"): 59.0,
    ("quadrant-2", "importance"): 44.5,
    ("quadrant-2-ladder", "importance"): 41.0,
    ("quadrant-3", "importance"): 20.2,
    ("quadrant-3-ladder", "importance"): 19.0,
    ("label", "elbo"): 93.5,
    ("label", "importance"): 90.5,
}


def test_all_are_there_finished_sealed_and_undamaged() -> None:
    cards, damaged = readable(CHECKPOINTS)
    assert not damaged
    assert set(RUNS) <= set(cards)
    for name in RUNS:
        assert cards[name].status == "finished", name
        assert cards[name].read_only, name
        assert not (CHECKPOINTS / name / "state.safetensors").exists(), name


@pytest.mark.parametrize("name", RUNS)
def test_each_could_be_passed_on(name: str) -> None:
    require_sound(find(name, CHECKPOINTS))


def test_git_tracks_what_a_card_names_and_nothing_else() -> None:
    if not (CHECKPOINTS.parent / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "checkpoints"], cwd=CHECKPOINTS.parent, capture_output=True, text=True, check=True
    ).stdout.split()
    sizes = [(CHECKPOINTS.parent / path).stat().st_size for path in listed]
    assert sum(sizes) < LIMIT
    folders = {Path(path).parts[1] for path in listed if len(Path(path).parts) == 3}
    assert folders == set(RUNS) | set(SCORED)
    for name in folders:
        weights = find(name, CHECKPOINTS).card().weights
        assert weights is not None
        files = {Path(path).name for path in listed if Path(path).parts[1] == name}
        expected = {"card.json", "cll.json"}
        if name in RUNS:
            expected |= {"curves.csv", "stages.npz", weights.file}
            expected |= {"embedding-tsne.npz"} if "baseline" not in name and name not in ILLUSTRATIONS else set()
            expected |= {"judgement.json"} if name in JUDGED else set()
            expected |= {"draws.json"} if name in CURVES else set()
        assert files == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in SHORT else pytest.mark.soak)
        for name in RUNS
        if name not in LADDERS or name == LADDERS[0]
    ],
)
def test_the_weights_reproduce_the_cards_validation_figures(name: str) -> None:
    run = find(name, CHECKPOINTS)
    card = run.card()
    if not datasets.on_disk(card.config.dataset):
        pytest.skip(f"{card.config.dataset} was not found: set CVAE_DATA to its folder")
    images = datasets.load(card.config.dataset)
    assert images.fingerprint == card.data_fingerprint
    measured = validate(run.model(), images.validation)
    assert measured.reconstruction - measured.rate == pytest.approx(card.metrics["elbo"], abs=1e-3)


@pytest.mark.parametrize("name", RUNS)
def test_float16_weights_cost_next_to_nothing(name: str) -> None:
    card = find(name, CHECKPOINTS).card()
    assert card.weights is not None
    assert card.weights.dtype == "float16"
    assert abs(card.metrics["float16_cost"]) < 0.05


def test_no_file_of_results_can_take_the_place_of_another() -> None:
    for path in [*CHECKPOINTS.glob("*/cll.json"), *CHECKPOINTS.glob("*/draws.json")]:
        assert files.read_json(path)["file"] == path.name
    assert formats.read_tensors(CHECKPOINTS / "classifier-mnist.safetensors")[1]["dataset"] == "mnist"


@pytest.mark.parametrize(("name", "estimator"), PROMISED)
def test_the_stored_figures_keep_what_is_promised(name: str, estimator: str) -> None:
    cells = [
        cell for cell in stored_cells(find(name, CHECKPOINTS)) if (cell.estimator, cell.samples) == (estimator, 100)
    ]
    assert [cell.images for cell in cells] == [10_000]
    assert cells[0].mean <= PROMISED[name, estimator]


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in SHORT else pytest.mark.soak) for name in RUNS])
def test_bfloat16_arithmetic_costs_next_to_nothing(name: str) -> None:
    run = find(name, CHECKPOINTS)
    dataset = run.card().config.dataset
    if not datasets.on_disk(dataset):
        pytest.skip(f"{dataset} was not found: set CVAE_DATA to its folder")
    model, images = run.model(), datasets.load(dataset).validation.part(slice(0, 500))
    exact = validate(model, images).bound
    with torch.autocast("cpu", torch.bfloat16):
        rounded = validate(model, images).bound
    assert rounded != exact
    assert abs(rounded - exact) < 0.05


@pytest.mark.mnist
def test_the_classifier_reads_real_test_digits() -> None:
    assert accuracy(load_classifier(BUILT_IN["mnist"], CHECKPOINTS), datasets.load("mnist").test) >= 0.993


@pytest.mark.parametrize(
    "name", ["digits-quadrant-1", "digits-baseline-1", pytest.param("digits-label", marks=pytest.mark.soak)]
)
def test_scoring_again_gives_the_stored_figures_and_another_seed_gives_them_within_chance(name: str) -> None:
    run = find(name, CHECKPOINTS)
    stored = {cell.estimator: cell for cell in stored_cells(run) if cell.samples in (0, 100)}
    test, model = datasets.load("digits").test, run.model()
    by_seed = []
    for seed in range(6):
        *_, last = evaluate(model, test, samples=100, seed=seed)
        by_seed.append({cell.estimator: cell.mean for cell in last.cells})
    same, *others = by_seed
    for estimator, cell in stored.items():
        assert same[estimator] == pytest.approx(cell.mean, abs=1e-3)
        means = [other[estimator] for other in others]
        assert abs(cell.mean - statistics.mean(means)) <= 4 * statistics.stdev(means) + 1e-3  # a floor has no draws


def test_the_embedded_runs_name_their_own_baseline() -> None:
    for name in ("quadrant-1", "quadrant-2", "quadrant-3", "digits-quadrant-1"):
        card = find(name, CHECKPOINTS).card()
        assert card.baseline is not None
        weights = find(card.baseline["run"], CHECKPOINTS).card().weights
        assert weights is not None
        assert weights.sha256 == card.baseline["sha256"]


def test_the_readme_beside_them_names_each() -> None:
    text = (CHECKPOINTS / "README.md").read_text()
    assert all(f"| `{name}` |" in text for name in RUNS)


@pytest.mark.parametrize("name", RUNS)
def test_the_command_that_makes_it_has_the_configuration_of_its_card(name: str) -> None:
    command = main._parsed(["train", *RUNS[name].split()])
    assert command.config == find(name, CHECKPOINTS).card().config  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [*RUNS, *SCORED])
def test_each_has_the_verdict_that_its_figures_give(name: str) -> None:
    card = find(name, CHECKPOINTS).card()
    assert card.verdict == ("collapsed" if name == "label-beta-784" else "sound")
    assert verdicts.reached(card.config, card.metrics, card.rates) == card.verdict
    if datasets.on_disk(card.config.dataset) and (card.config.dataset == "digits" or name in TRIVIAL):
        again = with_verdict(replace(card, verdict=None))
        scored = -card.metrics["chance"] / math.log(2)  # cards of older versions do not contain it
        assert again.metrics == pytest.approx({**card.metrics, "scored": scored}, rel=1e-9)
        assert replace(again, metrics=card.metrics) == card


def test_a_card_from_before_verdicts_gets_one_and_no_other_change(tiny: Callable[..., Config], untrained: Any) -> None:
    before = untrained(tiny("label")).card()
    after = with_verdict(before)
    assert after.verdict == "sound"  # by the figures of the card
    assert after.metrics["guess"] == pytest.approx(-153.70, abs=0.01)
    assert replace(after, verdict=None, metrics=before.metrics) == before
    assert with_verdict(replace(before, verdict="collapsed")).metrics == before.metrics
