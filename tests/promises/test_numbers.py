"""Impossible numbers are refused when a file is read, with a sentence that names the file."""

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

from cvae_core.cli import main
from cvae_core.data import datasets
from cvae_core.errors import RunDamaged
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.evaluation.results import RESULTS, Cell, stored_cells
from cvae_core.evaluation.sample_quality import RESULTS as JUDGEMENT
from cvae_core.evaluation.sample_quality import Finding, store_judgement, stored_judgement
from cvae_core.jobs import heartbeat, queue
from cvae_core.jobs.heartbeat import Heartbeat, Progress
from cvae_core.jobs.queue import Entry
from cvae_core.runs.card import Card
from cvae_core.runs.run import find, readable
from cvae_core.system import files
from cvae_core.system.folders import QUEUE
from cvae_core.system.processes import Process, this
from tests.cvae_core.results import store
from tests.measuring import Measured

pytestmark = pytest.mark.promise
RUN = "digits-label"
CARDS: dict[str, list[Any]] = {
    "created": [
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+00:00",
        "9999-12-31T23:59:59-12:00",
        "2026-01-31T00:00:00",
        "",
        "x",
    ],
    "threads": [-5, 0, 10**6],
    "processes": [-1, 0, 2**40],
    "parameters": [-1, 2**63 - 1],
    "seconds": [-1.0, 1e300],
    "epochs": [-1, 2**40],
    "best_epoch": [-1, 2**40],
    "metrics": [{"bound": -1.7e308, "reconstruction": 0.0, "rate": 0.0, "elbo": -1.7e308}],
    "rates": [[1e300, 0.0], [-1.7e308, 0.0]],
}
CELLS = {
    "samples": [-1, 2**63 - 1], "images": [0, -1, 2**63 - 1], "seed": [-1, -(2**62)], "mean": [1.7e308, -1.7e308],
    "standard_error": [-0.1, 1.7e308], "seconds": [-1.0, 1e300], "split": ["![x](http://x)"],
    "visible": ["![x](http://x)", "0"],
}  # fmt: skip
FINDINGS = {"value": [-1.0, 1.7e308], "of": [0, -1, 2**63 - 1], "reference": [-1.0, 1.7e308]}


def each(ranges: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in ranges.items() for value in values]


def changed(path: Path, name: str, value: Any, part: str | None = None) -> None:
    content = files.read_json(path)
    (content[part][0] if part else content)[name] = value
    files.write_json(path, content)


@pytest.mark.parametrize(("name", "value"), each(CARDS))
def test_a_card_of_impossible_numbers_is_damaged_and_hides_no_other(
    name: str, value: Any, root: Path, capsys: pytest.CaptureFixture[str], measured: Measured
) -> None:
    changed(root / RUN / "card.json", name, value)
    with pytest.raises(RunDamaged, match=f"{name} cannot be .*card.json"):
        find(RUN, root).card()
    cards, (damage,) = readable(root)
    assert RUN not in cards
    assert len(str(damage)) < 600
    assert main.main(["list", "--root", str(root)]) == 0
    said = capsys.readouterr()
    assert "digits-vae" in said.out
    assert "0" * 100 not in said.out + said.err
    for words in (["export", RUN, "--tensorboard", str(root / "log")], ["table", RUN]):
        assert main.main([*words, "--root", str(root)]) == 2
        assert "Traceback" not in capsys.readouterr().err
    measured("numbers", values=1)


@pytest.fixture(scope="module")
def scored(trained_root: Path) -> Iterator[tuple[list[Cell], list[Finding]]]:
    *_, last = evaluate(find(RUN, trained_root).model(), datasets.load("digits").test, samples=3, images=20)
    return list(last.cells), [Finding(name="samples of 3 read as 3", value=0.5, of=10)]


@pytest.mark.parametrize(("name", "value"), each(CELLS))
def test_a_cell_of_impossible_numbers_is_damaged(
    name: str, value: Any, scored: tuple[list[Cell], list[Finding]], root: Path, measured: Measured
) -> None:
    run = find(RUN, root)
    store(run, scored[0])
    changed(run.folder / RESULTS, name, value, "cells")
    with pytest.raises(RunDamaged, match=RESULTS):
        stored_cells(run)
    measured("numbers", values=1)


@pytest.mark.parametrize(("name", "value"), each(FINDINGS))
def test_a_finding_of_impossible_numbers_is_damaged(
    name: str, value: Any, scored: tuple[list[Cell], list[Finding]], root: Path, measured: Measured
) -> None:
    run = find(RUN, root)
    store_judgement(run, scored[1], run.weights_digest())
    changed(run.folder / JUDGEMENT, name, value, "findings")
    with pytest.raises(RunDamaged, match=JUDGEMENT):
        stored_judgement(run)
    measured("numbers", values=1)


@pytest.mark.parametrize(
    "change",
    [{"pid": -1}, {"pid": 0}, {"pid": 2**62}, {"killed_for_memory": -1}, {"progress": {"share": -0.1}},
     {"progress": {"share": 2.0}}, {"progress": {"left": -1.0}}, {"progress": {"left": 1e300}}],
)  # fmt: skip
def test_a_sign_of_life_of_impossible_numbers_is_none(
    change: dict[str, Any], tmp_path: Path, measured: Measured
) -> None:
    with heartbeat.beating(tmp_path):
        content = json.loads((tmp_path / heartbeat.FILE).read_text())
        assert heartbeat.read(tmp_path)
        (tmp_path / heartbeat.FILE).write_text(json.dumps({**content, **change}))
        assert heartbeat.read(tmp_path) is None
    measured("numbers", values=1)


@pytest.mark.parametrize(
    "change", [{"created": "0001-01-01T00:00:00"}, {"since": "tomorrow"}, {"process": {"pid": -1, "born": ""}}]
)
def test_a_queue_of_impossible_numbers_is_damaged(change: dict[str, Any], tmp_path: Path, measured: Measured) -> None:
    entry = {"run": "a", "command": "", "process": vars(this()), "created": "2026-01-31T00:00:00+00:00", **change}
    files.write_json(tmp_path / QUEUE / "queue.json", {"entries": [entry]})
    with pytest.raises(RunDamaged, match=r"queue\.json"):
        queue.look(tmp_path)
    measured("numbers", values=1)


@pytest.mark.parametrize("kind", [Card, Cell, Finding, Process, Progress, Heartbeat, Entry])
def test_every_number_has_a_range_beside_its_type(kind: Any) -> None:
    hints = get_type_hints(kind, include_extras=True)
    assert [field.name for field in fields(kind) if _is_bare(hints[field.name])] == []


def _is_bare(annotation: Any) -> bool:
    """Return whether an annotation allows any number."""
    if get_origin(annotation) is Annotated:
        return False
    return annotation in (int, float) or any(map(_is_bare, get_args(annotation)))
