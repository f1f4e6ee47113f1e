"""The table of conditional log-likelihoods: what runs have stored, beside floors and published reference rows.

Rows are models and estimators, columns what is scored; the two pixel protocols never share a column. Everything is
−log p(x | c) in nats per image, mean ± standard error over images.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, stdev

import pandas as pd

from cvae_core.cards import Card
from cvae_core.config import Config, QuadrantConfig, any_set, baseline_for, is_gsnn
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.evaluation import CURVE, Cell, Estimator, stored_cells
from cvae_core.judging import stored_judgement
from cvae_core.runs import Run
from cvae_core.visibility import ANY, described

ESTIMATORS: Mapping[Estimator, str] = {
    "floor": "entropy of the grey pixels",
    "baseline": "cross-entropy",
    "elbo": "−ELBO",
    "prior": "prior Monte Carlo",
    "importance": "importance sampling",
}
# The Pyro tutorial's table, as its notebook prints it: "CVAE (Monte Carlo)" there averages the ELBO over 10 draws from
# the recognition network, and its test set is also the one that early stopping watched.
PYRO = "Pyro tutorial*"
PYRO_NOTE = "As published; its test set was also the one that early stopping watched."
PYRO_GAP = (28.6, 10.9, 1.2)
PYRO_ROWS: Sequence[tuple[str, Estimator, int, tuple[float, float, float]]] = (
    ("NN (baseline)", "baseline", 0, (100.4, 61.9, 25.4)),
    ("CVAE", "elbo", 10, (71.8, 51.0, 24.2)),
)
WHOLE = "whole image"
FLOOR, GAP = "floor", "gap, "
COLUMNS = ("dataset", "pixels", "scored", "model", "estimator", "samples", "images", "nats", "standard_error", "run", "seed",
           "visible", "seeds", "imported")  # fmt: skip
ENOUGH_SEEDS = 3  # to speak of a deviation


@dataclass(frozen=True)
class Entry:
    """One number of the table and where it came from."""

    dataset: str
    pixels: str
    scored: str  # what the nats are about: "1 quadrant visible", …, "whole image"
    model: str
    estimator: str
    samples: int
    images: int
    nats: float
    standard_error: float | None
    run: str | None  # None: a reference row
    seed: int | None = None  # of the draws
    visible: str | None = None  # the set that was shown, where the model takes any
    seeds: int = 1  # runs that differ in it alone; of several, nats are their mean and the error their deviation
    imported: str = ""  # when and from where, if the run is somebody else's
    trouble: str = ""  # what is wrong with the run's model, and the remedy

    @property
    def question(self) -> tuple[str, int, int, str]:
        """Return what was asked of a run: numbers that answer the same can be compared."""
        return self.estimator, self.samples, self.images, self.scored

    @property
    def is_score(self) -> bool:
        """Say whether the number scores a model of ours: no floor, difference, mean over seeds, reference or import."""
        derived = self.seeds > 1 or self.model == FLOOR or self.model.startswith(GAP)
        return self.run is not None and not derived and not self.imported


@dataclass(frozen=True)
class Line:
    """One row of a readable table."""

    model: str
    estimator: str
    samples: int
    images: int
    cells: Mapping[str, Entry]  # by what is scored


@dataclass(frozen=True)
class Pivot:
    """A readable table of one data set and pixel protocol: rows are estimates, columns what is scored."""

    title: str
    columns: Sequence[str]
    lines: Sequence[Line]

    @cached_property
    def best(self) -> set[Entry]:
        """Return the lowest score over the most images in each column."""
        scores = [entry for line in self.lines for entry in line.cells.values() if entry.is_score]
        most = max((entry.images for entry in scores), default=0)
        full = [entry for entry in scores if entry.images == most]
        return {min((e for e in full if e.scored == c), key=lambda e: e.nats) for c in {e.scored for e in full}}

    @property
    def note(self) -> str:
        """Return what is to be said below the table of its published rows, or nothing where it has none."""
        references = any(entry.run is None for line in self.lines for entry in line.cells.values())
        return f"* {PYRO_NOTE}" if references else ""

    @property
    def troubles(self) -> list[str]:
        """Return what is to be said below the table of runs that did not train to a sound model, a sentence each."""
        entries = [entry for line in self.lines for entry in line.cells.values()]
        return sorted({f"{entry.run}: {entry.trouble}" for entry in entries if entry.trouble})

    def frame(self, mark: str = "{}") -> pd.DataFrame:
        """Return the table as text; the best numbers are put into `mark`."""
        best = self.best
        rows = [
            [line.model, line.estimator, str(line.samples or "–"), f"{line.images:,}"]
            + [_shown(line.cells.get(column), best, mark) for column in self.columns]
            for line in self.lines
        ]
        return pd.DataFrame(rows, columns=["model", "estimator", "S", "N", *self.columns])


def entries(runs: Sequence[Run]) -> list[Entry]:
    """Return all stored test cells of some runs, with the differences and reference rows that belong beside them.

    Of imported runs there are scores alone: nothing is derived from somebody else's figures.
    """
    cards = {run.name: run.card() for run in runs}
    configs = {name: card.config for name, card in cards.items()}
    found = [
        _entry(cards[run.name], cell, run.name) for run in runs for cell in stored_cells(run) if cell.split == "test"
    ]
    scores = [entry for entry in found if entry.model != FLOOR]
    own = [entry for entry in found if not entry.imported]
    floors = {(e.dataset, e.scored): e for e in sorted(own, key=lambda e: e.images) if e.model == FLOOR}
    ours = [entry for entry in own if entry.model != FLOOR]
    first = [entry for entry in ours if not configs[str(entry.run)].seed]
    return [*scores, *_over_seeds(ours, configs), *_gaps(first, configs), *floors.values(), *_references(scores)]


def with_readable_results(runs: Sequence[Run]) -> tuple[list[Run], list[RunDamaged]]:
    """Return the runs whose cells can be read, and what is wrong with any file of results, the table's or another."""
    good: list[Run] = []
    damaged: list[RunDamaged] = []
    for run in runs:
        with _noting(damaged):
            stored_cells(run)
            good.append(run)
        with _noting(damaged):
            stored_cells(run, CURVE)
        with _noting(damaged):
            stored_judgement(run)
    return good, damaged


@contextmanager
def _noting(damaged: list[RunDamaged]) -> Iterator[None]:
    try:
        yield
    except RunDamaged as error:
        damaged.append(error)


def long_table(rows: Sequence[Entry]) -> pd.DataFrame:
    """Return one row per number: what CSV holds."""
    noted = [replace(entry, model=entry.model.replace("*", f" ({PYRO_NOTE})")) for entry in rows]
    return pd.DataFrame([vars(entry) for entry in noted], columns=list(COLUMNS))


def pivots(rows: Sequence[Entry]) -> list[Pivot]:
    """Return the readable tables, one per data set, pixel protocol and kind of model; grey before binarised."""
    tables = []
    for dataset, pixels in sorted(
        {(e.dataset, e.pixels) for e in rows}, key=lambda names: (names[0] == "digits", names[0], names[1] != "grey")
    ):
        averaged = {(run, e.question) for e in rows if e.seeds > 1 for run in str(e.run).split(", ")[1:]}
        here = [e for e in rows if (e.dataset, e.pixels) == (dataset, pixels)]
        chosen = [e for e in here if (e.run, e.question) not in averaged]
        for whole, title in ((False, "quadrants"), (True, WHOLE)):
            if part := [e for e in chosen if (e.scored == WHOLE) == whole]:
                tables.append(_pivot(f"{dataset}, {pixels} pixels, {title}", part))
    return tables


def above_floors(rows: Sequence[Entry]) -> pd.DataFrame:
    """Return each floor beside the lowest score of a model over as many images, and how far that is above it."""
    columns = ["images", "scored", "floor", "model", "lowest figure", "above the floor"]
    found = []
    for pivot in pivots(rows):
        floors = {e.scored: e for line in pivot.lines for e in line.cells.values() if e.model == FLOOR}
        for best in sorted(pivot.best, key=lambda entry: entry.scored):
            if (floor := floors.get(best.scored)) and floor.images == best.images:
                gap = best.nats - floor.nats
                found.append([best.dataset, best.scored, floor.nats, best.model, best.nats, gap])
    return pd.DataFrame(found, columns=columns)


def markdown(rows: Sequence[Entry]) -> str:
    """Return the readable tables as Markdown, a heading each, the best in bold."""
    tables = [
        f"### {pivot.title}\n\n{_markdown(pivot.frame('**{}**'))}"
        + (f"\n\n\\{pivot.note}" if pivot.note else "")
        + "".join(f"\n\n{trouble}" for trouble in pivot.troubles)
        for pivot in pivots(rows)
    ]
    return "\n\n".join(tables) + "\n"


def latex(rows: Sequence[Entry]) -> str:
    """Return the readable tables as LaTeX tabulars for the booktabs package, the best in bold."""
    tables = [
        _latex(pivot.title, pivot.frame(r"\textbf{{{}}}"))
        + (f"\n% {pivot.note}" if pivot.note else "")
        + "".join(f"\n% {trouble}" for trouble in pivot.troubles)
        for pivot in pivots(rows)
    ]
    return "\n\n".join(tables) + "\n"


def require_entries(rows: Sequence[Entry]) -> None:
    """Raise ConfigError where there is nothing to tabulate."""
    if not any(entry.run for entry in rows):
        raise ConfigError("None of these runs has stored results: make some with python -m cvae_core evaluate RUN.")


def number(entry: Entry) -> str:
    """Write nats ± standard error with the digits that the error leaves meaningful."""
    if entry.standard_error is None:
        return f"{entry.nats:.1f}".replace("-", "−")
    return f"{entry.nats:.2f} ± {entry.standard_error:.2f}"


def _entry(card: Card, cell: Cell, run: str) -> Entry:
    config = card.config
    trouble = "" if cell.estimator == "floor" else card.trouble
    model = FLOOR if cell.estimator == "floor" else _model_name(config) + (card.imported and ", imported")
    model += f", {card.verdict}" if trouble else ""
    scored = WHOLE if cell.visible is None else _scored(cell.visible)
    return Entry(
        config.dataset, config.pixels, scored, model, ESTIMATORS[cell.estimator],
        cell.samples, cell.images, cell.mean, cell.standard_error, run, cell.seed,
        cell.visible if any_set(config) and cell.visible != ANY else None, imported=card.imported,
        trouble=trouble,
    )  # fmt: skip


def _model_name(config: Config) -> str:
    """Name a model by what sets it apart in the table."""
    sets = " for any set" if any_set(config) else ""
    if config.flavour == "baseline":
        return f"NN (baseline){sets}"
    kind = {"vae": "VAE", "label": "label CVAE", "quadrant": "CVAE"}.get(config.flavour, config.flavour)
    if is_gsnn(config):
        kind = "GSNN"
    elif (alpha := getattr(config, "alpha", 1.0)) != 1:
        kind = f"hybrid α = {alpha:g}"
    elif (draws := getattr(config, "draws", 1)) > 1:
        kind = f"{kind}, IWAE of {draws},"
    if (beta := getattr(config, "beta", 1.0)) != 1:
        kind = f"{kind}, β = {beta:g},"
    latents = f", {config.latents} latents" if config.flavour != "quadrant" else ""
    seed = f", seed {config.seed}" if config.seed else ""
    return f"{kind}{sets} {config.preset}{latents}{seed}"


def _scored(visible: str) -> str:
    numbered = {"1": "1 quadrant", "2": "2 quadrants", "3": "3 quadrants"}
    return f"{numbered.get(visible, described(visible))} visible"


def _over_seeds(scores: Sequence[Entry], configs: Mapping[str, Config]) -> list[Entry]:
    """Return mean and deviation over the runs that differ in their seed alone, where there are enough of them."""
    groups: dict[tuple[Config, tuple[object, ...]], list[Entry]] = {}
    for entry in sorted(scores, key=lambda entry: configs[str(entry.run)].seed):
        config = replace(configs[str(entry.run)], seed=0)
        groups.setdefault((config, entry.question), []).append(entry)
    means = []
    for (config, _), group in groups.items():
        if len(group) >= ENOUGH_SEEDS:
            nats = [entry.nats for entry in group]
            means.append(
                replace(
                    group[0], model=f"{_model_name(config)}, {len(group)} seeds", nats=fmean(nats),
                    standard_error=stdev(nats), run=", ".join(str(entry.run) for entry in group), seeds=len(group),
                )
            )  # fmt: skip
    return means


def _gaps(scores: Sequence[Entry], configs: Mapping[str, Config]) -> list[Entry]:
    """Return what models gain, over the same images: quadrant models on their baseline, label models on their VAE."""

    def against_vae(entry: Entry) -> tuple[object, ...]:
        config = configs[str(entry.run)]
        size = config.preset, config.width, config.depth, config.latents
        return (
            entry.dataset,
            entry.pixels,
            entry.images,
            entry.samples,
            size,
            getattr(config, "beta", 1.0),
            config.flavour,
        )

    sampled = [entry for entry in scores if entry.estimator == ESTIMATORS["importance"]]
    baselines = {(configs[str(e.run)], e.scored, e.images): e for e in scores if e.estimator == ESTIMATORS["baseline"]}
    vaes = {against_vae(entry): entry for entry in sampled}
    gaps = []
    for entry in sampled:
        *alike, flavour = against_vae(entry)
        config = configs[str(entry.run)]
        if isinstance(config, QuadrantConfig) and (
            baseline := baselines.get((baseline_for(config), entry.scored, entry.images))
        ):
            gaps.append(_gap("NN", baseline, entry))
        if flavour == "label" and (vae := vaes.get((*alike, "vae"))):
            gaps.append(_gap("VAE", vae, entry))
    return gaps


def _gap(name: str, other: Entry, entry: Entry) -> Entry:
    same = other.estimator == entry.estimator
    kind = f"difference of {entry.estimator}" if same else f"{other.estimator} less {entry.estimator}"
    return replace(
        entry, model=f"{GAP}{name} − {entry.model}", estimator=kind, nats=other.nats - entry.nats, standard_error=None
    )


def _references(scores: Sequence[Entry]) -> list[Entry]:
    """Return the published rows that may stand beside some scores: same images, same pixels, same quadrants."""
    rows = []
    for position, visible in enumerate(("1", "2", "3")):
        place = ("mnist", "grey", _scored(visible))
        if place in {(e.dataset, e.pixels, e.scored) for e in scores}:
            published = [(model, ESTIMATORS[kind], draws, nats[position]) for model, kind, draws, nats in PYRO_ROWS]
            published.append((f"{GAP}NN − CVAE", "cross-entropy less −ELBO", 10, PYRO_GAP[position]))
            rows += [
                Entry(*place, f"{model}, {PYRO}", estimator, draws, 10_000, nats, None, None)
                for model, estimator, draws, nats in published
            ]
    return rows


def _pivot(title: str, rows: Sequence[Entry]) -> Pivot:
    cells: dict[tuple[str, str, int, int], dict[str, Entry]] = {}
    for entry in sorted(rows, key=_row_order):
        place = (entry.model, entry.estimator, entry.samples, entry.images)
        if entry.scored in cells.get(place, {}):  # another run of that description: it gets a row with its name
            place = (f"{entry.model}, {entry.run}", *place[1:])
        cells.setdefault(place, {})[entry.scored] = entry
    return Pivot(title, sorted({e.scored for e in rows}), [Line(*place, found) for place, found in cells.items()])


def _row_order(entry: Entry) -> tuple[bool, int, str, int, int]:
    """Sort baselines first, then models by estimator, differences, floors; reference rows last, in the same order."""
    kinds = list(ESTIMATORS.values())
    group = 3 if entry.model == FLOOR else 2 if entry.model.startswith(GAP) else 0 if entry.model[:2] == "NN" else 1
    estimator = kinds.index(entry.estimator) if entry.estimator in kinds else len(kinds)
    return entry.run is None, group, entry.model, estimator, entry.samples


def _shown(entry: Entry | None, best: set[Entry], mark: str) -> str:
    if entry is None:
        return "–"
    return mark.format(number(entry)) if entry in best else number(entry)


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _latex(title: str, table: pd.DataFrame) -> str:
    plain = {"−": "$-$", "±": r"$\pm$", "–": "--", "_": r"\_"}
    rows = [" & ".join(map(str, line)) for line in table.to_numpy().tolist()]
    body = " \\\\\n".join("".join(plain.get(letter, letter) for letter in row) for row in rows)
    columns = "llrr" + "r" * (len(table.columns) - 4)
    return (
        f"% {title}; nats per image, lower is better\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{' & '.join(table.columns)} \\\\\n\\midrule\n{body} \\\\\n\\bottomrule\n\\end{{tabular}}"
    )
