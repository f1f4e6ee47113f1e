"""Write the table of conditional log-likelihoods as readable tables, Markdown, LaTeX, and one row per number for CSV.

Rows are models and estimators, columns what is scored; the two pixel protocols never share a column.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from cvae_core.config.quadrant_names import described
from cvae_core.evaluation.table import ESTIMATORS, Entry

PYRO = "Pyro tutorial*"
PYRO_NOTE = "As published; its test set was also the one that early stopping watched."
WHOLE = "whole image"
FLOOR, GAP = "floor", "gap, "
COLUMNS = ("dataset", "pixels", "scored", "model", "estimator", "samples", "images", "nats", "standard_error", "run", "seed",
           "visible", "seeds", "imported", "fingerprint", "against", "pair")  # fmt: skip
PAIR = "the two runs (epochs, parameters)"  # column of the differences


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
        return f"{GAP}{' − '.join(entry.runs)}" if self.pair else self.model


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
        return {min((e for e in full if e.visible == c), key=lambda e: e.nats) for c in {e.visible for e in full}}

    @property
    def note(self) -> str:
        """Return what is to be said below the table of its published rows, or nothing where it has none."""
        references = any(not entry.trained for line in self.lines for entry in line.cells.values())
        return f"* {PYRO_NOTE}" if references else ""

    @property
    def troubles(self) -> list[str]:
        """Return what is to be said below the table of runs that did not train to a sound model, a sentence each."""
        entries = [entry for line in self.lines for entry in line.cells.values()]
        return sorted({f"{run_name(entry)}: {entry.trouble}" for entry in entries if entry.trouble})

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


def pivots(rows: Sequence[Entry]) -> list[Pivot]:
    """Return the readable tables, one per set of images, pixel protocol and kind of model; grey before binarised."""
    tables = []
    averaged = {(run, e.question) for e in rows if e.kind == "mean" for run in e.runs[1:]}
    order = {(e.dataset == "digits", e.images_name, e.pixels != "grey"): (e.images_name, e.pixels) for e in rows}
    for _, protocol in sorted(order.items()):
        here = [e for e in rows if (e.images_name, e.pixels) == protocol]
        chosen = [e for e in here if (*e.runs, e.question) not in averaged]
        for whole, title in ((False, "quadrants"), (True, WHOLE)):
            if part := [e for e in chosen if (e.visible is None) == whole]:
                tables.append(_pivot(f"{protocol[0]}, {protocol[1]} pixels, {title}", part))
    return tables


def above_floors(rows: Sequence[Entry]) -> pd.DataFrame:
    """Return each floor beside the lowest score of a model over as many images, and how far that is above it."""
    columns = ["images", "scored", "floor", "model", "lowest figure", "above the floor"]
    found = []
    for pivot in pivots(rows):
        floors = {e.visible: e for line in pivot.lines for e in line.cells.values() if e.kind == "floor"}
        for best in sorted(pivot.best, key=scored):
            if (floor := floors.get(best.visible)) and floor.images == best.images:
                gap = best.nats - floor.nats
                found.append([best.images_name, scored(best), floor.nats, best.model, best.nats, gap])
    return pd.DataFrame(found, columns=columns)


def long_table(rows: Sequence[Entry]) -> pd.DataFrame:
    """Return one row per number: what CSV holds."""
    return pd.DataFrame(
        [
            (
                e.images_name, e.pixels, scored(e), model_name(e).replace("*", f" ({PYRO_NOTE})"), estimator(e), e.samples,
                e.images, e.nats, e.standard_error, run_name(e), e.seed, e.asked, len(e.runs) if e.kind == "mean" else 1,
                e.imported, e.fingerprint, e.runs[0] if pair(e) else "", pair(e),
            )
            for e in rows
        ],
        columns=list(COLUMNS),
        dtype=object,  # whole numbers beside None
    )  # fmt: skip


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


def number(entry: Entry) -> str:
    """Write nats ± standard error with the digits that the error leaves meaningful."""
    said = f"{entry.nats:.1f}" if entry.standard_error is None else f"{entry.nats:.2f} ± {entry.standard_error:.2f}"
    return said.replace("-", "−")


def model_name(entry: Entry) -> str:
    """Return what the row of a number is called."""
    name = entry.model
    match entry.kind:
        case "floor":
            name = FLOOR
        case "mean":
            name += f", {len(entry.runs)} seeds"
        case "difference":
            name = f"{GAP}{'NN' if entry.estimators[0] == 'baseline' else 'VAE'} − {name}"
    return name if entry.trained else f"{name}, {PYRO}"


def estimator(entry: Entry) -> str:
    """Return what a number is estimated by, or of which estimates it is the difference."""
    words = list(dict.fromkeys(ESTIMATORS[each] for each in entry.estimators))
    return f"difference of {words[0]}" if len(words) < len(entry.estimators) else " less ".join(words)


def scored(entry: Entry) -> str:
    """Return what the nats are about: "1 quadrant visible", …, "whole image"."""
    numbered = {None: WHOLE, "1": "1 quadrant visible", "2": "2 quadrants visible", "3": "3 quadrants visible"}
    return numbered.get(entry.visible) or f"{described(str(entry.visible))} visible"


def run_name(entry: Entry) -> str | None:
    """Return the runs of a mean or the run of another number, of a difference the one whose gain it is."""
    return (", ".join(entry.runs) if entry.kind == "mean" else entry.runs[-1]) if entry.runs else None


def pair(entry: Entry) -> str:
    """Return both runs of a difference with their epochs and parameters, nothing for another number."""
    words = [f"{run} ({epochs} epochs, {parameters / 1e6:.3g} M)" for run, epochs, parameters in entry.trained]
    return " − ".join(words) if entry.kind == "difference" else ""


def _pivot(title: str, rows: Sequence[Entry]) -> Pivot:
    cells: dict[tuple[str, str, int, int, str], dict[str, Entry]] = {}
    places = {e: (model_name(e), estimator(e), e.samples, e.images, pair(e)) for e in rows}
    shared = {place for (place, _), count in Counter((places[e], e.visible) for e in places).items() if count > 1}
    for entry, place in sorted(places.items(), key=lambda item: _row_order(item[0])):
        if place in shared:  # several runs of one description: each gets rows with its name
            place = (f"{place[0]}, {run_name(entry)}", *place[1:])
        cells.setdefault(place, {})[scored(entry)] = entry
    return Pivot(title, sorted(set(map(scored, rows))), [Line(*place, found) for place, found in cells.items()])


def _row_order(entry: Entry) -> tuple[object, ...]:
    """Sort baselines first, then models by estimator, differences, floors; published figures last, in the same order."""
    group = 0 if entry.estimators == ("baseline",) else {"difference": 2, "floor": 3}.get(entry.kind, 1)
    by = list(ESTIMATORS).index(entry.estimators[0])
    return not entry.trained, group, model_name(entry), by, entry.samples


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
