"""Judge generated images with an independent classifier: do they show the given class, and vary as much as real images?"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cvae_core.config.descriptions import MOST_ATTRIBUTES, MOST_CLASSES, Description
from cvae_core.config.quadrant_names import canonical, described
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import chosen
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.intensities import as_bytes
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.evaluation.classifier import Classifier, accuracy, classified, hits, learn
from cvae_core.evaluation.label_posterior import could_become
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.runs.run import Run
from cvae_core.system import files
from cvae_core.system.type_checks import Between, Images, fits

LOG = logging.getLogger(__name__)
RESULTS = "judgement.json"
PER_LABEL = 1000  # samples to judge
TAUGHT_PER_LABEL = 5000  # samples to train a second classifier on
USUAL_CLASSES = 10  # of a data set with more classes, each label gets fewer samples
COMPLETED, COMPLETIONS = 2000, 5  # number of test images, and completions of each
PARTS, PART_AT_ONCE = 500, 50  # test images whose visible part is classified, by default and in memory at a time
LEAST = 1e-300  # a probability that is smaller counts as this one, so that its logarithm is finite
PROBED = 5000  # test images for the linear probe of z; half of them train it
AT_ONCE = 250
OF_PARTS = "labels of parts of test images"  # the beginning of the names of findings of `judge_part`
OF_A_CLASS = "samples read as the class that was asked for"
Share = Annotated[float, Between(-1e30, 1e30)]  # a share, a ratio, R², or an error in the unit of an attribute
Record = TypeVar("Record", "Finding", "Asked")
Label = Annotated[int, Between(0, MOST_CLASSES - 1)]
AttributeNumber = Annotated[int, Between(0, MOST_ATTRIBUTES - 1)]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Hold one measure of a run's images: a share between 0 and 1, a ratio, R², or an error."""

    name: str
    value: Share
    of: Images  # number of images measured
    reference: Share | None = None  # the same measure for real images, or the value of chance
    label: Label | None = None  # if the images are of one class; older findings have it in their name
    attribute: AttributeNumber | None = None  # if the measure is about one attribute

    def __post_init__(self) -> None:
        if self.attribute is None and min(self.value, self.reference or 0.0) < 0:
            raise TypeError("only R² can be negative: a measure of an attribute")

    def named(self, data: Description) -> str:
        """Return the name of the measure, followed by the class of the images or the attribute that it is about."""
        if self.attribute is not None and self.attribute < len(data.attributes):
            return f"{self.name}: {data.attributes[self.attribute].name}"
        if self.label is None or self.label >= len(data.classes):
            return self.name
        return f"{self.name}: {data.classes[self.label]}"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Hold what was asked for and measured, for some samples and one attribute: numbers, or places of categories."""

    attribute: AttributeNumber
    asked: Sequence[Share]
    measured: Sequence[Share]
    held_out: Sequence[bool]  # whether the combination was left out of the training

    def __post_init__(self) -> None:
        if not len(self.asked) == len(self.measured) == len(self.held_out):
            raise TypeError("each sample needs all three values")


def judge(model: ConditionalVAE, data: DataSet, classifier: Classifier, seed: int = 0) -> list[Finding]:
    """Judge whether images are of the right class. Raise ConfigError for a model that is not given anything.

    For a model that is given attributes only, nothing is found here: see `attribute_quality`.
    """
    if "label" in model.config.given and not model.config.reads_images:
        return _judged_labels(model, data, classifier, seed)
    if model.config.has_baseline:
        return _judged_completions(model, data, classifier, seed)
    if "attributes" in model.config.given:
        return []
    raise ConfigError(
        "Only label and quadrant models are judged, and models of attributes: it is not known what others should draw."
    )


def of_part(visible: str) -> str:
    """Return the beginning of the names of the findings of `judge_part` for a visible part."""
    return f"{OF_PARTS}, {described(visible)} visible"


def judge_part(
    model: ConditionalVAE, data: DataSet, classifier: Classifier, visible: str, samples: int, images: int, seed: int = 0
) -> list[Finding]:
    """Judge a label model as a classifier of the visible part of the first test images, beside `classifier` on whole images.

    Returns the share of images whose most probable label is their own, and the mean −log p(own label | visible) in nats.
    """
    visible, count = canonical(visible), min(images, len(data.test))
    own, right, whole = [], [], []
    for rows in torch.arange(count).split(PART_AT_ONCE):
        x, labels = data.test.intensities(rows), data.test.labels[rows]
        found = could_become(model, x, visible, data.train, samples, seed, rows)
        own.append(found.probabilities.gather(1, labels[:, None])[:, 0])
        right.append((found.probabilities.argmax(-1) == labels).double())
        with torch.no_grad():
            whole.append(F.cross_entropy(classifier(x).double(), labels, reduction="none"))
    lost = -torch.cat(own).clamp(min=LEAST).log().mean()
    beside = accuracy(classifier, data.test.part(slice(0, count))), float(torch.cat(whole).mean())
    name = f"{of_part(visible)}, S = {samples}"
    return [
        Finding(name=f"{name}: accuracy", value=float(torch.cat(right).mean()), of=count, reference=beside[0]),
        Finding(name=f"{name}: log loss in nats", value=float(lost), of=count, reference=beside[1]),
    ]


def generated(model: ConditionalVAE, per_label: int, seed: int, use: str) -> Split:
    """Draw `per_label` images of every label with z ~ p(z | c), as pixel means in bytes."""
    config = model.config
    images = torch.empty(config.classes, per_label, config.shape.values, dtype=torch.uint8)
    for label in range(config.classes):
        c = chosen(config, torch.tensor([label]))
        for part, rows in enumerate(torch.arange(per_label).split(AT_ONCE)):
            epsilon = noise.normal((len(rows), 1, model.latent), seed, use, label, part)
            with torch.no_grad():
                drawn = completed(model.likelihood(model.draw(c, epsilon), c), c)
            images[label, rows] = torch.from_numpy(as_bytes(drawn[:, 0]))
    return Split(images.flatten(0, 1), torch.arange(config.classes).repeat_interleave(per_label))


def readings(classifier: Classifier, completions: np.ndarray) -> np.ndarray:
    """Return the shares (N, classes) of predicted labels among completions (count, N, values) uint8 of N conditions."""
    predicted = classified(classifier, torch.from_numpy(completions).float().flatten(0, 1) / 255)
    said = F.one_hot(predicted.unflatten(0, completions.shape[:2]), classifier.output.out_features)
    return said.double().mean(0).numpy()


def _judged_labels(model: ConditionalVAE, data: DataSet, classifier: Classifier, seed: int) -> list[Finding]:
    classes = model.config.classes
    judged, taught_on = (count * min(classes, USUAL_CLASSES) // classes for count in (PER_LABEL, TAUGHT_PER_LABEL))
    drawn = generated(model, judged, seed, "judged")
    right = hits(classifier, drawn)
    real = accuracy(classifier, data.test)
    found = [
        Finding(
            name="samples of the class that was asked for", value=float(right.mean()), of=len(right), reference=real
        )
    ]
    for label in range(classes):
        own = right[drawn.labels == label]
        found.append(Finding(name=OF_A_CLASS, value=float(own.mean()), of=len(own), label=label))
    *_, taught = learn(generated(model, taught_on, seed, "taught"), replace(data.description, attributes=()))
    found.append(
        Finding(
            name="test accuracy of a classifier that learned from samples alone",
            value=accuracy(taught.classifier, data.test),
            of=len(data.test),
            reference=real,
        )
    )
    if probed := _probe(model, data.test, seed):
        value, of = probed
        found.append(Finding(name="linear probe of the label in z", value=value, of=of, reference=1 / classes))
    if spread := _spread(data.test):
        ratio = _spread(drawn) / spread
        found.append(
            Finding(name="spread within a class, against real images", value=ratio, of=len(drawn), reference=1.0)
        )
    return found


def _judged_completions(model: ConditionalVAE, data: DataSet, classifier: Classifier, seed: int) -> list[Finding]:
    assert model.baseline
    kept: dict[str, list[Tensor]] = {"samples": [], "best guess (ε = 0)": [], "NN baseline": []}
    count = min(COMPLETED, len(data.test))
    for rows in torch.arange(count).split(AT_ONCE):
        _, c = held_out(model.config, data.test, rows)
        labels = data.test.labels[rows]
        drawn = noise.per_image(rows, COMPLETIONS, model.latent, seed, "judged")
        with torch.no_grad():
            answers = {
                "samples": completed(model.likelihood(model.draw(c, drawn), c), c),
                "best guess (ε = 0)": completed(model.likelihood(model.draw(c, torch.zeros_like(drawn[:1])), c), c),
                "NN baseline": completed(model.baseline.likelihood(model.baseline.draw(c, drawn[:1, :, :0]), c), c),
            }
        for name, images in answers.items():
            predicted = classified(classifier, images.flatten(0, 1)).unflatten(0, images.shape[:2])
            kept[name].append((predicted == labels).flatten().double())
    real = accuracy(classifier, data.test.part(slice(0, count)))
    return [
        Finding(name=f"completions that keep the class: {name}", value=float(hit.mean()), of=len(hit), reference=real)
        for name, hit in ((name, torch.cat(parts)) for name, parts in kept.items())
    ]


def _probe(model: ConditionalVAE, test: Split, seed: int) -> tuple[float, int] | None:
    """Return the accuracy of a logistic regression that predicts the label from z, and its number of test images.

    Returns None if there are too few test images: the regression needs two classes, and on average two images of each.

    Its input is a draw from q(z | x, c) in base noise. z itself would reveal the label through the mean of a learned prior,
    and posterior means might reveal it through small differences in dimensions that carry no information.
    """
    from sklearn.linear_model import LogisticRegression

    rows, drawn = torch.arange(min(PROBED, len(test))), []
    for part, some in enumerate(rows.split(AT_ONCE)):
        x, c = held_out(model.config, test, some)
        with torch.inference_mode():
            drawn.append(model.infer(x, c, noise.normal((1, len(x), model.latent), seed, "probed", part)).noise[0])
    z = torch.cat(drawn).numpy()
    labels, half = test.labels[rows].numpy(), len(rows) // 2
    if not 2 <= len(np.unique(labels[:half])) <= half / 2:
        return None
    probe = LogisticRegression(max_iter=1000).fit(z[:half], labels[:half])
    return float(probe.score(z[half:], labels[half:])), len(rows) - half


def _spread(split: Split) -> float:
    """Return the mean squared distance of images from the mean image of their label, averaged over labels."""
    spreads = []
    for label in split.labels.unique():
        x = split.intensities(split.labels == label).double()
        spreads.append((x - x.mean(0)).square().sum(-1).mean())
    return float(torch.stack(spreads).mean())


def store_judgement(run: Run, findings: Sequence[Finding], weights: str, asked: Sequence[Asked] = ()) -> None:
    """Save findings to a run with the digest of its weights, and what was asked for and measured.

    Those of `judge` and those of each visible part replace stored ones of their kind only. Raises RunInUse if the run's
    weights have changed.
    """
    run.require_weights(weights)
    kinds = {_kind(finding) for finding in findings}
    there = run.exists()  # it may have been moved meanwhile
    kept = [finding for finding in (stored_judgement(run) if there else ()) if _kind(finding) not in kinds]
    every = sorted([*findings, *kept], key=lambda finding: finding.name.startswith(OF_PARTS))
    content = {"weights": weights, "findings": [asdict(finding) for finding in every]}
    asked = asked or (stored_asked(run) if there else ())
    content |= {"asked": [asdict(one) for one in asked]} if asked else {}
    files.write_json(path := run.result_path(RESULTS), content)
    run.require_there(path)
    LOG.info("run %s: judged, %d findings", run.name, len(findings))


def _kind(finding: Finding) -> str:
    """Return the visible part that a finding is about, or an empty text for a finding of `judge`."""
    return finding.name.partition(", S = ")[0] if finding.name.startswith(OF_PARTS) else ""


def stored_judgement(run: Run) -> list[Finding]:
    """Read the findings for a run's current weights. Return an empty list if there are none."""
    return _stored(run, "findings", Finding)


def stored_asked(run: Run) -> list[Asked]:
    """Read what was asked for and measured with a run's current weights. Return an empty list if there is nothing."""
    return _stored(run, "asked", Asked)


def _stored(run: Run, part: str, kind: type[Record]) -> list[Record]:
    weights = run.card().weights
    for path in reversed(run.result_paths(RESULTS)):
        content = files.read_json(path)
        if weights is not None and content.get("weights") == weights.sha256:
            try:
                records = [kind(**record) for record in content.get(part, ())]
            except TypeError as error:
                raise RunDamaged(f"{path} is not of this version of the lab: judge the run again.") from error
            files.require(all(fits(record, kind) for record in records), path)
            return records
    return []
