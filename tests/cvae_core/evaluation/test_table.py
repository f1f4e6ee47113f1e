"""A table contains every stored result, with exactly the floors and published figures that are comparable to it."""

import csv
import io
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from app.views.cll_by_model import MAIN, by_model
from cvae_core.config.flavours import Config
from cvae_core.errors import ConfigError
from cvae_core.evaluation.results import Cell
from cvae_core.evaluation.table import Entry, Trained, entries, require_entries
from cvae_core.evaluation.table_formats import (
    COLUMNS,
    FLOOR,
    GAP,
    PAIR,
    PYRO,
    Pivot,
    above_floors,
    escaped_for_latex,
    estimator,
    latex,
    long_table,
    markdown,
    model_name,
    number,
    pivots,
    run_name,
    scored,
)
from cvae_core.runs.run import Run, find, readable
from cvae_core.system.formats import spreadsheet
from tests.cvae_core.results import store

ROOT = Path(__file__).resolve().parents[3]
Tiny, Untrained = Callable[..., Config], Callable[..., Run]

pytestmark = pytest.mark.usefixtures("small_baseline")


def cell(estimator: str, mean: float, **changes: Any) -> Cell:
    return Cell(
        **{  # type: ignore[arg-type]
            "estimator": estimator, "split": "test", "visible": None, "samples": 100, "images": 10_000, "seed": 0,
            "mean": mean, "standard_error": 0.25, "seconds": 1.0, **changes,
        }
    )  # fmt: skip


def on(baseline: Run) -> dict[str, str]:
    """Return the entry of a card about the baseline that its model contains."""
    return {"run": baseline.name, "sha256": baseline.weights_digest()}


def differences(rows: list[Entry]) -> dict[str, float]:
    """Return the gaps of the lab's runs, by the names of the two runs."""
    return {" − ".join(row.runs): row.nats for row in rows if row.kind == "difference" and row.runs}


@pytest.fixture
def runs(tiny: Tiny, untrained: Untrained) -> list[Run]:
    """Return two quadrant models, a baseline and two label models with results."""
    baseline = untrained(tiny("baseline", epochs=2, dataset="mnist"))
    store(baseline, [cell("baseline", 100.5, visible="1", samples=0), cell("floor", 34.21, visible="1", samples=0)])

    def quadrant(visible: str, mean: float) -> Run:
        run = untrained(tiny("quadrant", dataset="mnist", visible=visible), baseline=on(baseline))
        store(run, [
            cell("elbo", mean, visible=visible),
            cell("importance", mean - 2, visible=visible),
            cell("prior", mean + 30, visible=visible),
            cell("importance", mean - 3, visible=visible, samples=1000, images=1000),
            cell("floor", 34.21 if visible == "1" else 24.83, visible=visible, samples=0),
            cell("elbo", 1.0, visible=visible, split="validation"),
        ])  # fmt: skip
        return run

    grey = untrained(tiny("label", dataset="mnist"))
    store(grey, [cell("elbo", 104.7)])
    binarised = untrained(tiny("label", dataset="mnist", pixels="binarised"))
    store(binarised, [cell("elbo", 88.0)])
    return [quadrant("1", 70.0), quadrant("2", 50.0), baseline, grey, binarised]


QUADRANTS, WHOLE, BINARISED = (
    "mnist, grey pixels, quadrants",
    "mnist, grey pixels, whole image",
    "mnist, binarised pixels, whole image",
)


def quadrants(runs: list[Run]) -> Pivot:
    (found,) = (pivot for pivot in pivots(entries(runs)) if pivot.title == QUADRANTS)
    return found


def test_every_protocol_has_a_table_of_its_own(runs: list[Run]) -> None:
    tables = {pivot.title: pivot.frame().to_string() for pivot in pivots(entries(runs))}
    assert set(tables) == {QUADRANTS, WHOLE, BINARISED}
    assert "88.00 ± 0.25" in tables[BINARISED]
    assert "88.00" not in tables[WHOLE]


def test_columns_are_what_is_scored_and_rows_are_estimates(runs: list[Run]) -> None:
    table = quadrants(runs).frame()
    one, two = "1 quadrant visible", "2 quadrants visible"
    assert list(table.columns) == ["model", "estimator", "S", "N", one, two, PAIR]

    def row(model: str, estimator: str, samples: str) -> tuple[str, ...]:
        asked = (table["model"] == model) & (table["estimator"] == estimator) & (table["S"] == samples)
        (found,) = table[asked][["N", one, two]].to_numpy().tolist()
        return tuple(found)

    assert row("CVAE, 2 latents", "−ELBO", "100") == ("10,000", "70.00 ± 0.25", "50.00 ± 0.25")
    assert row("CVAE, 2 latents", "importance sampling", "100") == ("10,000", "68.00 ± 0.25", "48.00 ± 0.25")
    assert row("CVAE, 2 latents", "importance sampling", "1000") == ("1,000", "67.00 ± 0.25", "47.00 ± 0.25")
    assert row("CVAE, 2 latents", "prior Monte Carlo", "100") == ("10,000", "100.00 ± 0.25", "80.00 ± 0.25")
    assert row("NN baseline (mlp)", "cross-entropy", "–") == ("10,000", "100.50 ± 0.25", "–")
    assert row("floor", "entropy of the grey pixels", "–") == ("10,000", "34.21 ± 0.25", "24.83 ± 0.25")


def test_a_baseline_that_no_model_stands_on_changes_no_difference(
    runs: list[Run], tiny: Tiny, untrained: Untrained
) -> None:
    poor = untrained(tiny("baseline", dataset="mnist", epochs=1, seed=1), "z-poor")
    store(poor, [cell("baseline", 150.0, visible="1", samples=0)])
    assert [e for e in entries([*runs, poor]) if e.kind == "difference"] == [
        e for e in entries(runs) if e.kind == "difference"
    ]


def test_a_model_of_any_set_is_measured_against_the_baseline_of_any_set(
    runs: list[Run], tiny: Tiny, untrained: Untrained
) -> None:
    baseline = untrained(tiny("baseline", epochs=2, dataset="mnist", visible="any"))
    model = untrained(tiny("quadrant", dataset="mnist", visible="any"), baseline=on(baseline))
    store(baseline, [cell("baseline", 103.0, visible="1", samples=0)])
    store(model, [cell("importance", 71.0, visible="1")])
    table = quadrants([*runs, baseline, model]).frame()
    ours = table["model"].str.startswith(GAP) & ~table["model"].str.endswith(PYRO)
    gaps = table[ours].set_index("model")["1 quadrant visible"].to_dict()
    assert gaps == {f"{GAP}NN − CVAE, 2 latents": "32.5", f"{GAP}NN − CVAE, any set, 2 latents": "32.0"}
    assert "NN baseline, any set (mlp)" in set(table["model"])


def test_the_label_is_worth_what_the_vae_of_the_same_size_lacks(tiny: Tiny, untrained: Untrained) -> None:
    def scored(flavour: str, nats: float, **changes: Any) -> Run:
        run = untrained(tiny(flavour, dataset="mnist", **changes), f"{flavour}-{nats:.0f}")
        store(run, [cell("importance", nats), cell("elbo", nats + 3)])
        return run

    label = scored("label", 84.0, pixels="binarised")
    others = [
        scored("vae", 91.0),
        scored("vae", 88.0, pixels="binarised", latent=3),
        scored("vae", 89.0, pixels="binarised", width=24),
        scored("label", 99.0, pixels="binarised", beta=4.0),
    ]
    twin = scored("vae", 86.5, pixels="binarised")
    gaps = {model_name(e): e.nats for e in entries([label, *others, twin]) if e.kind == "difference"}
    assert gaps == {f"{GAP}VAE − CVAE, label, 2 latents": 2.5}
    assert not any(e.kind == "difference" for e in entries([label, *others]))


def test_a_label_model_is_compared_with_every_vae_that_the_label_alone_sets_apart_and_with_no_other(
    tiny: Tiny, untrained: Untrained
) -> None:
    def scored(name: str, nats: float, flavour: str = "vae", **changes: Any) -> Run:
        config = tiny(flavour, **{"dataset": "mnist", "epochs": 12, **changes.pop("config", {})})
        draws = changes.pop("of_draws", {})
        run = untrained(config, name, **{"epochs": 12, "parameters": 1_234_567, **changes})
        store(run, [cell("importance", nats, **draws)])
        return run

    label = scored("label", 90.0, "label")
    fit = [scored("b-vae", 95.2), scored("d-vae", 95.5)]
    others = [
        scored("a-vae", 306.1, config={"epochs": 1}),
        scored("c-vae", 99.0, config={"learning_rate": 1e-4}),
        scored("e-vae", 94.0, config={"seed": 1}),
        scored("f-vae", 93.0, config={"draws": 5}),
        scored("g-vae", 92.0, config={"pixels": "binarised"}),
        scored("h-vae", 91.0, data_fingerprint="0" * 64),
        scored("i-vae", 90.5, of_draws={"seed": 1}),
        scored("l-vae", 90.2, of_draws={"images": 1000}),
        scored("j-vae", 90.4, status="stopped"),
        scored("k-vae", 90.3, imported="2026-01-31 from a.zip"),
    ]
    for runs in ([*others, label, *fit], [*reversed(fit), label, *others]):
        found = differences(entries(runs))
        assert found == {"b-vae − label": pytest.approx(5.2), "d-vae − label": pytest.approx(5.5)}
    seeded = scored("label-1", 89.0, "label", config={"seed": 1})
    assert "e-vae − label-1" in differences(entries([label, seeded, *fit, *others]))
    (pivot,) = pivots(entries([label, *fit]))
    assert sorted(line.pair for line in pivot.lines if line.pair) == [
        "b-vae (12 epochs, 1.23 M) − label (12 epochs, 1.23 M)",
        "d-vae (12 epochs, 1.23 M) − label (12 epochs, 1.23 M)",
    ]
    assert all(line.pair in markdown(entries([label, *fit])) for line in pivot.lines)


def test_a_model_is_compared_with_those_that_are_given_less_and_the_label_with_its_information(
    runs: list[Run], tiny: Tiny, untrained: Untrained
) -> None:
    baseline = {"baseline": runs[0].card().baseline}

    def scored_with(flavour: str, nats: float, name: str, given: Any = baseline, **changes: Any) -> Run:
        run = untrained(tiny(flavour, dataset="mnist", **changes), name, **given)
        store(run, [cell("importance", nats, visible=run.card().config.visible_set)])
        return run

    both = scored_with("label+quadrant", 66.0, "both")
    every = scored_with("label+attributes+quadrant", 65.5, "every")
    others = [
        scored_with("label+quadrant", 64.0, "wider", width=24),
        scored_with("label+quadrant", 63.0, "of another baseline", {"baseline": {"run": "x", "sha256": "0" * 64}}),
        scored_with("label+quadrant", 62.0, "half", visible="2"),
        scored_with("label", 99.0, "whole", {}),
        scored_with("attributes", 98.0, "attributes", {}),
        scored_with("label+attributes", 97.0, "without pixels", {}),
    ]
    rows = entries([*runs, both, every, *others])
    found = {" − ".join(row.runs): row for row in rows if row.kind == "difference" and "baseline-1" not in row.runs}
    assert {name: row.nats for name, row in found.items() if row.runs} == {
        "quadrant-1 − both": 2.0,
        "quadrant-2 − half": -14.0,
        "quadrant-1 − every": 2.5,
        "both − every": 0.5,
        "whole − without pixels": 2.0,
        "attributes − without pixels": 1.0,
    }
    gap, by_attributes = found["quadrant-1 − both"], found["whole − without pixels"]
    assert model_name(gap) == f"{GAP}CVAE − CVAE, label, 2 latents"
    assert model_name(by_attributes) == f"{GAP}CVAE, label − CVAE, label and attributes, 2 latents"
    assert gap.information == pytest.approx(math.log(10)) and by_attributes.information is None
    assert found["quadrant-1 − every"].information is None
    told = f"{model_name(gap)}: the label's information is at most ln 10 = 2.30 nats."
    quadrants, whole, _ = pivots(rows)
    assert [told in words for words in quadrants.remarks] == [True]
    assert "attributes − CVAE, label and attributes" in "".join(whole.remarks)
    assert told in markdown(rows)
    (row,) = (row for row in by_model(quadrants) if MAIN in row.cells and row.cells[MAIN].runs == ("both",))
    assert row.cells["gap"].runs[0] == "baseline-1"  # the gap beside a model is that to its baseline


def test_a_quadrant_model_is_compared_with_the_baseline_inside_it_and_with_no_other(
    runs: list[Run], tiny: Tiny, untrained: Untrained
) -> None:
    model = runs[0]
    again = untrained(tiny("baseline", epochs=2, dataset="mnist", seed=5), "again")  # trained again in the meantime
    store(again, [cell("baseline", 60.0, visible="1", samples=0)])
    assert differences(entries([model, again])) == {}
    twin = untrained(tiny("quadrant", dataset="mnist", seed=2), "twin", baseline=model.card().baseline)
    store(twin, [cell("importance", 67.0, visible="1")])
    found = differences(entries([*runs, again, twin]))
    assert found == {"baseline-1 − quadrant-1": 32.5, "baseline-1 − twin": 33.5}
    seen = untrained(tiny("quadrant", dataset="mnist"), "seen", baseline=model.card().baseline)
    for part in ({"visible": "2"}, {"visible": "1", "images": 1000}, {"visible": "1", "split": "validation"}):
        store(seen, [cell("importance", 1.0, **part)])
    assert differences(entries([runs[2], seen])) == {}


def test_runs_of_other_images_have_a_table_of_their_own_that_says_so(
    runs: list[Run], tiny: Tiny, untrained: Untrained
) -> None:
    before = entries(runs)
    other = {"data_fingerprint": "1a2b3c4d" * 8}
    baseline = untrained(tiny("baseline", epochs=2, dataset="mnist"), "inverted-baseline", **other)
    store(baseline, [cell("baseline", 10.5, visible="1", samples=0)])
    model = untrained(tiny("quadrant", dataset="mnist"), "inverted", baseline=on(baseline), **other)
    store(model, [cell("importance", 5.0, visible="1"), cell("floor", 2.0, visible="1", samples=0)])
    rows = entries([*runs, baseline, model])
    theirs = [row for row in rows if row.fingerprint == "1a2b3c4d" * 8]
    assert {run_name(row) for row in theirs} == {"inverted", "inverted-baseline"}
    assert [row for row in rows if row not in theirs] == before
    tables = {pivot.title: pivot for pivot in pivots(rows)}
    named = "mnist (other images, 1a2b3c4d), grey pixels, quadrants"
    assert [title for title in tables if "mnist" in title] == [QUADRANTS, WHOLE, BINARISED, named]
    assert tables[QUADRANTS].frame().equals(quadrants(runs).frame())
    assert PYRO not in str(tables[named].frame())
    assert {line.model for line in tables[named].lines} == {
        "NN baseline (mlp)",
        "CVAE, 2 latents",
        f"{GAP}NN − CVAE, 2 latents",
        "floor",
    }
    assert sorted({best.nats for best in tables[named].best}) == [5.0]
    assert set(long_table(theirs)["fingerprint"]) == {"1a2b3c4d" * 8}
    assert "mnist (other images, 1a2b3c4d)" in set(above_floors(rows)["images"])


def test_runs_of_one_seed_are_no_seeds(tiny: Tiny, untrained: Untrained) -> None:
    runs = [untrained(tiny("vae", dataset="mnist"), f"same-{number}") for number in range(3)]
    for run in runs:
        store(run, [cell("elbo", 100.0)])
    assert not any(entry.kind == "mean" for entry in entries(runs))
    (pivot,) = pivots(entries(runs))
    assert {line.model.rpartition(", ")[2] for line in pivot.lines} == {run.name for run in runs}  # one line per run


def test_an_unfinished_run_is_called_so_and_never_the_best(tiny: Tiny, untrained: Untrained) -> None:
    finished = untrained(tiny("vae", dataset="mnist"), "whole")
    stopped = untrained(tiny("vae", dataset="mnist", seed=1), "part", status="stopped", epochs=2)
    store(finished, [cell("elbo", 100.0)])
    store(stopped, [cell("elbo", 90.0)])
    (pivot,) = pivots(entries([finished, stopped]))
    assert {run_name(entry) for entry in pivot.best} == {"whole"}
    assert any(line.model.endswith("stopped after 2 epochs") for line in pivot.lines)


def test_no_mean_over_seeds_mixes_images(tiny: Tiny, untrained: Untrained) -> None:
    runs = []
    for seed, changes in enumerate(({}, {}, {"data_fingerprint": "0" * 64})):
        runs.append(untrained(tiny("label", dataset="mnist", seed=seed), f"seed-{seed}", **changes))
        store(runs[-1], [cell("importance", 60.0 + seed)])
    assert not any(entry.kind == "mean" for entry in entries(runs))


def test_published_rows_stand_beside_no_other_images(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("quadrant", dataset="mnist"), data_fingerprint="0" * 64)
    store(run, [cell("elbo", 70.0, visible="1")])
    assert [run_name(entry) for entry in entries([run])] == [run.name]


def test_a_weight_of_the_rate_is_part_of_the_models_name(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label", dataset="mnist", beta=4.0))
    store(run, [cell("elbo", 111.0)])
    assert entries([run])[0].model == "CVAE, label, β = 4, 2 latents"


def test_baselines_come_first_then_models_then_differences_then_floors_then_references(runs: list[Run]) -> None:
    models = quadrants(runs).frame()["model"].tolist()
    kinds = ["Pyro" if "Pyro" in m else next(k for k in ("floor", "gap", "NN", "CVAE") if k in m) for m in models]
    assert kinds == ["NN", *["CVAE"] * 4, "gap", "floor", "Pyro", "Pyro", "Pyro"]


def test_a_difference_is_taken_over_the_same_images_and_means_better_where_it_is_positive(runs: list[Run]) -> None:
    (gap,) = (entry for entry in entries(runs) if entry.kind == "difference" and entry.runs)
    assert gap.nats == pytest.approx(100.5 - 68.0)  # not from the 1,000 images that have another estimate
    assert (scored(gap), gap.images, gap.standard_error) == ("1 quadrant visible", 10_000, None)
    assert estimator(gap) == "cross-entropy less importance sampling"


def test_the_best_is_the_lowest_score_of_ours_over_the_most_images(runs: list[Run]) -> None:
    best = {scored(entry): (entry.nats, entry.images) for entry in quadrants(runs).best}
    assert best == {"1 quadrant visible": (68.0, 10_000), "2 quadrants visible": (48.0, 10_000)}
    text = markdown(entries(runs))
    assert text.count("**") == 2 * 4  # two columns of quadrants, two whole images
    assert "**68.00 ± 0.25**" in text
    assert latex(entries(runs)).count(r"\textbf{") == 4


def test_without_a_score_nothing_is_best(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("vae"))
    store(run, [cell("floor", 45.53, samples=0)])
    assert [pivot.best for pivot in pivots(entries([run]))] == [set()]


def test_reference_rows_are_the_published_numbers_and_say_what_they_are(runs: list[Run]) -> None:
    references = [entry for entry in entries(runs) if not entry.runs]
    assert {(model_name(e).removesuffix(f", {PYRO}"), estimator(e), scored(e), e.nats) for e in references} == {
        ("NN baseline", "cross-entropy", "1 quadrant visible", 100.4),
        ("NN baseline", "cross-entropy", "2 quadrants visible", 61.9),
        ("CVAE", "−ELBO", "1 quadrant visible", 71.8),
        ("CVAE", "−ELBO", "2 quadrants visible", 51.0),
        (f"{GAP}NN − CVAE", "cross-entropy less −ELBO", "1 quadrant visible", 28.6),
        (f"{GAP}NN − CVAE", "cross-entropy less −ELBO", "2 quadrants visible", 10.9),
    }
    for entry in references:
        assert model_name(entry).endswith(PYRO)
        assert (entry.dataset, entry.pixels, entry.standard_error) == ("mnist", "grey", None)
        assert number(entry) == f"{entry.nats:.1f}"
    assert all("early stopping" in told for told in (markdown(entries(runs)), latex(entries(runs))))
    assert long_table(references)["model"].str.contains("early stopping").all()
    ours = [entry for entry in entries(runs) if entry.runs]
    assert not any("early stopping" in told for told in (markdown(ours), latex(ours)))


def test_runs_that_differ_in_their_seed_alone_are_one_row_with_its_deviation(tiny: Tiny, untrained: Untrained) -> None:
    means = {0: 60.0, 1: 61.0, 2: 65.0}
    seeds = [untrained(tiny("quadrant", dataset="mnist", seed=seed), f"seed-{seed}") for seed in means]
    for run, mean in zip(seeds, means.values(), strict=True):
        store(run, [cell("importance", mean, visible="1")])
    (mean,) = [entry for entry in entries(seeds) if entry.kind == "mean"]
    assert (mean.nats, run_name(mean), mean.is_score) == (62.0, "seed-0, seed-1, seed-2", False)
    assert mean.standard_error == pytest.approx(7**0.5)
    (pivot,) = pivots(entries(seeds))
    ours = [line for line in pivot.lines if line.model.startswith("CVAE, 2 latents")]
    shown = {line.model: line.cells["1 quadrant visible"].nats for line in ours}
    assert shown == {"CVAE, 2 latents": 60.0, "CVAE, 2 latents, 3 seeds (± between seeds)": 62.0}
    assert not any(entry.kind == "mean" for entry in entries(seeds[:2]))
    store(seeds[1], [cell("importance", 60.5, visible="1", samples=1000)])  # not part of a mean
    assert [line.samples for line in pivots(entries(seeds))[0].lines if line.model == "CVAE, 2 latents, seed 1"] == [
        1000
    ]


@pytest.mark.parametrize(
    "changes", [{"dataset": "digits"}, {"pixels": "binarised"}, {"visible": "top-left+bottom-right"}]
)
def test_reference_rows_stand_beside_their_own_protocol_only(
    changes: dict[str, Any], tiny: Tiny, untrained: Untrained
) -> None:
    config = tiny("quadrant", **{"dataset": "mnist", **changes})
    run = untrained(config)
    store(run, [cell("elbo", 70.0, visible=config.visible)])  # type: ignore[attr-defined]
    assert [run_name(entry) for entry in entries([run])] == [run.name]


def test_a_model_of_any_set_has_references_beside_the_sets_of_the_protocol(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("quadrant", dataset="mnist", visible="any"))
    store(run, [cell("elbo", 70.0, visible="1"), cell("elbo", 60.0, visible="any")])
    found = entries([run])
    assert {scored(entry) for entry in found} == {"1 quadrant visible", "any set visible"}
    assert {scored(entry) for entry in found if not entry.runs} == {"1 quadrant visible"}
    assert "any set" in found[0].model


def test_the_validation_split_is_not_in_the_table(runs: list[Run]) -> None:
    assert 1.0 not in [entry.nats for entry in entries(runs)]


def test_a_floor_is_shown_once_from_the_most_images(tiny: Tiny, untrained: Untrained) -> None:
    few, many = untrained(tiny("vae"), "few"), untrained(tiny("vae", seed=1), "many")
    store(many, [cell("floor", 45.53, samples=0), cell("elbo", 100.0)])
    store(few, [cell("floor", 40.0, samples=0, images=10)])
    for order in ([few, many], [many, few]):
        floors = [entry for entry in entries(order) if entry.kind == "floor"]
        assert [(floor.nats, floor.images) for floor in floors] == [(45.53, 10_000)]


def test_floors_stand_beside_the_lowest_score_over_the_same_images(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"), "label")
    store(run, [cell("floor", 40.0, samples=0), cell("elbo", 95.0), cell("importance", 91.0), cell("prior", 200.0)])
    fewer = untrained(tiny("vae"), "vae")
    store(fewer, [cell("importance", 80.0, images=100), cell("floor", 30.0, samples=0, images=100)])
    table = above_floors(entries([run, fewer]))
    assert table.to_numpy().tolist() == [["digits", "whole image", 40.0, "CVAE, label, 2 latents", 91.0, 51.0]]
    assert above_floors([]).empty


def test_no_stored_number_is_missing_from_the_readable_tables(tiny: Tiny, untrained: Untrained) -> None:
    configs = [
        tiny("label", dataset="mnist"),
        tiny("label", dataset="mnist", prior="learned"),
        tiny("label", dataset="mnist", width=17),
        tiny("label", dataset="mnist", latent=3),
        tiny("label", dataset="mnist", seed=1),
        tiny("quadrant", dataset="mnist"),
        tiny("quadrant", dataset="mnist", latent=3),
        tiny("baseline", epochs=2, dataset="mnist"),
        tiny("baseline", epochs=2, dataset="mnist", width=17),
    ]
    chosen = []
    for index, config in enumerate(configs):
        run = untrained(config, f"run-{index}")
        kind, visible = ("baseline" if config.flavour == "baseline" else "elbo"), getattr(config, "visible", None)
        store(run, [cell(kind, 200.0 + index, visible=visible)])
        chosen.append(run)
    text = markdown(entries(chosen))
    assert [run.name for index, run in enumerate(chosen) if f"{200 + index}.00 ±" not in text] == []


def test_markdown_has_a_heading_and_a_well_formed_table_for_each_protocol(runs: list[Run]) -> None:
    text = markdown(entries(runs))
    assert text.endswith("|\n")
    sections = text.split("### ")[1:]
    assert [section.splitlines()[0] for section in sections] == [QUADRANTS, WHOLE, BINARISED]
    for section in sections:
        lines = [line for line in section.splitlines() if line.startswith("|")]
        assert set(lines[1]) == set("| -")
        assert len({line.count("|") for line in lines}) == 1
    assert "| CVAE, label, 2 latents | −ELBO | 100 | 10,000 | **104.70 ± 0.25** |" in text


def test_latex_has_as_many_cells_as_columns_and_no_letter_that_it_cannot_set(runs: list[Run]) -> None:
    text = latex(entries(runs))
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == text.count(r"\midrule") == 3
    assert "70.00 $\\pm$ 0.25" in text
    for table in text.split(r"\begin{tabular}{")[1:]:
        columns, _, body = table.partition("}\n")
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) > 1
        assert {line.count("&") for line in rows} == {len(columns) - 1}
    assert text.isascii()


def shipped() -> list[Run]:
    root = ROOT / "checkpoints"
    return [find(name, root) for name in readable(root)[0]]


EVERY_LETTER = "".join(map(chr, [*range(0x3000), *range(0xFF00, 0x10000), 0x1F600]))


def test_latex_is_ascii_over_all_shipped_runs_and_whatever_a_name_contains() -> None:
    text = latex(entries(shipped()))
    assert text.isascii()
    assert all(words in text for words in (r"$\alpha$ = 0.5", r"$\beta$ = 4", r"$-$ELBO", r"$\pm$", r"\textendash{}"))
    assert escaped_for_latex(EVERY_LETTER).isascii()
    assert escaped_for_latex("a--b---c") == "a-{}-b-{}-{}-c"


def test_pdflatex_sets_the_tables_with_the_packages_that_they_name(tmp_path: Path) -> None:
    if not (pdflatex := shutil.which("pdflatex")):
        pytest.skip("pdflatex is not on this machine")
    text = latex(entries(shipped()))
    packages = re.findall(r"^% (\\usepackage\{\w+\})", text, re.MULTILINE)
    assert packages
    letters = escaped_for_latex(EVERY_LETTER[:0x400])
    lines = [r"\documentclass{article}", *packages, r"\begin{document}", text, "", letters, r"\end{document}"]
    (tmp_path / "t.tex").write_text("\n".join(lines))
    told = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "t.tex"], cwd=tmp_path, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout[-2000:]
    assert "Missing character" not in (tmp_path / "t.log").read_text()
    assert (tmp_path / "t.pdf").read_bytes().startswith(b"%PDF")


def test_csv_has_one_row_per_number_and_gives_them_back_exactly(runs: list[Run]) -> None:
    rows = entries(runs)
    table = long_table(rows)
    assert list(table.columns) == list(COLUMNS)
    read = pd.read_csv(io.BytesIO(spreadsheet(table)))
    assert read["nats"].tolist() == [entry.nats for entry in rows]
    assert read["run"].isna().sum() == 6
    assert list(long_table([]).columns) == list(COLUMNS)


def test_csv_is_utf_8_that_excel_knows_with_whole_numbers_whole(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label", dataset="mnist", beta=4.0, seed=2**53 + 1))
    store(run, [cell("importance", 84.5, seed=2**53 + 1), cell("floor", 45.5, samples=0)])
    quadrant = untrained(tiny("quadrant", dataset="mnist"))
    store(quadrant, [cell("elbo", 70.0, visible="1", seed=2**63 - 1)])
    content = spreadsheet(long_table(entries([run, quadrant])))
    assert content.startswith(b"\xef\xbb\xbfdataset,pixels,")
    text = content.decode("utf-8-sig")
    assert "CVAE, label, β = 4" in text
    assert "−ELBO" in text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {row["seed"] for row in rows} == {str(2**53 + 1), str(2**63 - 1), "0", ""}
    assert not [value for row in rows for name in ("seed", "seeds", "samples", "images") if "." in (value := row[name])]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ('=HYPERLINK("http://127.0.0.1/","click")', '\'=HYPERLINK("http://127.0.0.1/","click")'),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("a\r=1\n=1", "a\r=1\n=1"),
        ("-inf", "'-inf"),
        ("-", "'-"),
        ("-5", "-5"),
        ("+1.5e-3", "+1.5e-3"),
        ("a=b", "a=b"),
        ("", ""),
        (-1.5, "-1.5"),
        (None, ""),
    ],
)
def test_no_text_of_a_csv_begins_a_formula(cell: object, written: str) -> None:
    table = pd.DataFrame({"note": [cell, "x"]}, dtype=object)
    rows = list(csv.DictReader(io.StringIO(spreadsheet(table).decode("utf-8-sig"), newline="")))
    assert [row["note"] for row in rows] == [written, "x"]


def test_without_results_there_is_no_table(tiny: Tiny, untrained: Untrained) -> None:
    for rows in ([], entries([untrained(tiny("label"))])):
        with pytest.raises(
            ConfigError, match="None of these runs has stored results: evaluate one with python -m cvae_core"
        ):
            require_entries(rows)
    require_entries([Entry("score", "digits", "grey", None, "m", ("elbo",), 1, 1, 1.0, 0.1, (Trained("run", 1, 1),))])


def test_a_difference_below_zero_has_a_true_minus() -> None:
    gap = Entry("difference", "digits", "grey", None, "m", ("importance", "importance"), 1, 1, -1.26, None)
    assert number(gap) == "−1.3"


def test_an_imported_runs_figures_are_called_so_and_nothing_is_derived_from_them(runs: list[Run]) -> None:
    def told(rows: list[Entry]) -> list[tuple[str, str, float]]:
        return [(model_name(entry), estimator(entry), entry.nats) for entry in rows]

    (best,) = [run for run in runs if run.name == "label"]
    without = entries([run for run in runs if run is not best])
    best.write_card(replace(best.card(), imported="2026-01-31 from best.zip"))
    rows = entries(runs)
    theirs = [entry for entry in rows if entry.imported]
    assert {run_name(entry) for entry in theirs} == {"label"}
    assert {entry.imported for entry in theirs} == {"2026-01-31 from best.zip"}
    assert all(entry.model.endswith(", imported") and not entry.is_score for entry in theirs)
    assert told([entry for entry in rows if not entry.imported]) == told(without)
    assert all(entry not in pivot.best for pivot in pivots(rows) for entry in theirs)
    assert ", imported" in markdown(rows)
    assert "2026-01-31 from best.zip" in long_table(rows).to_csv()


def test_a_run_that_is_not_sound_is_named_so_beside_its_figures_with_the_remedy(
    runs: list[Run], tiny: Tiny, untrained: Untrained
) -> None:
    collapsed = untrained(tiny("vae", dataset="mnist", beta=100.0), "dead", verdict="collapsed", rates=[0.0, 0.0])
    store(collapsed, [cell("elbo", 200.0), cell("floor", 45.53, samples=0)])
    rows = entries([*runs, collapsed])
    models = [model_name(entry) for entry in rows if entry.runs == ("dead",)]
    assert models == ["VAE, β = 100, 2 latents, collapsed", FLOOR]
    sentence = f"dead: {collapsed.card().trouble}"
    assert sentence.startswith("dead: collapsed: 0 of the 2 units of z are active")
    assert "Lower --beta, which is 100" in sentence
    assert [pivot.troubles for pivot in pivots(rows)] == [[], [sentence], []]
    assert f"\n\n{sentence}\n" in markdown(rows)
    assert f"\n% {escaped_for_latex(sentence)}\n" in latex(rows)
    assert "collapsed" in " ".join(long_table(rows)["model"])


@pytest.fixture
def of_all_likelihoods(tiny: Tiny, untrained: Untrained) -> list[Run]:
    """Return a quadrant model and its baseline of each likelihood, scored alike, with negative numbers for the densities."""
    found = []
    for likelihood, nats in (("bernoulli", 60.0), ("continuous-bernoulli", -900.0), ("discretised-logistic", 800.0)):
        baseline = untrained(tiny("baseline", dataset="mnist", likelihood=likelihood))
        store(baseline, [cell("baseline", nats + 30, visible="1", samples=0)])
        model = untrained(tiny("quadrant", dataset="mnist", likelihood=likelihood), baseline=on(baseline))
        floor = [cell("floor", 34.21, visible="1", samples=0)] if likelihood == "bernoulli" else []
        store(model, [cell("importance", nats, visible="1"), *floor])
        found += [baseline, model]
    return found


def test_likelihoods_never_share_a_table(of_all_likelihoods: list[Run]) -> None:
    rows = entries(of_all_likelihoods)
    tables = {pivot.title: pivot for pivot in pivots(rows)}
    assert list(tables) == [
        QUADRANTS, "mnist, continuous Bernoulli, quadrants", "mnist, discretised logistic, quadrants"
    ]  # fmt: skip
    for pivot in tables.values():
        assert len({entry.likelihood for line in pivot.lines for entry in line.cells.values()}) == 1
        assert len(pivot.best) == 1
        published = any(not entry.trained for line in pivot.lines for entry in line.cells.values())
        assert published == (pivot.title == QUADRANTS)
    assert sorted(differences(rows).values()) == [30.0, 30.0, 30.0]
    assert above_floors(rows)["images"].tolist() == ["mnist"]
    others = entries(of_all_likelihoods[2:])
    assert all(entry.trained for entry in others)  # no published figures


def test_proper_likelihoods_have_bits_per_dimension_beside_nats(of_all_likelihoods: list[Run]) -> None:
    rows = entries(of_all_likelihoods)
    texts = markdown(rows)
    logistic, continuous = 800 / (588 * math.log(2)), 8 - 900 / (588 * math.log(2))
    assert f"**800.00 ± 0.25 ({logistic:.2f} bits/dim)**" in texts
    assert f"**−900.00 ± 0.25 ({continuous:.2f} bits/dim)**" in texts
    assert "| **60.00 ± 0.25** |" in texts
    assert f"$-$900.00 $\\pm$ 0.25 ({continuous:.2f} bits/dim)" in latex(rows)
    table = long_table(rows).set_index(["likelihood", "estimator"])
    assert set(table["values"]) == {588}
    assert table.loc[("discretised-logistic", "importance sampling"), "bits_per_dimension"] == logistic
    assert table.loc["bernoulli", "bits_per_dimension"].isna().all()
    assert all(entry.bits is None for entry in rows if entry.kind == "difference")


@pytest.mark.parametrize(("visible", "values"), [(None, 784), ("1", 588), ("top-left+bottom-right", 392), ("3", 196)])
def test_the_scored_values_are_those_of_the_hidden_quadrants(
    visible: str | None, values: int, tiny: Tiny, untrained: Untrained
) -> None:
    config = tiny("quadrant", visible=visible) if visible else tiny("label", likelihood="discretised-logistic")
    run = untrained(config)
    store(run, [cell("importance", 80.0, visible=visible)])
    (entry,) = entries([run])
    assert entry.values == values


def test_sets_that_are_drawn_for_each_image_have_no_bits(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("quadrant", visible="any", likelihood="discretised-logistic"))
    store(run, [cell("importance", 80.0, visible="any"), cell("importance", 70.0, visible="2")])
    assert {entry.visible: entry.bits is None for entry in entries([run])} == {"any": True, "2": False}
