"""The table at a glance: one row per model, with its best estimator, beside the baseline, the tutorial and the floor."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from cvae_core.config.model_names import row_name
from cvae_core.config.quadrant_names import PROTOCOL
from cvae_core.data import fingerprints
from cvae_core.evaluation.results import Estimator
from cvae_core.evaluation.table import ESTIMATORS as NAMES
from cvae_core.evaluation.table import Entry, entries
from cvae_core.evaluation.table_formats import FLOOR, Pivot, estimator, model_name, pivots, scored
from cvae_core.runs.card import Card
from cvae_core.runs.run import Run

SAMPLES = 100  # draws of the importance-sampling estimates
LARGEST = 12  # rows
COLUMNS = (*PROTOCOL, None)  # the sets of visible quadrants of the paper, or the whole image
ESTIMATORS: Sequence[Estimator] = ("baseline", "importance")
OVER_BASELINE, OVER_FLOOR = "gap: NN − best model", "gap: best model − floor"


@dataclass(frozen=True)
class Row:
    """Hold the numbers of one model, of the tutorial or of the floor, or differences of other rows."""

    title: str
    estimator: str
    cells: Mapping[str, Entry]  # by scored pixels, the columns
    unscored: Mapping[str, str] = field(default_factory=dict)  # by scored pixels: runs whose number is missing

    @property
    def is_gap(self) -> bool:
        """Return whether the numbers are differences."""
        return any(entry.kind == "difference" for entry in self.cells.values())

    @property
    def mean(self) -> float:
        """Return the mean over the columns; infinite without a number."""
        return fmean(entry.nats for entry in self.cells.values()) if self.cells else float("inf")


@dataclass(frozen=True)
class Glance:
    """Hold at most `LARGEST` rows of Bernoulli scores of the same images, pixels, draws per image and number of images."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    best: Mapping[str, Entry]  # the lowest number of each column
    floors: Mapping[str, Entry]
    images: int
    left_out: int  # models without a row
    sets: Sequence[str]  # names of all sets of images that have such a table
    entries: Sequence[Entry]  # all numbers of the runs

    @property
    def runs(self) -> list[str]:
        """Return the names of all runs behind the rows."""
        scored_runs = [run for row in self.rows for entry in row.cells.values() for run in entry.runs]
        return sorted({*scored_runs, *(run for row in self.rows for run in row.unscored.values())})


def at_a_glance(runs: Sequence[Run], images: str = "") -> Glance | None:
    """Return the rows for the first images and pixels of the table that a run is scored on, or None if there are none.

    With the name of images, return the rows for these.

    Imported, unfinished and collapsed runs, and runs on other images, have no row. A model has a row if its runs cover all
    columns, or if it was trained on this machine.
    """
    rows, cards = entries(runs), {run.name: run.card() for run in runs}
    shown: dict[str, Pivot] = {}
    for pivot in pivots(rows):
        if first := next((entry for entry in _numbers(pivot) if _is_shown(entry)), None):
            shown.setdefault(first.images_name, pivot)
    name = images if images in shown else next(iter(shown), None)
    return None if name is None else _of(shown[name], rows, cards, list(shown))


def _of(pivot: Pivot, rows: Sequence[Entry], cards: Mapping[str, Card], sets: Sequence[str]) -> Glance:
    numbers = _numbers(pivot)
    images = max(entry.images for entry in numbers if _is_shown(entry))
    full = [entry for entry in numbers if entry.images == images]
    scores = [entry for entry in full if _is_shown(entry)]
    columns = [column for column in pivot.columns if column in {scored(entry) for entry in scores}]
    floors = {scored(entry): entry for entry in full if entry.kind == "floor"}
    baselines = [entry for entry in scores if entry.estimators == ("baseline",)]
    models = [entry for entry in scores if entry not in baselines]
    best = _lowest(models) or _lowest(baselines)
    known = {run for entry in rows if entry.images == images and _is_shown(entry) for run in entry.runs}
    others = [
        *_published(full),
        *([Row(FLOOR, "entropy", floors)] if floors else []),
        *_gaps(OVER_BASELINE, _lowest(baselines), best if models else {}),
        *_gaps(OVER_FLOOR, best, floors),
    ]
    unscored = [(name, card) for name, card in cards.items() if name not in known and _is_missing(card, scores[0])]
    standing = _by_model([*baselines, *models], unscored, columns, cards)
    room = LARGEST - len(others)
    left_out = len(standing[room:])
    return Glance(pivot.title, columns, [*standing[:room], *others], best, floors, images, left_out, sets, rows)


def _numbers(pivot: Pivot) -> list[Entry]:
    return [entry for line in pivot.lines for entry in line.cells.values() if entry.visible in COLUMNS]


def _is_shown(entry: Entry) -> bool:
    """Return whether a number is the one that represents its model."""
    quoted = entry.estimators[0] in ESTIMATORS and entry.samples in (0, SAMPLES)
    return entry.is_score and quoted and entry.likelihood == "bernoulli"


def _is_missing(card: Card, like: Entry) -> bool:
    """Return whether a run would be scored on the same images and pixels as another, by one of `ESTIMATORS`."""
    config = card.config
    images = fingerprints.named(config.dataset, card.data_fingerprint)
    alike = (images, config.pixels, config.likelihood) == (like.images_name, like.pixels, like.likelihood)
    sound = card.status == "finished" and card.weights is not None and not card.imported and not card.trouble
    one_set = not config.any_set and (config.visible_set is None) == (like.visible is None)
    return alike and sound and one_set and not config.objective.gsnn


def _by_model(
    scores: Sequence[Entry], unscored: Sequence[tuple[str, Card]], columns: Sequence[str], cards: Mapping[str, Card]
) -> list[Row]:
    """Return a row per model: baselines first, then by score. A second run of a model and column begins another row."""
    found: dict[str, dict[str, list[tuple[str, Entry | None]]]] = {}
    for entry in scores:
        found.setdefault(model_name(entry), {}).setdefault(scored(entry), []).append((entry.runs[0], entry))
    for name, card in unscored:
        column = scored(replace(scores[0], visible=card.config.visible_set))
        if column in columns:
            found.setdefault(row_name(card.config), {}).setdefault(column, []).append((name, None))
    rows: list[tuple[tuple[bool, bool, float], Row]] = []
    for title, by_column in found.items():
        for listed in by_column.values():
            listed.sort(key=lambda named: (not cards[named[0]].read_only, named[0]))
        for place in range(max(map(len, by_column.values()))):
            here = {column: listed[place] for column, listed in by_column.items() if place < len(listed)}
            names = sorted({name for name, _ in here.values()})
            cells = {column: entry for column, (_, entry) in here.items() if entry}
            missing = {column: name for column, (name, entry) in here.items() if not entry}
            kind = ESTIMATORS[cards[names[0]].config.latents > 0]
            row = Row(f"{title}, {', '.join(names)}" if place else title, NAMES[kind], cells, missing)
            whole = set(here) == set(columns)
            if whole or not all(cards[name].read_only for name in names):
                rows.append(((kind != "baseline", len(cells) < len(columns), row.mean), row))
    return [row for _, row in sorted(rows, key=lambda ranked: ranked[0])]


def _published(entries_: Iterable[Entry]) -> list[Row]:
    """Return the published rows, without their differences."""
    found: dict[tuple[str, str], dict[str, Entry]] = {}
    for entry in entries_:
        if not entry.trained and entry.kind == "score":
            found.setdefault((model_name(entry), estimator(entry)), {})[scored(entry)] = entry
    return [Row(title, how, cells) for (title, how), cells in found.items()]


def _lowest(scores: Iterable[Entry]) -> dict[str, Entry]:
    """Return the lowest number of each column."""
    found: dict[str, Entry] = {}
    for entry in sorted(scores, key=lambda entry: entry.nats):
        found.setdefault(scored(entry), entry)
    return found


def _gaps(title: str, more: Mapping[str, Entry], less: Mapping[str, Entry]) -> list[Row]:
    """Return a row of differences of two rows as they are printed, with two decimals; none without common columns."""
    cells = {
        column: replace(
            less[column], kind="difference", estimators=entry.estimators + less[column].estimators, standard_error=None,
            nats=round(entry.nats, 2) - round(less[column].nats, 2), trained=entry.trained + less[column].trained,
        )
        for column, entry in more.items()
        if column in less
    }  # fmt: skip
    return [Row(title, "difference", cells)] if cells else []
