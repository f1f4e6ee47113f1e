"""The table at a glance has at most twelve rows, all of the same images, pixels and numbers of draws and images."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.views.cll_by_model import GAP, MAIN, OWN, by_model, columns
from cvae_core.config.flavours import Config
from cvae_core.evaluation.glance import LARGEST, OVER_BASELINE, OVER_FLOOR, Glance, at_a_glance
from cvae_core.evaluation.results import Cell, closest
from cvae_core.evaluation.table import entries
from cvae_core.evaluation.table_formats import pivots
from cvae_core.runs.run import Run, find, readable
from tests.cvae_core.evaluation.test_table import ROOT, cell
from tests.cvae_core.results import store

Tiny, Untrained = Callable[..., Config], Callable[..., Run]
ONE, TWO = "1 quadrant visible", "2 quadrants visible"

pytestmark = pytest.mark.usefixtures("small_baseline")


@pytest.fixture
def quadrant(tiny: Tiny, untrained: Untrained) -> Callable[..., Run]:
    """Return a function that makes a run, scored unless its mean is None."""

    def make(name: str, visible: str = "1", mean: float | None = 60.0, news: Any = None, **changes: Any) -> Run:
        run = untrained(tiny("quadrant", dataset="mnist", visible=visible, **changes), name, **(news or {}))
        if mean is not None:
            store(run, [cell("importance", mean, visible=visible)])
        if mean is not None and run.card().config.pixels == "grey":
            store(run, [cell("floor", 30.0, visible=visible, samples=0)])
        return run

    return make


@pytest.fixture
def baselines(tiny: Tiny, untrained: Untrained) -> list[Run]:
    runs = [untrained(tiny("baseline", dataset="mnist", visible=visible), f"nn-{visible}") for visible in "12"]
    for run, mean in zip(runs, (100.004, 80.0), strict=True):
        visible = str(run.card().config.visible_set)
        store(
            run, [cell("baseline", mean, visible=visible, samples=0), cell("floor", 30.0, visible=visible, samples=0)]
        )
    return runs


def glance(runs: list[Run]) -> Glance:
    found = at_a_glance(runs)
    assert found is not None
    assert len(found.rows) <= LARGEST
    return found


def numbers(found: Glance) -> dict[str, dict[str, float]]:
    return {row.title: {name: entry.nats for name, entry in row.cells.items()} for row in found.rows}


def test_the_pretrained_runs_answer_which_model_is_best_by_how_much_and_how_far_from_the_floor() -> None:
    root = ROOT / "checkpoints"
    found = glance([find(name, root) for name in readable(root)[0]])
    assert found.title == "mnist, grey pixels, quadrants"
    assert [row.title for row in found.rows] == [
        "NN baseline (mlp)", "NN baseline, any set (mlp)", "CVAE ladder", "CVAE, label (mlp)", "CVAE (mlp)",
        "CVAE, label and any set (mlp)", "CVAE, any set (mlp)",
        "NN baseline, Pyro tutorial*", "CVAE, Pyro tutorial*", "floor", OVER_BASELINE, OVER_FLOOR,
    ]  # fmt: skip
    shown = {title: row[TWO] for title, row in numbers(found).items()}
    best = found.best[TWO]
    assert best.model == "CVAE ladder"
    assert best.nats == min(shown[title] for title in shown if "CVAE" in title) == shown["CVAE ladder"]
    assert shown[OVER_BASELINE] == pytest.approx(shown["NN baseline (mlp)"] - best.nats, abs=0.01)
    assert shown[OVER_FLOOR] == pytest.approx(best.nats - shown["floor"], abs=0.01)
    assert not any(row.unscored for row in found.rows)
    assert found.left_out == 1  # the model of any mask has the highest numbers


def test_differences_are_of_the_printed_numbers(baselines: list[Run], quadrant: Callable[..., Run]) -> None:
    shown = numbers(glance([*baselines, quadrant("a", mean=60.006)]))
    assert shown[OVER_BASELINE][ONE] == pytest.approx(100.00 - 60.01)
    assert shown[OVER_FLOOR][ONE] == pytest.approx(60.01 - 30.00)
    assert TWO not in shown[OVER_BASELINE]


def test_imported_unsound_and_unfinished_runs_and_other_images_are_not_mixed_in(
    baselines: list[Run], quadrant: Callable[..., Run]
) -> None:
    own = [*baselines, quadrant("a")]
    others = [
        quadrant("imported", mean=1.0, news={"imported": "2026-01-31 from a.zip"}),
        quadrant("stopped", mean=1.0, news={"status": "stopped"}),
        quadrant("images", mean=1.0, news={"data_fingerprint": "0" * 64}),
        quadrant("binarised", mean=1.0, pixels="binarised"),
    ]
    assert numbers(glance([*own, *others])) == numbers(glance(own))
    assert at_a_glance(others[:2]) is None


def test_figures_of_other_draws_or_fewer_images_are_missing(baselines: list[Run], quadrant: Callable[..., Run]) -> None:
    run = quadrant("a", mean=None)
    store(run, [cell("importance", 1.0, visible="1", samples=1000), cell("importance", 2.0, visible="1", images=1000)])
    found = glance([*baselines, run])
    assert [dict(row.unscored) for row in found.rows if row.title == "CVAE, 2 latents"] == [{ONE: "a"}]
    assert not any("CVAE" in entry.model for entry in found.best.values())


def test_a_missing_figure_has_the_run_that_gives_it(baselines: list[Run], quadrant: Callable[..., Run]) -> None:
    runs = [*baselines, quadrant("a"), quadrant("b", "2", None), quadrant("c", news={"read_only": True})]
    rows = {row.title: row for row in glance([*runs, quadrant("d", "2", None)]).rows}
    first = rows["CVAE, 2 latents"]
    assert first.cells[ONE].runs == ("c",)  # pretrained runs come first
    assert first.unscored == {TWO: "b"}
    second = rows["CVAE, 2 latents, a, d"]
    assert second.cells[ONE].runs == ("a",)
    assert second.unscored == {TWO: "d"}


def test_a_pretrained_model_of_some_columns_has_no_row_and_ones_own_has(
    baselines: list[Run], quadrant: Callable[..., Run]
) -> None:
    whole = [quadrant("a"), quadrant("b", "2")]
    assert "CVAE, GSNN, 2 latents" not in numbers(glance([*baselines, *whole]))
    part = quadrant("c", seed=3, news={"read_only": True})
    assert "CVAE, 2 latents, seed 3" not in numbers(glance([*baselines, *whole, part]))
    part.write_card(replace(part.card(), read_only=False))
    assert "CVAE, 2 latents, seed 3" in numbers(glance([*baselines, *whole, part]))


def test_more_models_than_rows_are_counted(baselines: list[Run], quadrant: Callable[..., Run]) -> None:
    many = [quadrant(f"m-{width}", mean=60.0 + width, width=width, seed=width) for width in range(8, 20)]
    found = glance([*baselines, *many])
    assert len(found.rows) == LARGEST
    assert found.left_out == len(many) - sum(row.title.startswith("CVAE, 2 latents") for row in found.rows)
    assert found.left_out > 0


def test_all_figures_are_grouped_by_model_with_estimators_as_columns(
    baselines: list[Run], quadrant: Callable[..., Run]
) -> None:
    runs = [*baselines, quadrant("a", mean=70.0), quadrant("b", mean=50.0, seed=1)]
    store(runs[2], [cell("elbo", 72.0, visible="1"), cell("prior", 90.0, visible="1")])
    standing = {"run": "nn-1", "sha256": baselines[0].weights_digest()}
    runs[2].write_card(replace(runs[2].card(), baseline=standing))
    (pivot,) = pivots(entries(runs))
    rows = by_model(pivot)
    assert list(dict.fromkeys(row.model for row in rows)) == [
        "NN baseline (mlp)", "CVAE, 2 latents, seed 1", "CVAE, 2 latents", "floor", "NN baseline, Pyro tutorial*",
        "CVAE, Pyro tutorial*",
    ]  # fmt: skip
    assert columns(rows) == [OWN, MAIN, "−ELBO", "prior Monte Carlo", GAP]
    (row,) = [row for row in rows if row.model == "CVAE, 2 latents"]
    assert {name: round(entry.nats, 1) for name, entry in row.cells.items()} == {
        MAIN: 70.0, "−ELBO": 72.0, "prior Monte Carlo": 90.0, GAP: 30.0
    }  # fmt: skip
    assert {row.cells[OWN].nats for row in rows if row.model == "floor"} == {30.0}


def test_every_figure_of_a_table_is_in_a_row() -> None:
    root = ROOT / "checkpoints"
    for pivot in pivots(entries([find(name, root) for name in readable(root)[0]])):
        shown = [entry for row in by_model(pivot) for entry in row.cells.values()]
        there = [entry for line in pivot.lines for entry in line.cells.values()]
        assert len(shown) == len(set(shown))
        assert {entry for entry in there if entry.kind != "difference"} <= set(shown)


def test_the_closest_stored_figure_has_the_same_number_of_draws_if_there_is_one() -> None:
    stored = [cell("importance", mean, samples=samples) for mean, samples in ((1.0, 100), (2.0, 1000))]
    stored += [
        cell("importance", 3.0, samples=400, visible="1"),
        cell("importance", 4.0, samples=400, split="validation"),
    ]

    def found(samples: int, **changes: Any) -> list[float]:
        asked: Cell = cell("importance", 0.0, samples=samples, **changes)
        return [each.mean for each in closest(stored, [asked])]

    assert found(1000) == found(900) == [2.0]
    assert found(100) == found(3) == [1.0]
    assert found(400, visible="1") == [3.0]
    assert found(400, visible="2") == []


def test_only_bernoulli_scores_are_shown(baselines: list[Run], quadrant: Callable[..., Run]) -> None:
    logistic = quadrant("levels", mean=700.0, likelihood="discretised-logistic")
    unscored = quadrant("levels-2", mean=None, likelihood="discretised-logistic")
    assert at_a_glance([logistic]) is None
    found = glance([*baselines, quadrant("one"), logistic, unscored])
    assert found.title == "mnist, grey pixels, quadrants"
    assert set(found.runs) == {"nn-1", "nn-2", "one"}
