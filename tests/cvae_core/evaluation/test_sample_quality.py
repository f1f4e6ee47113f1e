"""A classifier that was trained on real digits only measures how many generated digits have the requested label."""

import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cvae_core.config.descriptions import BUILT_IN, Description
from cvae_core.config.flavours import Config
from cvae_core.data.conditions import Condition
from cvae_core.data.datasets import DataSet, Split
from cvae_core.errors import ConfigError, RunDamaged, RunInUse, RunNotFound
from cvae_core.evaluation import classifier as classifiers
from cvae_core.evaluation import sample_quality
from cvae_core.evaluation.classifier import (
    EPOCHS,
    Classifier,
    accuracy,
    chance,
    classified,
    classifier_path,
    learn,
    load_classifier,
    store_classifier,
)
from cvae_core.evaluation.sample_quality import Finding, generated, judge, readings, store_judgement, stored_judgement
from cvae_core.models.build import build
from cvae_core.models.conditional_vae import ConditionalVAE, Latents
from cvae_core.runs.run import Run
from cvae_core.system.files import write_json
from cvae_core.system.formats import read_tensors, write_tensors
from cvae_core.system.type_checks import fits
from tests import own_data

Tiny, Untrained = Callable[..., Config], Callable[..., Run]

pytestmark = pytest.mark.usefixtures("small_baseline")


@pytest.fixture(scope="module")
def taught(digits: DataSet) -> tuple[Classifier, list[float]]:
    """Return a trained classifier and its validation accuracy after each epoch."""
    accuracies = []
    for learned in learn(digits.train, digits.description, epochs=3):
        accuracies.append(accuracy(learned.classifier, digits.validation))
    return learned.classifier, accuracies


@pytest.fixture
def classifier(taught: tuple[Classifier, list[float]]) -> Classifier:
    return taught[0]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduce the judgement to few digits, and the training of a classifier on samples to one epoch."""
    for name, value in {"PER_LABEL": 6, "TAUGHT_PER_LABEL": 12, "COMPLETED": 40, "PROBED": 100}.items():
        monkeypatch.setattr(sample_quality, name, value)
    monkeypatch.setattr(sample_quality, "learn", lambda train, data: learn(train, data, epochs=1))


def found(model: ConditionalVAE, data: DataSet, classifier: Classifier) -> dict[str, Finding]:
    return {finding.named(data.description): finding for finding in judge(model, data, classifier)}


def test_a_classifier_learns_and_the_same_seed_learns_the_same(
    digits: DataSet, taught: tuple[Classifier, list[float]]
) -> None:
    _, accuracies = taught
    assert accuracies[-1] > max(0.5, accuracies[0])
    (one,), (same,) = (
        list(learn(digits.train.part(slice(0, 100)), digits.description, epochs=1, seed=3)) for _ in range(2)
    )
    assert all(
        torch.equal(a, b) for a, b in zip(one.classifier.parameters(), same.classifier.parameters(), strict=True)
    )


def test_accuracy_is_the_share_of_labels_said(classifier: Classifier, digits: DataSet) -> None:
    said = classified(classifier, digits.test.intensities())
    right = Split(digits.test.images, said)
    assert accuracy(classifier, right) == 1
    assert accuracy(classifier, Split(digits.test.images, (said + 1) % 10)) == 0


def test_a_classifier_is_read_as_it_was_stored_or_not_at_all(
    classifier: Classifier, digits: DataSet, tmp_path: Path
) -> None:
    with pytest.raises(RunNotFound, match="train it with python -m cvae_core classifier digits"):
        load_classifier(BUILT_IN["digits"], tmp_path)
    path = store_classifier(classifier, digits, tmp_path)
    again, stored = load_classifier(BUILT_IN["digits"], tmp_path), deepcopy(classifier).half().float()
    assert not any(isinstance(part, nn.BatchNorm2d) for part in again.modules())
    x = digits.test.intensities(slice(0, 50))
    torch.testing.assert_close(again(x), stored(x))
    assert load_classifier(BUILT_IN["digits"], tmp_path, digits.fingerprint)
    with pytest.raises(ConfigError, match="was trained on other images than the run to be judged: train it again with"):
        load_classifier(BUILT_IN["digits"], tmp_path, "0" * 64)
    shutil.copy(path, classifier_path("mnist", tmp_path))
    with pytest.raises(RunDamaged, match="classifier-mnist"):
        load_classifier(BUILT_IN["mnist"], tmp_path)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunDamaged, match=path.name):
        load_classifier(BUILT_IN["digits"], tmp_path)


def test_generated_digits_come_with_the_labels_they_were_asked_by(tiny: Tiny) -> None:
    model = build(tiny("label"))
    drawn = generated(model, 4, 0, "judged")
    assert drawn.labels.tolist() == [label for label in range(10) for _ in range(4)]
    assert drawn.images.dtype == torch.uint8
    assert torch.equal(generated(model, 4, 0, "judged").images, drawn.images)
    assert not torch.equal(generated(model, 4, 0, "taught").images, drawn.images)


@pytest.mark.parametrize("changes", [{}, {"groups": 1, "latent": 1, "prior": "learned"}])
def test_a_label_model_is_judged_by_what_it_draws_and_what_its_z_knows(
    changes: dict[str, Any], few: None, tiny: Tiny, digits: DataSet, classifier: Classifier
) -> None:
    findings = found(build(tiny("label", **changes)), digits, classifier)
    asked = findings["samples of the class that was asked for"]
    each = [findings[f"samples read as the class that was asked for: {label}"] for label in range(10)]
    assert asked.value == pytest.approx(sum(finding.value for finding in each) / 10)
    assert (asked.of, asked.reference) == (60, accuracy(classifier, digits.test))
    assert findings["linear probe of the label in z"].of == 50
    assert all(0 <= finding.value <= 1 for finding in findings.values() if "spread" not in finding.name)


def test_real_digits_are_as_spread_as_real_digits(
    few: None, tiny: Tiny, digits: DataSet, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_quality, "generated", lambda *_: digits.test)
    findings = found(build(tiny("label")), digits, classifier)
    assert findings["spread within a class, against real images"].value == 1
    assert findings["samples of the class that was asked for"].value == accuracy(classifier, digits.test)


def test_a_probe_reads_draws_in_base_noise_and_not_what_the_prior_says_of_a_label(
    few: None, tiny: Tiny, digits: DataSet, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(tiny("label", prior="learned"))

    def infer(x: Tensor, c: Condition, epsilon: Tensor) -> Latents:
        told = 10 * F.one_hot(c.labels, 10)[None].float()  # like a prior that differs between labels
        return Latents(told, epsilon, torch.zeros_like(told), torch.zeros(1, len(x)), ())

    monkeypatch.setattr(model, "infer", infer)
    assert found(model, digits, classifier)["linear probe of the label in z"].value < 0.4


def test_completions_that_are_the_truth_keep_their_digit(
    few: None, tiny: Tiny, digits: DataSet, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(tiny("quadrant"))
    findings = found(model, digits, classifier)
    assert {finding.of for finding in findings.values()} == {40, 200}
    real = accuracy(classifier, digits.test.part(slice(0, 40)))
    assert all(finding.reference == real and finding.value < real for finding in findings.values())

    def truth(likelihood: Any, _: object) -> Tensor:
        return digits.test.intensities(slice(0, 40)).expand(len(likelihood.outputs), -1, -1)

    monkeypatch.setattr(sample_quality, "completed", truth)
    assert [finding.value for finding in found(model, digits, classifier).values()] == pytest.approx([real] * 3)


def test_readings_are_shares_of_what_the_classifier_says(digits: DataSet, classifier: Classifier) -> None:
    said = classified(classifier, digits.test.intensities(slice(0, 3))).tolist()
    truth = digits.test.images[:3].numpy()
    answers = np.stack([truth] * 3 + [truth[[1, 1, 1]]])
    shares = readings(classifier, answers)
    assert shares.shape == (3, 10)
    np.testing.assert_allclose(shares.sum(1), 1)
    expected = np.zeros((3, 10))
    for row, digit in enumerate(said):
        expected[row, digit] += 0.75
        expected[row, said[1]] += 0.25
    np.testing.assert_allclose(shares, expected)


@pytest.mark.parametrize("flavour", ["vae", "baseline"])
def test_a_model_without_a_requested_digit_is_not_judged(
    flavour: str, tiny: Tiny, digits: DataSet, classifier: Classifier
) -> None:
    with pytest.raises(ConfigError, match="Only label and quadrant models are judged"):
        judge(build(tiny(flavour)), digits, classifier)


def test_a_judgement_is_kept_with_the_weights_it_is_of(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    findings = [Finding(name="samples", value=0.5, of=10)]
    assert stored_judgement(run) == []
    store_judgement(run, findings, run.weights_digest())
    assert stored_judgement(run) == findings
    run.write_weights(run.card(), build(tiny("label", seed=3)).state_dict(), torch.float32)
    assert stored_judgement(run) == []
    with pytest.raises(RunInUse):
        store_judgement(run, findings, "0" * 64)


MANY = own_data.description("many", classes=tuple(map(str, range(200))), train=400, validation=200, test=200)
FEW = own_data.description("few", channels=3, drawn=False)


def loaded(description: Description) -> DataSet:
    """Return a data set of noise."""
    sealed = own_data.sealed(description)
    splits = (Split(torch.from_numpy(x), torch.from_numpy(y).long()) for x, y in sealed.splits.values())
    return DataSet(description, *splits, sealed.fingerprint)


@pytest.mark.parametrize("description", [MANY, FEW], ids=["200 classes", "colour"])
def test_any_data_set_has_a_classifier_and_its_runs_are_judged(
    description: Description, few: None, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PER_LABEL", "TAUGHT_PER_LABEL"):
        monkeypatch.setattr(sample_quality, name, 40)
    data, classes = loaded(description), len(description.classes)
    (*_, learned) = learn(data.train, description, epochs=2)
    path = store_classifier(learned.classifier, data, tmp_path)
    notes = read_tensors(path)[1]
    assert (notes["tested"], float(notes["chance"])) == (str(description.test), round(chance(data), 4))
    assert chance(data) == pytest.approx(1 / classes)
    reader = load_classifier(description, tmp_path, data.fingerprint)
    findings = found(build(tiny("label", data=description, dataset=description.name)), data, reader)
    each = [findings[f"{sample_quality.OF_A_CLASS}: {name}"] for name in description.classes]
    assert {finding.label for finding in each} == set(range(classes))
    assert sum(finding.of for finding in each) == 40 * min(10, classes)
    assert all(fits(finding, Finding, one_line=True) for finding in findings.values())
    quadrant = build(tiny("quadrant", data=description, dataset=description.name))
    assert len(found(quadrant, data, reader)) == 3


def test_few_images_are_seen_in_more_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifiers, "LEAST_STEPS", 20)
    train = loaded(FEW).train
    assert next(learn(train, FEW)).epochs == 20
    assert next(learn(Split(train.images.repeat(50, 1), train.labels.repeat(50)), FEW)).epochs == EPOCHS == 10


def test_one_class_cannot_be_classified(tmp_path: Path) -> None:
    one = loaded(own_data.description("one", classes=("all",)))
    said = "The data set 'one' has one class only: a classifier, and judging with it, need at least two classes"
    with pytest.raises(ConfigError, match=said):
        next(learn(one.train, one.description))
    with pytest.raises(ConfigError, match=said):
        load_classifier(one.description, tmp_path)


def test_a_classifier_of_another_shape_or_of_other_classes_is_not_used(
    classifier: Classifier, digits: DataSet, tmp_path: Path
) -> None:
    path = store_classifier(classifier, digits, tmp_path)
    tensors, notes = read_tensors(path)
    older = {name: notes[name] for name in ("dataset", "images", "accuracy")}
    write_tensors(path, tensors, **older)
    assert load_classifier(BUILT_IN["digits"], tmp_path)  # older files are for 28×28 grey pixels and ten classes
    for changes in ({"side": 32}, {"channels": 3}, {"classes": ("a", "b")}):
        with pytest.raises(ConfigError, match="was trained on other images than the run to be judged"):
            load_classifier(replace(BUILT_IN["digits"], **changes), tmp_path)


def test_too_few_test_images_leave_out_what_they_cannot_show(
    few: None, tiny: Tiny, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = loaded(replace(FEW, test=3))
    reader = Classifier(FEW).eval()
    findings = found(build(tiny("label", data=FEW, dataset="few")), data, reader)
    assert "linear probe of the label in z" not in findings
    assert "spread within a class, against real images" not in findings


def test_findings_of_earlier_versions_are_read_and_shown(tiny: Tiny, untrained: Untrained) -> None:
    run = untrained(tiny("label"))
    older = {"name": "samples of 3 read as 3", "value": 0.5, "of": 10, "reference": None}
    write_json(run.folder / sample_quality.RESULTS, {"weights": run.weights_digest(), "findings": [older]})
    (finding,) = stored_judgement(run)
    assert finding.named(run.card().description) == "samples of 3 read as 3"
