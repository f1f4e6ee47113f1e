"""The table of conditional log-likelihoods: what runs have stored, beside floors and published reference rows.

Rows are models and estimators, columns what is scored; the two pixel protocols never share a column. Everything is
−log p(x | c) in nats per image, mean ± standard error over images.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, stdev
from typing import NamedTuple

import pandas as pd

from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import ANY, described
from cvae_core.data import fingerprints
from cvae_core.data.fingerprints import is_genuine
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.evaluation.results import CURVE, Cell, Estimator, stored_cells
from cvae_core.evaluation.sample_quality import stored_judgement
from cvae_core.runs import sameness
from cvae_core.runs.card import Card
from cvae_core.runs.run import Run

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
           "visible", "seeds", "imported", "fingerprint", "against", "pair")  # fmt: skip
PAIR = "the two runs (epochs, parameters)"  # column of the differences
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
    fingerprint: str = ""  # of the data set: which images bear its name
    against: str = ""  # of a difference, the run from whose figure that of `run` is taken
    pair: str = ""  # of a difference, both runs with their epochs and parameters
    trouble: str = ""  # what is wrong with the run's model, and the remedy

    @property
    def question(self) -> tuple[str, int, int, str]:
        """Return what was asked of a run: numbers that answer the same can be compared."""
        return self.estimator, self.samples, self.images, self.scored

    @property
    def images_name(self) -> str:
        """Return what the images are called: others than the published ones do not go by their name alone."""
        return fingerprints.named(self.dataset, self.fingerprint)

    @property
    def is_score(self) -> bool:
        """Say whether the number scores a model of ours: no floor, difference, mean over seeds, reference or import."""
        derived = self.seeds > 1 or self.model == FLOOR or self.model.startswith(GAP)
        return self.run is not None and not derived and not self.imported and not self.trouble


@dataclass(frozen=True)
class Line:
    """One row of a readable table."""

    model: str
    estimator: str
    samples: int
    images: int
    pair: str  # of a difference
    cells: Mapping[str, Entry]  # by what is scored

    @property
    def title(self) -> str:
        """Return the model's name, or the names of the two runs whose difference it is."""
        entry = next(iter(self.cells.values()))
        return f"{GAP}{entry.against} − {entry.run}" if entry.against else self.model


@dataclass(frozen=True)
class Pivot:
    """A readable table of the same images and pixel protocol: rows are estimates, columns what is scored."""

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

    def frame(self, mark: str = "{}", escaped: Callable[[str], str] = str) -> pd.DataFrame:
        """Return the table as text, which `escaped` may change; the best numbers are put into `mark`."""
        best = self.best
        rows = []
        for line in self.lines:
            words = [line.model, line.estimator, str(line.samples or "–"), f"{line.images:,}"]
            cells = [line.cells.get(column) for column in self.columns]
            numbers = [(mark if cell in best else "{}").format(escaped(_shown(cell))) for cell in cells]
            rows.append([*map(escaped, words), *numbers, escaped(line.pair)])
        columns = [*map(escaped, ("model", "estimator", "S", "N", *self.columns, PAIR))]
        table = pd.DataFrame(rows, columns=columns)
        return table if any(line.pair for line in self.lines) else table.drop(columns=columns[-1])


def entries(runs: Sequence[Run]) -> list[Entry]:
    """Return all stored test cells of some runs, with the differences and reference rows that belong beside them.

    Of imported runs there are scores alone: nothing is derived from somebody else's figures. Means over seeds and
    differences are of runs whose training is finished.
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
    noted = [
        replace(entry, dataset=entry.images_name, model=entry.model.replace("*", f" ({PYRO_NOTE})")) for entry in rows
    ]
    return pd.DataFrame(
        [vars(entry) for entry in noted], columns=list(COLUMNS), dtype=object
    )  # whole numbers beside None


def pivots(rows: Sequence[Entry]) -> list[Pivot]:
    """Return the readable tables, one per set of images, pixel protocol and kind of model; grey before binarised."""
    tables = []
    averaged = {(run, e.question) for e in rows if e.seeds > 1 for run in str(e.run).split(", ")[1:]}
    order = {(e.dataset == "digits", e.images_name, e.pixels != "grey"): (e.images_name, e.pixels) for e in rows}
    for _, protocol in sorted(order.items()):
        here = [e for e in rows if (e.images_name, e.pixels) == protocol]
        chosen = [e for e in here if (e.run, e.question) not in averaged]
        for whole, title in ((False, "quadrants"), (True, WHOLE)):
            if part := [e for e in chosen if (e.scored == WHOLE) == whole]:
                tables.append(_pivot(f"{protocol[0]}, {protocol[1]} pixels, {title}", part))
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
                found.append([best.images_name, best.scored, floor.nats, best.model, best.nats, gap])
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
    """Return the readable tables as LaTeX tabulars in ASCII, the best in bold; a comment names the package they need."""
    tables = [
        _latex(escaped_for_latex(pivot.title), pivot.frame(r"\textbf{{{}}}", escaped_for_latex))
        + "".join(f"\n% {escaped_for_latex(note)}" for note in (pivot.note, *pivot.troubles) if note)
        for pivot in pivots(rows)
    ]
    return "\n\n".join(["% \\usepackage{booktabs} in the preamble", *tables]) + "\n"


def require_entries(rows: Sequence[Entry]) -> None:
    """Raise ConfigError where there is nothing to tabulate."""
    if not any(entry.run for entry in rows):
        raise ConfigError("None of these runs has stored results: make some with python -m cvae_core evaluate RUN.")


def number(entry: Entry) -> str:
    """Write nats ± standard error with the digits that the error leaves meaningful."""
    said = f"{entry.nats:.1f}" if entry.standard_error is None else f"{entry.nats:.2f} ± {entry.standard_error:.2f}"
    return said.replace("-", "−")


class _Score(NamedTuple):
    """A stored cell and the run that it is of."""

    run: str
    card: Card
    cell: Cell

    @property
    def entry(self) -> Entry:
        """Return the cell as a number of the table."""
        run, card, cell = self
        config = card.config
        model = FLOOR if cell.estimator == "floor" else _model_name(config) + (card.imported and ", imported")
        trouble = "" if cell.estimator == "floor" else card.trouble
        model += f", {card.verdict}" if trouble else ""
        if not (trouble or model == FLOOR or card.status == "finished"):
            trouble = f"its training is {card.status} after {card.epochs} of {config.epochs} epochs."
            model += f", {card.status} after {card.epochs} epochs"
        scored = WHOLE if cell.visible is None else _scored(cell.visible)
        return Entry(
            config.dataset, config.pixels, scored, model, ESTIMATORS[cell.estimator],
            cell.samples, cell.images, cell.mean, cell.standard_error, run, cell.seed,
            cell.visible if config.any_set and cell.visible != ANY else None, imported=card.imported,
            fingerprint=card.data_fingerprint, trouble=trouble,
        )  # fmt: skip

    @property
    def shown(self) -> tuple[object, ...]:
        """Return what was to be scored: so many test images, and what is visible of them."""
        return self.cell.images, self.cell.visible

    @property
    def estimate(self) -> tuple[object, ...]:
        """Return how that was done: the estimator, and its draws."""
        return self.cell.estimator, self.cell.samples, self.cell.samples and self.cell.seed

    def apart(self, other: "_Score") -> Sequence[str]:
        """Name what sets two runs apart."""
        return sameness.apart(sameness.of(self.card), sameness.of(other.card))


def _model_name(config: Config) -> str:
    """Name a model by what sets it apart in the table."""
    sets = " for any set" if config.any_set else ""
    if not config.latents:
        return f"{config.title}{sets}"
    kind, objective = config.title, config.objective
    if objective.gsnn:
        kind = "GSNN"
    elif objective.alpha != 1:
        kind = f"hybrid α = {objective.alpha:g}"
    elif objective.draws > 1:
        kind = f"{kind}, IWAE of {objective.draws},"
    if objective.beta != 1:
        kind = f"{kind}, β = {objective.beta:g},"
    latents = "" if config.visible_set else f", {config.latents} latents"
    seed = f", seed {config.seed}" if config.seed else ""
    return f"{kind}{sets} {config.preset}{latents}{seed}"


def _scored(visible: str) -> str:
    numbered = {"1": "1 quadrant", "2": "2 quadrants", "3": "3 quadrants"}
    return f"{numbered.get(visible, described(visible))} visible"


def _over_seeds(scores: Sequence[_Score]) -> list[Entry]:
    """Return mean and deviation over the runs that differ in their seed alone, where there are enough of them."""
    groups: list[list[_Score]] = []
    for score in sorted(scores, key=lambda score: score.card.config.seed):
        asked = (score.shown, score.estimate)
        alike = (
            group
            for group in groups
            if (group[0].shown, group[0].estimate) == asked and all(score.apart(other) == ["seed"] for other in group)
        )
        if (group := next(alike, None)) is None:
            groups.append(group := [])
        group.append(score)
    means = []
    for group in groups:
        if len(group) >= ENOUGH_SEEDS and not any(score.entry.trouble for score in group):
            nats = [score.cell.mean for score in group]
            name = _model_name(replace(group[0].card.config, seed=0))
            means.append(
                replace(
                    group[0].entry, model=f"{name}, {len(group)} seeds", nats=fmean(nats),
                    standard_error=stdev(nats), run=", ".join(score.run for score in group), seeds=len(group),
                )
            )  # fmt: skip
    return means


def _differences(scores: Sequence[_Score]) -> list[Entry]:
    """Return what models gain over the same test images, a difference for each two runs that may be compared."""
    sampled = [score for score in scores if score.cell.estimator == "importance"]
    pairs = [(_gained_on(other, score), other, score) for score in sampled for other in scores]
    return [_gap(name, other, score) for name, other, score in pairs if name]


def _gained_on(other: _Score, score: _Score) -> str:
    """Return what another score is beside a model's, as the difference is called; nothing where it compares with none.

    A baseline is that on which the model stands, scored on the same pixels. A VAE is one that the condition alone sets apart.
    """
    if other.shown != score.shown:
        return ""
    if other.cell.estimator == "baseline":
        stands_on = sameness.stands_on(score.card, other.card)
        return "NN" if stands_on and not {"images", "pixels"} & set(other.apart(score)) else ""
    unconditional, condition = other.card.config, score.card.config.given
    alike = condition and not unconditional.given and other.estimate == score.estimate
    return unconditional.title if alike and list(other.apart(score)) == ["flavour"] else ""


def _gap(name: str, other: _Score, score: _Score) -> Entry:
    entry, words = score.entry, [ESTIMATORS[each.cell.estimator] for each in (other, score)]
    kind = f"difference of {words[0]}" if words[0] == words[1] else " less ".join(words)
    pair = " − ".join(f"{run} ({card.epochs} epochs, {card.parameters / 1e6:.3g} M)" for run, card, _ in (other, score))
    return replace(
        entry, model=f"{GAP}{name} − {entry.model}", estimator=kind, nats=other.cell.mean - score.cell.mean,
        standard_error=None, against=other.run, pair=pair,
    )  # fmt: skip


def _references(scores: Sequence[Entry]) -> list[Entry]:
    """Return the published rows that may stand beside some scores: same images, same pixels, same quadrants."""
    rows = []
    genuine = {e.scored: e.fingerprint for e in scores if e.pixels == "grey" and is_genuine("mnist", e.fingerprint)}
    for position, visible in enumerate(("1", "2", "3")):
        place = ("mnist", "grey", _scored(visible))
        if place[-1] in genuine:
            published = [(model, ESTIMATORS[kind], draws, nats[position]) for model, kind, draws, nats in PYRO_ROWS]
            published.append((f"{GAP}NN − CVAE", "cross-entropy less −ELBO", 10, PYRO_GAP[position]))
            rows += [
                Entry(*place, f"{model}, {PYRO}", estimator, draws, 10_000, nats, None, None, fingerprint=genuine[place[-1]])
                for model, estimator, draws, nats in published
            ]  # fmt: skip
    return rows


def _pivot(title: str, rows: Sequence[Entry]) -> Pivot:
    cells: dict[tuple[str, str, int, int, str], dict[str, Entry]] = {}
    places = {entry: (entry.model, entry.estimator, entry.samples, entry.images, entry.pair) for entry in rows}
    shared = {place for (place, _), count in Counter((places[e], e.scored) for e in places).items() if count > 1}
    for entry, place in sorted(places.items(), key=lambda item: _row_order(item[0])):
        if place in shared:  # several runs of one description: each gets rows with its name
            place = (f"{entry.model}, {entry.run}", *place[1:])
        cells.setdefault(place, {})[entry.scored] = entry
    return Pivot(title, sorted({e.scored for e in rows}), [Line(*place, found) for place, found in cells.items()])


def _row_order(entry: Entry) -> tuple[bool, int, str, int, int]:
    """Sort baselines first, then models by estimator, differences, floors; reference rows last, in the same order."""
    kinds = list(ESTIMATORS.values())
    group = 3 if entry.model == FLOOR else 2 if entry.model.startswith(GAP) else 0 if entry.model[:2] == "NN" else 1
    estimator = kinds.index(entry.estimator) if entry.estimator in kinds else len(kinds)
    return entry.run is None, group, entry.model, estimator, entry.samples


def _shown(entry: Entry | None) -> str:
    return "–" if entry is None else number(entry)


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


_LATEX = {
    "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "α": r"$\alpha$", "β": r"$\beta$", "–": r"\textendash{}",
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": "$|$",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}  # fmt: skip


def escaped_for_latex(text: str) -> str:
    r"""Write text in ASCII as LaTeX shows it, letters that it has no command for by their number.

    >>> escaped_for_latex("a_b, β = 4, −0.5 ± 0.1, 数")
    'a\\_b, $\\beta$ = 4, $-$0.5 $\\pm$ 0.1, U+6570'
    """
    written = (_LATEX.get(letter) or (letter if " " <= letter <= "~" else f"U+{ord(letter):04X}") for letter in text)
    return re.sub("-(?=-)", "-{}", "".join(written))  # two hyphens would become a dash


def _latex(title: str, table: pd.DataFrame) -> str:
    rows = [" & ".join(row) for row in [list(table.columns), *table.to_numpy().tolist()]]
    body = " \\\\\n".join(rows[1:])
    columns = "llrr" + "r" * (len(table.columns) - 4)
    return (
        f"% {title}; nats per image, lower is better\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{rows[0]} \\\\\n\\midrule\n{body} \\\\\n\\bottomrule\n\\end{{tabular}}"
    )
