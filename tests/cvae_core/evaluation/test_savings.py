"""What a condition saves is read from runs that may be compared, and a part that a model ignores is found."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from cvae_core.config.flavours import Config
from cvae_core.config.of_data_set import Given
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import DataSet
from cvae_core.data.masks import visible_values
from cvae_core.evaluation.results import Cell
from cvae_core.evaluation.savings import Change, changes, entropy, exchanged, savings
from cvae_core.models.build import build
from cvae_core.runs.run import Run, default_root, find
from tests.cvae_core.results import store

ROWS = torch.arange(60)
Tiny, Untrained = Callable[..., Config], Callable[..., Run]
EVERY = "label+attributes+quadrant"


@pytest.mark.usefixtures("small_baseline")
@pytest.mark.parametrize("visible", ["1", "brush"])
@pytest.mark.parametrize("part", ["label", "attributes", "pixels"])
def test_exactly_one_part_is_that_of_another_image(part: Given, visible: str, tiny: Tiny, digits: DataSet) -> None:
    config = tiny(EVERY, visible=visible)
    x, c = held_out(config, digits.test, ROWS)
    found = exchanged(x, c, part, config.shape, 0)
    parts = {"label": "labels", "attributes": "attributes", "pixels": "pixels"}
    assert c.visible is not None and found.visible is not None and torch.equal(found.visible, c.visible)
    for name, tensor in parts.items():
        own, other = getattr(c, tensor), getattr(found, tensor)
        assert torch.equal(own, other) == (name != part)
    if part == "attributes":
        assert c.attributes is not None and found.attributes is not None
        assert torch.equal(found.attributes.sort(0).values, c.attributes.sort(0).values)
    if part == "pixels":
        assert found.pixels is not None
        assert not (found.pixels * ~visible_values(c.visible, config.shape)).any()
        assert (found.pixels == c.pixels).all(-1).float().mean() < 0.1  # some masks show no ink


@pytest.mark.usefixtures("small_baseline")
def test_a_part_whose_weights_are_zero_is_ignored_and_the_others_are_not(tiny: Tiny, digits: DataSet) -> None:
    model = build(tiny(EVERY)).eval()
    with torch.no_grad():
        for index, weight in enumerate(model.parameters()):
            weight += 0.2 * noise.normal(weight.shape, 0, "shaken", index)
        for body, position in (("recognition", 1), ("prior_network", 0), ("generation", 1)):
            model.get_submodule(f"{body}.first.projections.{position}").weight.zero_()  # type: ignore[operator, union-attr]
    found = changes(model, digits.test, samples=5, images=60)
    assert (found["label"].nats, found["label"].verdict) == (0, "ignored")
    assert all(found[part].nats and found[part].standard_error for part in ("attributes", "pixels"))  # type: ignore[index]
    assert {(change.samples, change.images) for change in found.values()} == {(5, 60)}


@pytest.mark.parametrize(("run", "part"), [("digits-label", "label"), ("digits-quadrant-1", "pixels")])
def test_trained_models_use_what_they_are_given(run: str, part: Given, digits: DataSet) -> None:
    model = find(run, default_root()).model()
    assert changes(model, digits.test, samples=5, images=60)[part].verdict == "used"


def test_a_large_error_gives_no_verdict() -> None:
    words = [
        Change(nats, error, 10, 100).verdict for nats, error in ((2, 0.1), (0.01, 0.01), (2, 3), (0, 1), (0.11, 0.1))
    ]
    assert words == ["used", "ignored", "unclear", "unclear", "unclear"]


def cell(mean: float, visible: str | None, **changes: Any) -> Cell:
    settings = {"split": "test", "samples": 100, "images": 360, "seed": 0, "standard_error": 0.1, "seconds": 1.0}
    return Cell(estimator="importance", mean=mean, visible=visible, **{**settings, **changes})  # type: ignore[arg-type]


@pytest.mark.usefixtures("small_baseline")
def test_savings_are_those_of_runs_that_differ_only_in_what_is_given(tiny: Tiny, untrained: Untrained) -> None:
    runs = []
    for flavour, nats, more in (
        ("vae", 90.0, {}),
        ("label", 88.0, {}),
        ("attributes", 87.0, {}),
        ("label+attributes", 86.5, {}),
        ("quadrant", 60.0, {}),
        ("label+quadrant", 58.5, {}),
        ("label+quadrant", 50.0, {"width": 24}),
    ):
        runs.append(untrained(tiny(flavour, **more), f"run-{len(runs)}"))
        visible = runs[-1].card().config.visible_set
        store(runs[-1], [cell(nats, visible), cell(nats + 9, visible, samples=1000, images=100)])
    found = {(tuple(one.parts), tuple(one.beside), one.more.visible): one for one in savings(runs)}
    assert {which: one.nats for which, one in found.items()} == {
        (("label",), (), None): 2.0,
        (("attributes",), (), None): 3.0,
        (("label", "attributes"), (), None): 3.5,
        (("attributes",), ("label",), None): 1.5,
        (("label",), ("attributes",), None): 0.5,
        (("label",), ("pixels",), "1"): 1.5,
    }
    assert {one.more.images for one in found.values()} == {360}
    by_label = [one.information for one in found.values() if tuple(one.parts) == ("label",)]
    assert by_label == [pytest.approx(math.log(10))] * 3
    assert {one.information for one in found.values() if tuple(one.parts) != ("label",)} == {None}


def test_the_entropy_of_equally_frequent_labels_is_the_log_of_their_number() -> None:
    assert entropy(torch.arange(30) % 10) == pytest.approx(math.log(10))
    assert entropy(torch.tensor([3, 3, 3])) == 0
