"""Write the tables of README.md and docs/ from the stored results: `python -m benchmarks.docs`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.checkpoints import ILLUSTRATIONS
from benchmarks.machine import measured_on
from cvae_core.evaluation import table as tables
from cvae_core.evaluation import table_formats
from cvae_core.evaluation.sample_quality import stored_judgement
from cvae_core.runs.run import Run, default_root, find, readable

SPEED, LOAD = (Path(__file__).with_name(name) for name in ("speed.json", "load.json"))
REPOSITORY = Path(__file__).resolve().parents[1]
TABLES = {  # for each document, the names of the markers around its tables
    "README.md": ("summary",),
    "docs/results.md": ("table", "judged"),
    "docs/performance.md": ("answers", "speed"),
}
SUMMARY = (  # rows of the README: model, estimator, S
    ("NN baseline (mlp)", "cross-entropy", "–"),
    ("CVAE, Pyro tutorial*", "−ELBO", "10"),
    ("CVAE (mlp)", "−ELBO", "100"),
    ("CVAE (mlp)", "importance sampling", "100"),
    ("CVAE ladder", "importance sampling", "100"),
    ("floor", "entropy of the grey pixels", "–"),
)


def sealed() -> list[Run]:
    """Return the pretrained runs."""
    return [find(name, default_root()) for name, card in readable(default_root())[0].items() if card.read_only]


def scores(runs: Sequence[Run]) -> str:
    """Return the tables of conditional log-likelihoods on MNIST."""
    return table_formats.markdown(_entries(runs)).strip()


def summary(runs: Sequence[Run]) -> str:
    """Return the rows `SUMMARY` of the table of quadrant models on grey pixels."""
    pivot = next(
        pivot for pivot in table_formats.pivots(_entries(runs)) if pivot.title == "mnist, grey pixels, quadrants"
    )
    columns = ["model", "estimator", "S", *pivot.columns]
    frame = pivot.frame("**{}**")[columns].set_index(columns[:3], drop=False)
    rows = [columns, ["---"] * len(columns), *(frame.loc[[row]].iloc[0] for row in SUMMARY)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _entries(runs: Sequence[Run]) -> list[tables.Entry]:
    scored = [run for run in runs if run.card().config.dataset == "mnist" and run.name not in ILLUSTRATIONS]
    return tables.entries(scored)


def judgements(runs: Sequence[Run]) -> str:
    """Return the table of the classifier's findings."""
    rows = ["| run | measure | value | real or chance |", "| --- | --- | --- | --- |"]
    for run in runs:
        for finding in stored_judgement(run):
            if " read as " not in finding.name:
                beside = "–" if finding.reference is None else f"{finding.reference:.4f}"
                rows.append(f"| `{run.name}` | {finding.name} | {finding.value:.4f} | {beside} |")
    return "\n".join(rows)


def speed() -> str:
    """Return the tables of the last measured speed of the lab and of the tutorial."""
    if not SPEED.exists():
        return ""
    results = json.loads(SPEED.read_text())
    machine = results["machine"]
    rates = ", ".join(f"{rate} GFLOP/s in {dtype}" for dtype, rate in machine["gflops"].items())
    more = f", {machine['threads']} threads, torch {machine['torch']}, matrix products {rates}"
    return "\n\n".join(
        [
            _beside(results["beside"]),
            _step(results["step"], machine["gflops"]),
            _scoring(results["scoring"]),
            _shared(results["shared"]),
            measured_on(machine, more),
        ]
    )


def _beside(results: Mapping[str, Any]) -> str:
    rows = ["| | Pyro tutorial | lab | ratio | peak memory |", "| --- | --- | --- | --- | --- |"]
    for name, found in results.items():
        peer, lab = found["peer"], found["lab"]
        memory = f"{peer['megabytes'] / 1000:.1f} GB, {lab['megabytes'] / 1000:.1f} GB"
        if "per_second" in lab:
            ratio = lab["per_second"] / peer["per_second"]
            values = [f"{one['per_second']:,.0f} per second" for one in (peer, lab)]
        else:
            ratio = peer["seconds"] / lab["seconds"]
            values = [f"{one['seconds']:.1f} s" + _where(one) for one in (peer, lab)]
        rows.append(f"| {name} | {values[0]} | {values[1]} | {ratio:.1f} | {memory} |")
    return "\n".join(rows)


def _step(found: Mapping[str, float], rates: Mapping[str, float]) -> str:
    parts = {name: value for name, value in found.items() if name not in ("gflop", "megabytes")}
    total = sum(parts.values())
    shares = ", ".join(f"{name} {value / total:.0%}" for name, value in parts.items())
    rate, best = found["gflop"] / total * 1000, max(rates.values())
    return (
        f"A training step of `classic` on 128 images takes {total:.1f} ms: {shares}. Its matrix products are "
        f"{found['gflop']:.2f} GFLOP, which gives {rate:.0f} GFLOP/s: {rate / best:.0%} of the rate of large "
        "matrix products on this machine."
    )


def _scoring(found: Sequence[Mapping[str, float]]) -> str:
    rows = ["| scoring `quadrant-1` | seconds | µs per draw and image | peak memory |", "| --- | --- | --- | --- |"]
    for one in found:
        each = one["seconds"] / (one["samples"] * one["images"]) * 1e6
        rows.append(
            f"| S = {one['samples']:,.0f}, N = {one['images']:,.0f} | {one['seconds']:.1f} | {each:.1f} | "
            f"{one['megabytes'] / 1000:.1f} GB |"
        )
    return "\n".join(rows)


def _shared(found: Sequence[Mapping[str, float]]) -> str:
    one, two = found
    epoch, scoring = (one[what] / two[what] for what in ("seconds", "scoring"))
    return (
        f"An epoch of `label` takes {one['seconds']:.1f} s with one process of one thread. With two such processes, started "
        f"by `torchrun`, it takes {two['seconds']:.1f} s ({epoch:.2f} times the speed): they exchange {two['exchanged']:.1f} "
        "MB of gradients in each step. "
        f"Scoring 2,000 images takes {one['scoring']:.1f} s with one process and {two['scoring']:.1f} s with two "
        f"({scoring:.2f} times the speed): the processes exchange nothing."
    )


def _where(one: dict[str, float]) -> str:
    return f" ({one['reached']:.1f} after {one['epochs']:.0f} epochs)" if "reached" in one else ""


def answers() -> str:
    """Return the table of the dashboard's last measured answer times."""
    if not LOAD.exists():
        return ""
    results = json.loads(LOAD.read_text())
    rows = [
        "| page | answer after a start | next | control | opens after a start | in a new browser | again | at most |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for page, found in results["pages"].items():
        control = "–" if found["control"] is None else f"{1000 * found['control']:.0f} ms"
        cells = [page, f"{found['cold']:.2f} s", f"{found['warm']:.2f} s", control, *_opened(found.get("opened"))]
        rows.append(f"| {' | '.join(cells)} |")
    said = [
        f"Ten visitors use the page {page} at once. Each clicks one second after the last answer. Half of the "
        f"{found['clicks']} answers take at most {found['median']:.2f} s, 95 % at most {found['p95']:.2f} s."
        for page, found in results["crowds"].items()
    ]
    return "\n".join([*rows, "", *(f"{one}\n" for one in said), measured_on(results["machine"])])


def _opened(found: Mapping[str, Sequence[float]] | None) -> list[str]:
    """Format the times until a page's title and controls are visible and until the page is complete, in a browser."""
    if found is None:
        return ["–"] * 4
    return [f"{found[how][0]:.2f}, {found[how][1]:.2f} s" for how in ("start", "new", "again", "most")]


def made() -> dict[str, str]:
    """Return all tables, by the names of their markers."""
    runs = sealed()
    return {
        "summary": summary(runs), "table": scores(runs), "judged": judgements(runs), "speed": speed(), "answers": answers()
    }  # fmt: skip


def written(text: str, found: Mapping[str, str]) -> str:
    """Return a document with the tables between its markers replaced."""
    for marker, table in found.items():
        text = between(text, marker, table)
    return text


def between(text: str, marker: str, table: str) -> str:
    """Return a text with everything between two markers replaced by a table; unchanged if the markers are missing."""
    before, _, rest = text.partition(f"<!-- {marker} -->\n")
    _, end, after = rest.partition(f"\n<!-- /{marker} -->")
    return f"{before}<!-- {marker} -->\n{table}{end}{after}" if end else text


if __name__ == "__main__":
    found = made()
    for document in TABLES:
        path = REPOSITORY / document
        path.write_text(written(path.read_text(), found))
