"""The rows of the table of conditional log-likelihoods: stored results of runs, floors and published figures.

Every row is −log p(x | c) in nats per image, mean ± standard error over images. Rows hold numbers, and this module decides
which of them are compared. Numbers of different likelihoods never are. `table_formats` formats them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from statistics import fmean, stdev
from typing import Literal, NamedTuple

from cvae_core.config.descriptions import BUILT_IN, LikelihoodName, Shape
from cvae_core.config.flavours import Config
from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.config.model_names import brief_name, row_name
from cvae_core.config.quadrant_names import ANY, BRUSH, hidden_share
from cvae_core.data import fingerprints
from cvae_core.data.fingerprints import is_genuine
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.evaluation.results import CURVE, Cell, Estimator, stored_cells
from cvae_core.evaluation.sample_quality import stored_judgement
from cvae_core.runs import sameness
from cvae_core.runs.card import Card
from cvae_core.runs.run import Run

Kind = Literal["score", "mean", "difference", "floor"]  # "mean": over runs that differ only in their seed
ESTIMATORS: Mapping[Estimator, str] = {
    "floor": "entropy of the grey pixels",
    "baseline": "cross-entropy",
    "elbo": "−ELBO",
    "prior": "prior Monte Carlo",
    "importance": "importance sampling",
}
# The table of the Pyro tutorial, as its notebook prints it. "CVAE (Monte Carlo)" averages the ELBO over 10 draws from the
# recognition network. The tutorial uses the test images for early stopping too.
PYRO_ROWS: Sequence[tuple[Kind, str, tuple[Estimator, ...], int, tuple[float, float, float]]] = (
    ("score", "NN baseline", ("baseline",), 0, (100.4, 61.9, 25.4)),
    ("score", "CVAE", ("elbo",), 10, (71.8, 51.0, 24.2)),
    ("difference", "CVAE", ("baseline", "elbo"), 10, (28.6, 10.9, 1.2)),
)
ENOUGH_SEEDS = 3  # for a mean with a standard deviation


class Trained(NamedTuple):
    """Hold the name of a run, its epochs and its number of parameters."""

    run: str
    epochs: int
    parameters: int


@dataclass(frozen=True)
class Entry:
    """Hold one number of the table and its origin."""

    kind: Kind
    dataset: str
    pixels: str
    visible: str | None  # the visible quadrants, whose complement is scored; None: the whole image is scored
    model: str  # name of the model; for a difference, of the subtracted one
    estimators: tuple[Estimator, ...]  # for a difference two: minuend, subtrahend
    samples: int
    images: int
    nats: float
    standard_error: float | None
    trained: tuple[Trained, ...] = ()  # for a difference two, in the same order; none for a published figure
    seed: int | None = None  # of the draws
    asked: str | None = None  # the visible quadrants, if the model is trained for any set
    imported: str = ""  # date and source, if the run is imported
    fingerprint: str = ""  # of the images, since different images can have the same data set name
    trouble: str = ""  # what is wrong with the run's model, and the remedy
    likelihood: LikelihoodName = "bernoulli"
    minuend: str = "NN"  # for a difference, brief name of the other model
    information: float | None = None  # for a difference by the label alone, the highest entropy of labels in nats
    values: int = 0  # number of scored values per image; if a set of quadrants is drawn per image, on average

    @property
    def bits(self) -> float | None:
        """Return the score in bits per dimension, None if the likelihood is not proper.

        None also for a difference, and if a set of quadrants is drawn for each image: the number of values then varies.
        """
        return None if self.kind == "difference" else _bits(self.likelihood, self.nats, self.values, self.visible)

    @property
    def runs(self) -> tuple[str, ...]:
        """Return the names of the runs behind the number."""
        return tuple(each.run for each in self.trained)

    @property
    def question(self) -> tuple[object, ...]:
        """Return the settings of the evaluation. Only numbers with the same settings are compared."""
        return self.estimators, self.samples, self.samples and self.seed, self.images, self.visible

    @property
    def images_name(self) -> str:
        """Return the name of the images. Images that differ from the published data set get a different name."""
        return fingerprints.named(self.dataset, self.fingerprint)

    @property
    def is_score(self) -> bool:
        """Return whether the number is a score of a sound run that is neither imported nor published."""
        return self.kind == "score" and bool(self.trained) and not self.imported and not self.trouble


def entries(runs: Sequence[Run]) -> list[Entry]:
    """Return all stored test cells of some runs, with means over seeds, differences, floors and published figures.

    Imported runs contribute scores only, and nothing is derived from these. Means over seeds and differences include finished
    runs only.
    """
    found = [_Score(run.name, run.card(), cell) for run in runs for cell in stored_cells(run) if cell.split == "test"]
    scores = [score for score in found if score.cell.estimator != "floor"]
    own = [score for score in found if not score.card.imported]
    floors = {
        (score.card.data_fingerprint, score.cell.visible): score.entry
        for score in sorted(own, key=lambda score: score.cell.images)
        if score.cell.estimator == "floor"
    }
    ours = [score for score in own if score.cell.estimator != "floor" and score.card.status == "finished"]
    entries = [score.entry for score in scores]
    return [*entries, *_over_seeds(ours), *_differences(ours), *floors.values(), *_references(entries)]


def with_readable_results(runs: Sequence[Run]) -> tuple[list[Run], list[RunDamaged]]:
    """Return the runs whose cells are readable, and an error for each damaged file of results of any run."""
    good: list[Run] = []
    damaged: list[RunDamaged] = []
    for run in runs:
        faults = _faults(stored_cells, run)
        good += [] if faults else [run]
        damaged += faults + _faults(partial(stored_cells, file=CURVE), run) + _faults(stored_judgement, run)
    return good, damaged


def _faults(read: Callable[[Run], object], run: Run) -> list[RunDamaged]:
    try:
        read(run)
    except RunDamaged as error:
        return [error]
    return []


def require_entries(rows: Sequence[Entry]) -> None:
    """Raise ConfigError if no run has stored results."""
    if not any(entry.trained for entry in rows):
        raise ConfigError("None of these runs has stored results: evaluate one with python -m cvae_core evaluate RUN.")


@dataclass(frozen=True)
class _Score:
    """Hold a stored cell and its run."""

    run: str
    card: Card
    cell: Cell

    @cached_property
    def entry(self) -> Entry:
        """Return the cell as an entry of the table."""
        card, cell = self.card, self.cell
        config, floor = card.config, cell.estimator == "floor"
        model, trouble = row_name(config) + (card.imported and ", imported"), card.trouble
        if floor:
            model = trouble = ""
        elif trouble:
            model += f", {card.verdict}"
        elif card.status != "finished":
            trouble = f"its training is {card.status} after {card.epochs} of {config.epochs} epochs."
            model += f", {card.status} after {card.epochs} epochs"
        return Entry(
            "floor" if floor else "score", config.dataset, config.pixels, cell.visible, model, (cell.estimator,),
            cell.samples, cell.images, cell.mean, cell.standard_error, (Trained(self.run, card.epochs, card.parameters),),
            cell.seed, cell.visible if cell.visible != config.visible_set else None, imported=card.imported,
            fingerprint=card.data_fingerprint, trouble=trouble, likelihood=config.likelihood,
            values=_values(config.shape, cell.visible),
        )  # fmt: skip

    @property
    def baseline(self) -> str | None:
        """Return the digest of the baseline that the model contains, None if it contains none."""
        return (self.card.baseline or {}).get("sha256")

    def apart(self, other: "_Score") -> Sequence[str]:
        """Return the names of the settings in which two runs differ."""
        return sameness.apart(sameness.of(self.card), sameness.of(other.card))


def bits_of(cell: Cell, config: Config) -> float | None:
    """Return a model's score in bits per dimension, None under the same conditions as `Entry.bits`."""
    return _bits(config.likelihood, cell.mean, _values(config.shape, cell.visible), cell.visible)


def _bits(likelihood: LikelihoodName, nats: float, values: int, visible: str | None) -> float | None:
    return None if visible in (ANY, BRUSH) else LIKELIHOOD_FACTS[likelihood].bits(nats, values)


def _values(shape: Shape, visible: str | None) -> int:
    """Return the number of scored values of an image whose visible pixels are given, on average if they are drawn."""
    return shape.channels * round(shape.pixels * hidden_share(visible))


def _over_seeds(scores: Sequence[_Score]) -> list[Entry]:
    """Return mean and standard deviation of each group of at least ENOUGH_SEEDS runs that differ only in their seed."""
    groups: list[list[_Score]] = []
    for score in sorted(scores, key=lambda score: score.card.config.seed):
        for group in groups:
            alike = group[0].entry.question == score.entry.question
            if alike and all(score.apart(other) == ["seed"] for other in group):
                group.append(score)
                break
        else:
            groups.append([score])
    return [
        replace(
            group[0].entry, kind="mean", model=row_name(replace(group[0].card.config, seed=0)),
            nats=fmean(score.cell.mean for score in group), standard_error=stdev(score.cell.mean for score in group),
            trained=tuple(score.entry.trained[0] for score in group),
        )
        for group in groups
        if len(group) >= ENOUGH_SEEDS and not any(score.entry.trouble for score in group)
    ]  # fmt: skip


def _differences(scores: Sequence[_Score]) -> list[Entry]:
    """Return the difference of scores for each pair of runs that may be compared."""
    sampled = [score for score in scores if score.cell.estimator == "importance"]
    return [_difference(other, score) for score in sampled for other in scores if _may_be_compared(other, score)]


def _may_be_compared(other: _Score, score: _Score) -> bool:
    """Return whether a model's score is compared with another score of the same images, pixels and likelihood.

    A model is compared with the baseline that it contains, and with models that differ from it only in being given less.
    """
    if (other.cell.images, other.cell.visible) != (score.cell.images, score.cell.visible):
        return False
    if other.cell.estimator == "baseline":
        units = {"images", "pixels", "likelihood"}
        return sameness.stands_on(score.card, other.card) and not units & set(other.apart(score))
    less = set(other.card.config.given) < set(score.card.config.given)
    alike = other.entry.question == score.entry.question and other.baseline == score.baseline
    return less and alike and list(other.apart(score)) == ["flavour"]


def _difference(other: _Score, score: _Score) -> Entry:
    entry, more, config = score.entry, other.entry, score.card.config
    by_label = set(config.given) - set(other.card.config.given) == {"label"} and other.cell.estimator == "importance"
    return replace(
        entry, kind="difference", estimators=more.estimators + entry.estimators, nats=more.nats - entry.nats,
        standard_error=None, trained=more.trained + entry.trained, minuend=brief_name(other.card.config),
        information=math.log(config.classes) if by_label else None,
    )  # fmt: skip


def _references(scores: Sequence[Entry]) -> list[Entry]:
    """Return the published rows with the same images, pixel protocol, likelihood and quadrants as some of the scores."""
    alike = [e for e in scores if (e.pixels, e.likelihood) == ("grey", "bernoulli")]
    genuine = {e.visible: e.fingerprint for e in alike if is_genuine("mnist", e.fingerprint)}
    return [
        Entry(
            kind, "mnist", "grey", given, model, by, draws, 10_000, nats[position], None, fingerprint=genuine[given],
            values=_values(BUILT_IN["mnist"].shape, given),
        )
        for position, given in enumerate(("1", "2", "3"))
        if given in genuine
        for kind, model, by, draws, nats in PYRO_ROWS
    ]  # fmt: skip
