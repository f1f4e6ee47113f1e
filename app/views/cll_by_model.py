"""All figures by model: a row per model, scored pixels and numbers of draws and images; estimators are columns."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from cvae_core.evaluation.table import ESTIMATORS, Entry
from cvae_core.evaluation.table_formats import Pivot, model_name, run_name, scored

OWN = ESTIMATORS["baseline"]  # column of baselines and of floors: both are cross-entropies
MAIN = ESTIMATORS["importance"]
LEAST_GIVEN = ("NN", "VAE")  # minuends of the column `GAP`
GAP = "gap"  # column of the score of the baseline, or of the VAE, minus the row's


@dataclass(frozen=True)
class Row:
    """Hold the numbers of one model for the same scored pixels, draws per image and number of images."""

    model: str
    scored: str
    samples: int
    images: int
    cells: Mapping[str, Entry]  # by the name of the estimator, or `GAP`


def by_model(pivot: Pivot) -> list[Row]:
    """Return the rows of a table, grouped by model.

    Groups: baselines, models (those scored on most sets of pixels first, then from the lowest number), floors, published.
    """
    entries = [entry for line in pivot.lines for entry in line.cells.values()]
    runs = defaultdict(set)
    for entry in entries:
        runs[model_name(entry), entry.visible].add(run_name(entry))
    groups: dict[str, dict[tuple[str, str, int, int], dict[str, Entry]]] = {}
    rows: dict[tuple[object, ...], dict[str, Entry]] = {}
    for entry in (entry for entry in entries if entry.kind != "difference"):
        name = model_name(entry)
        shared = len(runs[name, entry.visible]) > 1
        place = (f"{name}, {run_name(entry)}" if shared else name, scored(entry), entry.samples, entry.images)
        cells = groups.setdefault(name, {}).setdefault(place, {})
        cells[OWN if entry.kind == "floor" else ESTIMATORS[entry.estimators[0]]] = entry
        rows[entry.kind == "mean", entry.runs, entry.estimators[0], *_question(entry)] = cells
    for entry in (entry for entry in entries if entry.kind == "difference" and entry.minuend in LEAST_GIVEN):
        rows.get((False, entry.runs[-1:], entry.estimators[-1], *_question(entry)), {}).setdefault(GAP, entry)
    ordered = sorted(groups.values(), key=lambda group: _order(list(group.values())))
    return [Row(*place, cells) for group in ordered for place, cells in sorted(group.items(), key=_place)]


def columns(rows: Sequence[Row]) -> list[str]:
    """Return the columns in which some row has a number: estimators, then gaps."""
    return [
        name for name in dict.fromkeys((OWN, MAIN, *ESTIMATORS.values(), GAP)) if any(name in row.cells for row in rows)
    ]


def _place(row: tuple[tuple[str, str, int, int], object]) -> tuple[object, ...]:
    model, scored_pixels, samples, images = row[0]
    return scored_pixels, model, samples, images


def _question(entry: Entry) -> tuple[object, ...]:
    return entry.visible, entry.samples, entry.images


def _order(group: Sequence[Mapping[str, Entry]]) -> tuple[int, int, float]:
    """Return a sort key of a model's rows."""
    first = next(iter(group[0].values()))
    best: dict[str | None, float] = {}
    for cells in group:
        main = cells.get(MAIN) or next(iter(cells.values()))
        best.setdefault(main.visible, main.nats)
    kind = 2 if first.kind == "floor" else first.estimators != ("baseline",)
    return kind + 3 * (not first.trained), -len(best), fmean(best.values())
