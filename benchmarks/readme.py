"""Write the README's tables from what the pretrained runs have stored: `python -m benchmarks.readme`."""

import json
from collections.abc import Sequence
from pathlib import Path

from cvae_core import tables
from cvae_core.judging import stored_judgement
from cvae_core.runs import Run, default_root, find, readable

SPEED = Path(__file__).with_name("speed.json")
README = Path(__file__).resolve().parents[1] / "README.md"


def sealed() -> list[Run]:
    """Return the pretrained runs."""
    return [find(name, default_root()) for name, card in readable(default_root())[0].items() if card.read_only]


def scores(runs: Sequence[Run]) -> str:
    """Return the tables of conditional log-likelihoods on MNIST."""
    scored = [run for run in runs if run.card().config.dataset == "mnist"]
    return tables.markdown(tables.entries(scored)).strip()


def judgements(runs: Sequence[Run]) -> str:
    """Return what the classifier found."""
    rows = ["| run | measure | value | real digits or chance |", "| --- | --- | --- | --- |"]
    for run in runs:
        for finding in stored_judgement(run):
            if " read as " not in finding.name:
                beside = "–" if finding.reference is None else f"{finding.reference:.4f}"
                rows.append(f"| `{run.name}` | {finding.name} | {finding.value:.4f} | {beside} |")
    return "\n".join(rows)


def speed() -> str:
    """Return the lab's speed beside the tutorial's, as last measured."""
    if not SPEED.exists():
        return ""
    results = json.loads(SPEED.read_text())
    machine = results.pop("machine")
    rows = ["| | Pyro tutorial | lab | ratio | peak memory |", "| --- | --- | --- | --- | --- |"]
    for name, found in results.items():
        peer, lab = found["peer"], found["lab"]
        memory = f"{peer['megabytes'] / 1000:.1f} GB, {lab['megabytes'] / 1000:.1f} GB"
        if "per_second" in lab:
            ratio, unit = lab["per_second"] / peer["per_second"], "per second"
            values = [f"{one['per_second']:,.0f} {unit}" for one in (peer, lab)]
        else:
            ratio = peer["seconds"] / lab["seconds"]
            values = [f"{one['seconds']:.1f} s" + _where(one) for one in (peer, lab)]
        rows.append(f"| {name} | {values[0]} | {values[1]} | {ratio:.1f} | {memory} |")
    rates = ", ".join(f"{rate} GFLOP/s in {dtype}" for dtype, rate in machine["gflops"].items())
    said = f"{machine['processor']}, {machine['threads']} threads, torch {machine['torch']}, matrix products {rates}"
    return "\n".join([*rows, "", f"Measured on {machine['date']}: {said}."])


def _where(one: dict[str, float]) -> str:
    return f" ({one['reached']:.1f} after {one['epochs']:.0f} epochs)" if "reached" in one else ""


def written(text: str) -> str:
    """Return a README with its tables made anew between their markers."""
    runs = sealed()
    for marker, table in {"table": scores(runs), "judged": judgements(runs), "speed": speed()}.items():
        before, _, rest = text.partition(f"<!-- {marker} -->\n")
        _, end, after = rest.partition(f"\n<!-- /{marker} -->")
        if end:
            text = f"{before}<!-- {marker} -->\n{table}{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
