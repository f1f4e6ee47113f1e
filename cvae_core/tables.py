"""The table of conditional log-likelihoods: what runs have stored, beside floors and published reference rows.

Rows are models and estimators, columns what is scored; the two pixel protocols never share a column. Everything is
−log p(x | c) in nats per image, mean ± standard error over images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cvae_core.config import Config
from cvae_core.errors import ConfigError
from cvae_core.evaluation import Cell, Estimator, stored_cells
from cvae_core.quadrants import ANY, described
from cvae_core.runs import Run

ESTIMATORS: Mapping[Estimator, str] = {
    "floor": "entropy of the grey pixels",
    "baseline": "cross-entropy",
    "elbo": "−ELBO",
    "prior": "prior Monte Carlo",
    "importance": "importance sampling",
}
# The Pyro tutorial's table, as its notebook prints it: "CVAE (Monte Carlo)" there averages the ELBO over 10 draws from
# the recognition network, and its test set is also the one that early stopping watched.
PYRO = "Pyro tutorial (test set used for early stopping)"
PYRO_ROWS: Sequence[tuple[str, Estimator, int, tuple[float, float, float]]] = (
    ("NN (baseline)", "baseline", 0, (100.4, 61.9, 25.4)),
    ("CVAE", "elbo", 10, (71.8, 51.0, 24.2)),
)
COLUMNS = ("dataset", "pixels", "scored", "model", "estimator", "samples", "images", "nats", "standard_error", "run")


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


def entries(runs: Sequence[Run]) -> list[Entry]:
    """Return all stored test cells of some runs, with the reference rows that belong beside them."""
    found = [
        _entry(run.card().config, cell, run.name) for run in runs for cell in stored_cells(run) if cell.split == "test"
    ]
    floors = {(e.dataset, e.scored): e for e in sorted(found, key=lambda e: e.images) if e.model == "floor"}
    rows = [entry for entry in found if entry.model != "floor"] + list(floors.values())
    for number, position in (("1", 0), ("2", 1), ("3", 2)):
        if any((e.dataset, e.pixels, e.scored) == ("mnist", "grey", _scored(number)) for e in rows):
            rows += [
                Entry("mnist", "grey", _scored(number), f"{model}, {PYRO}", ESTIMATORS[kind], draws, 10_000,
                      values[position], None, None)
                for model, kind, draws, values in PYRO_ROWS
            ]  # fmt: skip
    return rows


def long_table(rows: Sequence[Entry]) -> pd.DataFrame:
    """Return one row per number: what CSV holds."""
    return pd.DataFrame([vars(entry) for entry in rows], columns=list(COLUMNS))


def pivots(rows: Sequence[Entry]) -> dict[str, pd.DataFrame]:
    """Return one readable table per data set and pixel protocol: rows are estimates, columns what is scored."""
    tables: dict[str, pd.DataFrame] = {}
    for dataset, pixels in sorted({(e.dataset, e.pixels) for e in rows}):
        chosen = [e for e in rows if (e.dataset, e.pixels) == (dataset, pixels)]
        for family, title in ((True, "quadrants"), (False, "whole image")):
            part = [e for e in chosen if (e.scored != WHOLE) == family]
            if part:
                tables[f"{dataset}, {pixels} pixels, {title}"] = _pivot(part)
    return tables


def markdown(rows: Sequence[Entry]) -> str:
    """Return the readable tables as Markdown, a heading each."""
    return "\n\n".join(f"### {title}\n\n{_markdown(table)}" for title, table in pivots(rows).items()) + "\n"


def latex(rows: Sequence[Entry]) -> str:
    """Return the readable tables as LaTeX tabulars for the booktabs package."""
    return "\n\n".join(_latex(title, table) for title, table in pivots(rows).items()) + "\n"


WHOLE = "whole image"


def _entry(config: Config, cell: Cell, run: str) -> Entry:
    names = {"floor": "floor", "baseline": "NN (baseline)"}
    model = names.get(cell.estimator) or _model_name(config)
    scored = WHOLE if cell.visible is None else _scored(cell.visible)
    return Entry(
        config.dataset, config.pixels, scored, model, ESTIMATORS[cell.estimator],
        cell.samples, cell.images, cell.mean, cell.standard_error, run,
    )  # fmt: skip


def _model_name(config: Config) -> str:
    """Name a model by what sets it apart in the table."""
    kind = {"vae": "VAE", "label": "label CVAE", "quadrant": "CVAE"}.get(config.flavour, config.flavour)
    any_set = " for any set" if getattr(config, "visible", None) == ANY else ""
    latents = f", {config.latents} latents" if config.flavour != "quadrant" else ""
    seed = f", seed {config.seed}" if config.seed else ""
    return f"{kind}{any_set} {config.preset}{latents}{seed}"


def _scored(visible: str) -> str:
    numbered = {"1": "1 quadrant", "2": "2 quadrants", "3": "3 quadrants"}
    return f"{numbered.get(visible, described(visible))} visible"


def _pivot(rows: Sequence[Entry]) -> pd.DataFrame:
    columns = sorted({e.scored for e in rows})
    order: dict[tuple[str, str, int, int], dict[str, Entry]] = {}
    for entry in sorted(rows, key=_row_order):
        order.setdefault((entry.model, entry.estimator, entry.samples, entry.images), {})[entry.scored] = entry
    return pd.DataFrame(
        [
            [model, estimator, str(samples or "–"), f"{images:,}"]
            + [number(cells[column]) if column in cells else "–" for column in columns]
            for (model, estimator, samples, images), cells in order.items()
        ],
        columns=["model", "estimator", "S", "N", *columns],
    )


def _row_order(entry: Entry) -> tuple[bool, bool, bool, str, int, int]:
    """Sort baselines first, then models with their estimators, floors and reference rows last."""
    kinds = list(ESTIMATORS.values())
    is_reference, is_floor = entry.run is None, entry.model == "floor"
    is_model = not entry.model.startswith("NN")
    return is_reference, is_floor, is_model, entry.model, kinds.index(entry.estimator), entry.samples


def number(entry: Entry) -> str:
    """Write nats ± standard error with the digits that the error leaves meaningful."""
    if entry.standard_error is None:
        return f"{entry.nats:.1f}"
    return f"{entry.nats:.2f} ± {entry.standard_error:.2f}"


def _markdown(table: pd.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _latex(title: str, table: pd.DataFrame) -> str:
    rows = [" & ".join(map(str, line)).replace("−", "$-$").replace("±", r"$\pm$") for line in table.to_numpy().tolist()]
    head = " & ".join(table.columns)
    body = " \\\\\n".join(rows)
    columns = "llrr" + "r" * (len(table.columns) - 4)
    return (
        f"% {title}; nats per image, lower is better\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n"
        f"\\midrule\n{body} \\\\\n\\bottomrule\n\\end{{tabular}}"
    )


def require_entries(rows: Sequence[Entry]) -> None:
    """Raise ConfigError where there is nothing to tabulate."""
    if not any(entry.run for entry in rows):
        raise ConfigError("None of these runs has stored results: make some with python -m cvae_core evaluate RUN.")
