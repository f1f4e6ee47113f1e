"""Attributes that are asked for are compared with those of the samples, which are measured as those of real images are."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cvae_core.config.descriptions import Attribute
from cvae_core.data import ink
from cvae_core.data.batches import combinations_held_out, trained_on
from cvae_core.data.datasets import DataSet, Split
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.evaluation import attribute_quality, sample_quality
from cvae_core.evaluation.attribute_quality import asked_and_measured, compared, findings, measured
from cvae_core.evaluation.classifier import (
    Classifier,
    agreements,
    attributes_read,
    blurred,
    learn,
    load_classifier,
    reading_of_attributes,
    store_classifier,
)
from cvae_core.evaluation.sample_quality import Asked, Finding, judge, store_judgement, stored_asked
from cvae_core.models.build import build
from cvae_core.runs.run import Run
from cvae_core.system import files, formats
from cvae_core.training.loop import Learner, train
from tests import own_data
from tests.conftest import Tiny, Untrained

WIDTH, KIND = Attribute(name="width", mean=6.0, scale=2.0), Attribute(name="kind", categories=("bar", "frame"))


def bars(count: int, seed: int) -> Split:
    """Return upright bars of random width, some as frames. Some of the attributes are missing."""
    random = np.random.default_rng(seed)
    widths, kinds = random.integers(3, 11, count), random.integers(0, 2, count)
    images = np.zeros((count, 16, 16), np.uint8)
    for image, width, kind in zip(images, widths, kinds, strict=True):
        left = 8 - width // 2
        image[2:14, left : left + width] = 255
        if kind:
            image[5:11, left + 1 : left + width - 1] = 0
    values = np.stack([widths, kinds], 1).astype(np.float32)
    values[random.random(values.shape) < 0.1] = math.nan
    return Split(torch.from_numpy(images).flatten(1), torch.zeros(count, dtype=torch.int64), torch.from_numpy(values))


@pytest.fixture(scope="module")
def data() -> DataSet:
    about = own_data.description(
        "bars", classes=("all",), attributes=(WIDTH, KIND), train=1000, validation=20, test=200
    )
    return DataSet(about, bars(1000, 0), bars(20, 1), bars(200, 2), "0" * 64)


@pytest.fixture(scope="module")
def reader(data: DataSet) -> Classifier:
    *_, last = learn(data.train, data.description, epochs=15)
    return last.classifier


def test_a_network_learns_to_read_attributes_although_some_are_missing(data: DataSet, reader: Classifier) -> None:
    width, kind = agreements(data.description.attributes, data.test.attributes, attributes_read(reader, data.test))
    assert width and width.agreement > 0.9 and width.error < 0.8
    assert kind and kind.agreement > 0.95 and kind.of == int((~data.test.attributes[:, 1].isnan()).sum())


def test_a_stored_network_reads_the_same_and_says_how_well(data: DataSet, reader: Classifier, tmp_path: Path) -> None:
    path = store_classifier(reader, data, tmp_path)
    again = load_classifier(data.description, tmp_path, data.fingerprint)
    torch.testing.assert_close(attributes_read(again, data.test), attributes_read(reader, data.test), rtol=0, atol=0.05)
    width, kind = reading_of_attributes(data.description, formats.read_tensors(path)[1])
    assert width.startswith("width: R² 0.9") and kind.startswith("kind: ")
    with pytest.raises(ConfigError, match="train it again"):
        load_classifier(replace(data.description, attributes=(WIDTH,)), tmp_path, data.fingerprint)


def test_some_images_are_blurred_while_numbers_are_learned(data: DataSet) -> None:
    x = data.train.intensities(slice(2))
    plain, soft = blurred(x, data.description.shape, torch.tensor([False, True]))
    assert torch.equal(plain, x[0])
    assert soft.reshape(16, 16)[5, 5] == pytest.approx(float(x[1].reshape(16, 16)[4:7, 4:7].mean()))


def test_agreement_is_r_squared_of_numbers_and_the_share_of_categories() -> None:
    asked = torch.tensor([[1.0, 0], [2, 1], [3, 1], [math.nan, 0]])
    (number, category) = agreements((WIDTH, KIND), asked, torch.tensor([[1.0, 0], [2, 1], [4, 0], [9, 0]]))
    assert number == pytest.approx((0.5, 1 / 3, 3)) and category == pytest.approx((0.75, 0.25, 4))
    assert agreements((WIDTH,), asked[:1, :1], asked[:1, :1]) == [None]


def test_digits_are_measured_from_their_ink(digits: DataSet) -> None:
    images = digits.test.images[:5]
    found = measured(images, digits, Classifier(digits.description))
    np.testing.assert_array_equal(found, ink.measured(images.numpy(), digits.description.shape))


def test_samples_are_compared_with_what_was_asked_for(
    digits: DataSet, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny("label+attributes", hold_out=True)
    model, reader = build(config).eval(), Classifier(digits.description)
    few = replace(digits, test=digits.test.part(slice(60)))
    monkeypatch.setattr(attribute_quality, "measured", lambda images, data, reader: few.test.attributes + 1)
    asked = asked_and_measured(model, few, reader)
    assert [one.attribute for one in asked] == [0, 1]
    assert asked[0].asked == few.test.attributes[:, 0].tolist()
    held = combinations_held_out(config.attributes, few.test.attributes)
    assert asked[0].held_out == held.tolist() and 0 < held.sum() < 30
    found = {one.named(digits.description): one for one in findings(model, few, reader, asked)}
    error = found["mean absolute error of asked and measured: slant"]
    assert error.value == pytest.approx(1, abs=1e-4) and error.of == 60 and error.reference is None
    spread = few.test.attributes[:, 1].var(correction=0)
    assert found["R² of asked and measured: thickness"].value == pytest.approx(1 - 1 / float(spread), abs=1e-3)
    part = found["R² of asked and measured, combinations held out from training: slant"]
    assert part.of == int(held.sum())
    assert compared(asked[0], config.attributes[0], held_out=True).of == part.of  # type: ignore[union-attr]


def test_without_hold_out_nothing_is_called_held_out(digits: DataSet, tiny: Tiny) -> None:
    model = build(tiny("attributes")).eval()
    few = replace(digits, test=digits.test.part(slice(40)))
    asked = asked_and_measured(model, few, Classifier(digits.description))
    assert not any(flag for one in asked for flag in one.held_out)


def test_the_probe_finds_what_z_says_and_nothing_else(
    digits: DataSet, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    slants = (digits.test.attributes - torch.tensor([-2.4, 4.9])) / torch.tensor([6.9, 0.8])
    noise = torch.randn(len(digits.test), 1, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(
        attribute_quality,
        "_posterior_means",
        lambda model, test, rows: torch.cat([slants[rows, :1], noise[rows]], 1),
    )
    slant, thickness = attribute_quality.probes(build(tiny("vae")), digits)
    assert slant.value == pytest.approx(1, abs=0.01) and abs(thickness.value) < 0.3
    assert slant.of == len(digits.test) - len(digits.test) // 2 and slant.reference == 0


def test_attributes_and_categories_of_ones_own_are_judged(data: DataSet, reader: Classifier, tiny: Tiny) -> None:
    model = build(tiny("attributes", data=data.description, dataset="bars")).eval()
    assert judge(model, data, reader) == []
    asked = asked_and_measured(model, data, reader)
    names = [one.named(data.description) for one in findings(model, data, reader, asked)]
    assert names == [
        "R² of asked and measured: width",
        "mean absolute error of asked and measured: width",
        "samples read as the category that was asked for: kind",
        "R² of a linear probe of z: width",
        "linear probe of the category in z: kind",
    ]


def test_held_out_combinations_are_never_trained_on(
    digits: DataSet, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny("attributes", hold_out=True, epochs=2)
    seen: list[int] = []

    def learn_rows(learner: Learner, split: Split, rows: torch.Tensor) -> float:
        seen.extend(rows.tolist())
        learner.step += 1
        learner.seen += len(rows)
        return 0.0

    monkeypatch.setattr(Learner, "learn", learn_rows)
    learner = Learner(config, 5, dtype=torch.float32, frozen={})
    for _ in train(learner, digits):
        pass
    held = combinations_held_out(config.attributes, digits.train.attributes)
    assert seen and not held[seen].any() and 0.1 < held.float().mean() < 0.4
    assert trained_on(tiny("attributes"), digits.train).tolist() == list(range(len(digits.train)))


def test_missing_values_are_never_held_out() -> None:
    both = (WIDTH, Attribute(name="other"))
    values = torch.tensor([[math.nan, 0.5], [6.5, math.nan], [6.5, 0.5], [8.5, 0.5]])
    assert combinations_held_out(both, values).tolist() == [False, False, True, False]
    assert not combinations_held_out((WIDTH, KIND), values).any()


def test_holding_out_needs_two_numbers(data: DataSet, tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match="at least two attributes are numbers"):
        tiny("attributes", data=data.description, dataset="bars", hold_out=True)


def test_what_was_asked_for_is_stored_and_read_back(tiny: Tiny, untrained: Untrained) -> None:
    run: Run = untrained(tiny("attributes"))
    asked = [Asked(attribute=0, asked=[1.0, 2.0], measured=[1.5, 2.0], held_out=[False, True])]
    store_judgement(run, [Finding(name="x", value=-0.5, of=2, attribute=0)], run.weights_digest(), asked)
    assert stored_asked(run) == asked
    path = run.result_path(sample_quality.RESULTS)
    content = files.read_json(path)
    content["asked"][0]["measured"] = [1.0]
    files.write_json(path, content)
    with pytest.raises(RunDamaged):
        stored_asked(run)
