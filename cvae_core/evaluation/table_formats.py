"""Format the table of conditional log-likelihoods as readable tables, Markdown, LaTeX, and one row per number for CSV.

Rows are models and estimators, columns are the scored pixels. Each pixel protocol and each likelihood has its own tables.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.config.quadrant_names import described
from cvae_core.evaluation.table import ESTIMATORS, Entry

PYRO = "Pyro tutorial*"
PYRO_NOTE = "As published. The tutorial used its test images for early stopping too."
WHOLE = "whole image"
FLOOR, GAP = "floor", "gap, "
COLUMNS = ("dataset", "pixels", "scored", "model", "estimator", "samples", "images", "nats", "standard_error", "run", "seed",
           "visible", "seeds", "imported", "fingerprint", "against", "pair", "likelihood", "values",
           "bits_per_dimension")  # fmt: skip
PAIR = "the two runs (epochs, parameters)"  # column for differences


@dataclass(frozen=True)
class Line:
    """Hold one row of a readable table."""

    model: str
    estimator: str
    samples: int
    images: int
    pair: str  # the two runs of a difference, otherwise empty
    cells: Mapping[str, Entry]  # by scored pixels, the columns


@dataclass(frozen=True)
class Pivot:
    """Hold a readable table for a set of images, pixel protocol and likelihood: rows are estimates, columns scored pixels."""

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
        """Return the note on published rows below the table, or an empty text if there are none."""
        references = any(not entry.trained for line in self.lines for entry in line.cells.values())
        return f"* {PYRO_NOTE}" if references else ""

    @property
    def remarks(self) -> list[str]:
        """Return the notes below the table on differences that are compared with the information of the label."""
        entries = [entry for line in self.lines for entry in line.cells.values()]
        found = {(model_name(entry), entry.information) for entry in entries if entry.information is not None}
        return [
            f"{name}: the label's information is at most ln {math.exp(nats):.0f} = {nats:.2f} nats. A larger gap means that "
            "the two models differ in more than what they are given: in how well they fit, or in how tight their estimate is."
            for name, nats in sorted(found)
        ]

    @property
    def troubles(self) -> list[str]:
        """Return the notes below the table on runs without a sound model, one text per run."""
        entries = [entry for line in self.lines for entry in line.cells.values()]
        return sorted({f"{run_name(entry)}: {entry.trouble}" for entry in entries if entry.trouble})

    def frame(self, mark: str = "{}", escaped: Callable[[str], str] = str) -> pd.DataFrame:
        """Return the table as text. `escaped` is applied to each cell, and `mark` formats the best numbers."""
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
    """Return readable tables, one per set of images, pixel protocol, likelihood, and quadrants or whole image.

    Those with grey pixels and Bernoulli scores come first.
    """
    tables = []
    averaged = {(run, e.question) for e in rows if e.kind == "mean" for run in e.runs[1:]}
    order = {(*_images_order(e), *_order(e)): (e.images_name, e.pixels, e.likelihood) for e in rows}
    for _, protocol in sorted(order.items()):
        here = [e for e in rows if (e.images_name, e.pixels, e.likelihood) == protocol]
        chosen = [e for e in here if (*e.runs, e.question) not in averaged]
        for whole, title in ((False, "quadrants"), (True, WHOLE)):
            if part := [e for e in chosen if (e.visible is None) == whole]:
                tables.append(_pivot(f"{protocol[0]}, {_protocol(part[0])}, {title}", part))
    return tables


def _images_order(entry: Entry) -> tuple[bool, bool, str]:
    """Return a sort key of the images of a number: MNIST first, the embedded digits last."""
    return entry.dataset != "mnist", entry.dataset == "digits", entry.images_name


def _order(entry: Entry) -> tuple[int, bool]:
    """Return a sort key of the protocol of a number."""
    return list(LIKELIHOOD_FACTS).index(entry.likelihood), entry.pixels != "grey"


def _protocol(entry: Entry) -> str:
    """Name the pixels of a Bernoulli score, or another likelihood, which always scores the intensities themselves."""
    return f"{entry.pixels} pixels" if entry.likelihood == "bernoulli" else LIKELIHOOD_FACTS[entry.likelihood].words


def above_floors(rows: Sequence[Entry]) -> pd.DataFrame:
    """Return each floor, the lowest score of a model over the same number of images, and their difference.

    The difference is that of the numbers with one decimal, so that printed numbers add up.
    """
    columns = ["images", "scored", "floor", "model", "lowest figure", "above the floor"]
    found = []
    for pivot in pivots(rows):
        floors = {e.visible: e for line in pivot.lines for e in line.cells.values() if e.kind == "floor"}
        for best in sorted(pivot.best, key=scored):
            if (floor := floors.get(best.visible)) and floor.images == best.images:
                gap = round(round(best.nats, 1) - round(floor.nats, 1), 1)
                found.append([best.images_name, scored(best), floor.nats, best.model, best.nats, gap])
    return pd.DataFrame(found, columns=columns)


def long_table(rows: Sequence[Entry]) -> pd.DataFrame:
    """Return one row per number, for CSV."""
    return pd.DataFrame(
        [
            (
                e.images_name, e.pixels, scored(e), model_name(e).replace("*", f" ({PYRO_NOTE})"), estimator(e), e.samples,
                e.images, e.nats, e.standard_error, run_name(e), e.seed, e.asked, len(e.runs) if e.kind == "mean" else 1,
                e.imported, e.fingerprint, e.runs[0] if pair(e) else "", pair(e), e.likelihood, e.values, e.bits,
            )
            for e in rows
        ],
        columns=list(COLUMNS),
        dtype=object,  # keeps integers beside None
    )  # fmt: skip


def markdown(rows: Sequence[Entry]) -> str:
    """Return the readable tables as Markdown, with headings and the best numbers in bold."""
    tables = [
        f"### {pivot.title}\n\n{_markdown(pivot.frame('**{}**'))}"
        + (f"\n\n\\{pivot.note}" if pivot.note else "")
        + "".join(f"\n\n{words}" for words in (*pivot.remarks, *pivot.troubles))
        for pivot in pivots(rows)
    ]
    return "\n\n".join(tables) + "\n"


def latex(rows: Sequence[Entry]) -> str:
    """Return the readable tables as ASCII LaTeX, the best numbers in bold. A comment names the required package."""
    tables = [
        _latex(escaped_for_latex(pivot.title), pivot.frame(r"\textbf{{{}}}", escaped_for_latex))
        + "".join(f"\n% {escaped_for_latex(note)}" for note in (pivot.note, *pivot.remarks, *pivot.troubles) if note)
        for pivot in pivots(rows)
    ]
    return "\n\n".join(["% \\usepackage{booktabs} in the preamble", *tables]) + "\n"


def number(entry: Entry) -> str:
    """Format nats ± standard error with two decimals, or nats without an error with one."""
    text = f"{entry.nats:.1f}" if entry.standard_error is None else f"{entry.nats:.2f} ± {entry.standard_error:.2f}"
    return text.replace("-", "−")


def with_bits(entry: Entry) -> str:
    """Format a number as `number` does, with bits per dimension in parentheses if its likelihood is proper."""
    return number(entry) if entry.bits is None else f"{number(entry)} ({entry.bits:.2f} bits/dim)"


def model_name(entry: Entry) -> str:
    """Return the name of a number's row."""
    name = entry.model
    match entry.kind:
        case "floor":
            name = FLOOR
        case "mean":
            name += f", {len(entry.runs)} seeds (± between seeds)"
        case "difference":
            name = f"{GAP}{entry.minuend} − {name}"
    return name if entry.trained else f"{name}, {PYRO}"


def estimator(entry: Entry) -> str:
    """Return the name of a number's estimator or, for a difference, of both."""
    words = list(dict.fromkeys(ESTIMATORS[each] for each in entry.estimators))
    return f"difference of {words[0]}" if len(words) < len(entry.estimators) else " less ".join(words)


def scored(entry: Entry) -> str:
    """Return the scored pixels as a column name: "1 quadrant visible", …, "whole image"."""
    numbered = {None: WHOLE, "1": "1 quadrant visible", "2": "2 quadrants visible", "3": "3 quadrants visible"}
    return numbered.get(entry.visible) or f"{described(str(entry.visible))} visible"


def briefly(scored: str) -> str:
    """Shorten the name of scored pixels for a narrow column.

    >>> briefly("2 quadrants visible"), briefly("whole image")
    ('2 quadrants', 'image')
    """
    return scored.removesuffix(" visible").removeprefix("whole ")


def run_name(entry: Entry) -> str | None:
    """Return the run of a number, all runs of a mean, or the second run of a difference. None if published."""
    return (", ".join(entry.runs) if entry.kind == "mean" else entry.runs[-1]) if entry.runs else None


def pair(entry: Entry) -> str:
    """Return both runs of a difference with their epochs and parameters, or an empty text for other numbers."""
    words = [f"{run} ({epochs} epochs, {parameters / 1e6:.3g} M)" for run, epochs, parameters in entry.trained]
    return " − ".join(words) if entry.kind == "difference" else ""


def _pivot(title: str, rows: Sequence[Entry]) -> Pivot:
    cells: dict[tuple[str, str, int, int, str], dict[str, Entry]] = {}
    places = {e: (model_name(e), estimator(e), e.samples, e.images, pair(e)) for e in rows}
    shared = {place for (place, _), count in Counter((places[e], e.visible) for e in places).items() if count > 1}
    for entry, place in sorted(places.items(), key=lambda item: _row_order(item[0])):
        if place in shared:  # several runs with the same name of the row: add the name of the run
            place = (f"{place[0]}, {run_name(entry)}", *place[1:])
        cells.setdefault(place, {})[scored(entry)] = entry
    return Pivot(title, sorted(set(map(scored, rows))), [Line(*place, found) for place, found in cells.items()])


def _row_order(entry: Entry) -> tuple[object, ...]:
    """Return a sort key: baselines, models by name and estimator, differences, floors, then published figures alike."""
    group = 0 if entry.estimators == ("baseline",) else {"difference": 2, "floor": 3}.get(entry.kind, 1)
    by = list(ESTIMATORS).index(entry.estimators[0])
    return not entry.trained, group, model_name(entry), by, entry.samples


def _shown(entry: Entry | None) -> str:
    return "–" if entry is None else with_bits(entry)


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


_LATEX = {
    "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "α": r"$\alpha$", "β": r"$\beta$", "–": r"\textendash{}",
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": "$|$",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}  # fmt: skip


def escaped_for_latex(text: str) -> str:
    r"""Escape text for LaTeX in ASCII. Characters without a LaTeX command become their code point.

    >>> escaped_for_latex("a_b, β = 4, −0.5 ± 0.1, 数")
    'a\\_b, $\\beta$ = 4, $-$0.5 $\\pm$ 0.1, U+6570'
    """
    written = (_LATEX.get(letter) or (letter if " " <= letter <= "~" else f"U+{ord(letter):04X}") for letter in text)
    return re.sub("-(?=-)", "-{}", "".join(written))  # LaTeX would set two hyphens as a dash


def _latex(title: str, table: pd.DataFrame) -> str:
    rows = [" & ".join(row) for row in [list(table.columns), *table.to_numpy().tolist()]]
    body = " \\\\\n".join(rows[1:])
    columns = "llrr" + "r" * (len(table.columns) - 4)
    return (
        f"% {title}; nats per image, lower is better\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{rows[0]} \\\\\n\\midrule\n{body} \\\\\n\\bottomrule\n\\end{{tabular}}"
    )
