"""A small network that judges generated images. It is trained on real images only, independently of all models.

It reads the class of an image, and the attributes of a data set that are not measured by `data.ink`.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from cvae_core.config.descriptions import BUILT_IN, Attribute, Description, Shape
from cvae_core.data import noise
from cvae_core.data.batches import shifted
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.intensities import require_images
from cvae_core.errors import ConfigError, RunDamaged, RunNotFound
from cvae_core.models.mlp import initialise
from cvae_core.system import files, formats
from cvae_core.system.folders import in_root
from cvae_core.training.optimiser import AdamW

BATCH, LEARNING_RATE, WEIGHT_DECAY = 250, 2e-3, 0.01
EPOCHS, LEAST_STEPS = 10, 300  # few images are seen in more epochs
ATTRIBUTE_STEPS = 700  # numbers need more steps than classes
BLURRED = 0.5  # share of images that are blurred before numbers are learned from them: means of pixels are not sharp
SHIFTS = 0.8  # share of training images that are shifted, since generated images are not always centred
AT_ONCE = 64  # images per batch: their feature maps fit into the CPU cache


class Classifier(nn.Module):
    """Model p(label | image), and predict attributes, with four batch-normalised convolutions and linear layers."""

    def __init__(self, data: Description) -> None:
        super().__init__()
        self.attributes = read_attributes(data)
        shape = self.shape = data.shape
        self.maps = nn.Sequential(*_block(shape.channels, 32), *_block(32, 32, 2), *_block(32, 64), *_block(64, 64, 2))
        self.hidden, self.output = nn.Linear(64 * (shape.side // 4) ** 2, 64), nn.Linear(64, len(data.classes))
        self.columns = nn.ModuleList(nn.Linear(64, max(1, len(one.categories))) for one in self.attributes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, values) in [0, 1] to logits (N, classes)."""
        logits: Tensor = self.output(self._features(images))
        return logits

    def attributes_of(self, images: Tensor) -> Tensor:
        """Predict the attributes of images (N, values), (N, A) in the units of the data set, and the likeliest categories."""
        features, found = self._features(images), []
        for one, column in zip(self.attributes, self.columns, strict=True):
            out = column(features)
            found.append(out.argmax(-1).float() if one.categories else one.mean + one.scale * out[:, 0])
        return torch.stack(found, dim=-1)

    def loss(self, images: Tensor, labels: Tensor, attributes: Tensor | None) -> Tensor:
        """Return the cross-entropy of labels and categories plus half the squared error of standardised numbers.

        Attributes (N, A) that are missing, NaN, are left out.
        """
        features = self._features(images)
        total = F.cross_entropy(self.output(features), labels)
        for place, (one, column) in enumerate(zip(self.attributes, self.columns, strict=True)):
            assert attributes is not None
            given = ~attributes[:, place].isnan()
            out, value = column(features)[given], attributes[given, place]
            if one.categories:
                total = total + F.cross_entropy(out, value.long(), reduction="sum") / len(images)
            else:
                total = total + 0.5 * ((value - one.mean) / one.scale - out[:, 0]).square().sum() / len(images)
        return total

    def _features(self, images: Tensor) -> Tensor:
        require_images(images, self.shape)
        maps = self.maps(images.unflatten(-1, self.shape.maps))
        return F.relu(self.hidden(maps.flatten(1)))


def read_attributes(data: Description) -> Sequence[Attribute]:
    """Return the attributes that a network has to read: those of built-in data sets are measured from the ink."""
    return () if data.name in BUILT_IN else data.attributes


def _block(channels_in: int, channels_out: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]


class Learned(NamedTuple):
    """Report a classifier after epoch `epoch` of `epochs`."""

    epoch: int
    epochs: int
    classifier: Classifier


def learn(train: Split, data: Description, *, epochs: int | None = None, seed: int = 0) -> Iterator[Learned]:
    """Train a classifier on a split of images as described, and yield it after every epoch.

    By default, it is trained for EPOCHS epochs, or for more if these have fewer than LEAST_STEPS or ATTRIBUTE_STEPS steps.
    Raises ConfigError for a data set of one class without attributes.
    """
    require_classes(data)
    classifier = Classifier(data)
    initialise(classifier, seed)
    optimiser = AdamW(classifier.parameters(), WEIGHT_DECAY)
    steps, least = math.ceil(len(train) / BATCH), ATTRIBUTE_STEPS if classifier.attributes else LEAST_STEPS
    epochs = max(EPOCHS, math.ceil(least / steps)) if epochs is None else epochs
    for epoch in range(epochs):
        classifier.train()
        for step, rows in enumerate(noise.permutation(len(train), seed, "classifier", epoch).split(BATCH)):
            done = (epoch * steps + step) / (epochs * steps)
            x = shifted(train.intensities(rows), data.shape, SHIFTS, seed, "classifier", epoch, step)
            if classifier.attributes:
                x = blurred(x, data.shape, noise.uniform((len(x),), seed, "blurred", epoch, step) < BLURRED)
            loss = classifier.loss(x, train.labels[rows], train.attributes[rows] if classifier.attributes else None)
            classifier.zero_grad()
            loss.backward()
            optimiser.step(LEARNING_RATE * min(1.0, 10 * done + 0.05) * (1 - done))
        yield Learned(epoch + 1, epochs, classifier.eval())


def blurred(x: Tensor, shape: Shape, which: Tensor) -> Tensor:
    """Return images (N, values) in which some, (N,), are means over 3×3 pixels."""
    means = F.avg_pool2d(x.unflatten(-1, shape.maps), 3, stride=1, padding=1).flatten(1)
    return torch.where(which[:, None], means, x)


@torch.no_grad()
def classified(classifier: Classifier, images: Tensor) -> Tensor:
    """Return the most probable label of each image (N, values) in [0, 1], (N,)."""
    return torch.cat([classifier(some).argmax(-1) for some in images.split(AT_ONCE)])


def hits(classifier: Classifier, split: Split) -> Tensor:
    """Return whether each image of a split is classified correctly, as 1 or 0, (N,) float64."""
    rows = torch.arange(len(split)).split(AT_ONCE)
    predicted = torch.cat([classified(classifier, split.intensities(some)) for some in rows])
    return (predicted == split.labels).double()


class Agreement(NamedTuple):
    """Compare values of an attribute with what was measured."""

    agreement: float  # R² of a number, or the share of equal categories
    error: float  # mean absolute error of a number in its unit, or the share of other categories
    of: int  # number of images


def agreements(attributes: Sequence[Attribute], asked: Tensor, measured: Tensor) -> list[Agreement | None]:
    """Compare attributes (N, A) with measured ones. None: fewer than two different values are known.

    R² = 1 − Σ (asked − measured)² / Σ (asked − mean of asked)², so that a wrong scale or shift counts as an error too.
    """
    found: list[Agreement | None] = []
    for one, truth, other in zip(attributes, asked.double().unbind(-1), measured.double().unbind(-1), strict=True):
        known = ~(truth.isnan() | other.isnan())
        truth, other = truth[known], other[known]
        if len(truth.unique()) < 2:
            found.append(None)
            continue
        error = (truth - other).abs() if not one.categories else (truth != other).double()
        spread = (truth - truth.mean()).square().sum()
        agreement = 1 - error.mean() if one.categories else 1 - error.square().sum() / spread
        found.append(Agreement(float(agreement), float(error.mean()), len(truth)))
    return found


@torch.no_grad()
def attributes_read(classifier: Classifier, split: Split) -> Tensor:
    """Return the attributes of a split's images as the classifier reads them, (N, A)."""
    rows = torch.arange(len(split)).split(AT_ONCE)
    return torch.cat([classifier.attributes_of(split.intensities(some)) for some in rows])


def accuracy(classifier: Classifier, split: Split) -> float:
    """Return the share of a split's images that are classified correctly."""
    return float(hits(classifier, split).mean())


def chance(data: DataSet) -> float:
    """Return the test accuracy of always choosing the most frequent class of the training images."""
    return float((data.test.labels == data.train.labels.bincount().argmax()).double().mean())


def is_readable(data: Description) -> bool:
    """Return whether a data set has classes to tell apart, or attributes that a network can read."""
    return data.labelled or bool(read_attributes(data))


def require_classes(data: Description) -> None:
    """Raise ConfigError unless a data set has something to read."""
    if not is_readable(data):
        raise ConfigError(
            f"The data set {data.name!r} has one class only: a classifier, and judging with it, need at least two classes, "
            "or attributes."
        )


def store_classifier(classifier: Classifier, data: DataSet, root: Path) -> Path:
    """Save a classifier to a folder of runs, in half precision, with its test accuracy and facts of its data set."""
    weights = {name: weight.half() for name, weight in classifier.state_dict().items()}
    path = classifier_path(data.name, root)
    measured = {
        "accuracy": f"{accuracy(classifier, data.test):.4f}",
        "chance": f"{chance(data):.4f}",
        "tested": f"{len(data.test)}",
    }
    if classifier.attributes:
        agreement = agreements(classifier.attributes, data.test.attributes, attributes_read(classifier, data.test))
        measured["read"] = json.dumps([None if one is None else round(one.agreement, 4) for one in agreement])
    formats.write_tensors(
        path, weights, dataset=data.name, images=data.fingerprint, **_seen_by(data.description), **measured
    )
    return path


def _seen_by(data: Description) -> dict[str, str]:
    """Return the shape of a data set and the numbers of classes and attributes as notes. Older files lack them."""
    numbers = {"channels": data.channels, "side": data.side, "classes": len(data.classes)}
    return {name: f"{number}" for name, number in {**numbers, "attributes": len(read_attributes(data))}.items()}


def load_classifier(data: Description, root: Path, images: str | None = None) -> Classifier:
    """Load the classifier of a data set. If a fingerprint `images` is given, it must be that of the training images.

    Raises RunNotFound if there is no classifier, ConfigError if it is for other images or if the data set has one class
    only, and RunDamaged if the file is damaged.
    """
    require_classes(data)
    dataset = data.name
    path, command = classifier_path(dataset, root), in_root(f"python -m cvae_core classifier {dataset}", root)
    if not path.exists():
        raise RunNotFound(f"There is no classifier for {dataset} in {root}: train it with {command}")
    tensors, notes = formats.read_tensors(path)
    files.require(notes.get("dataset", dataset) == dataset, path)  # the file of another classifier may have replaced it
    older = _seen_by(BUILT_IN["mnist"])
    other_facts = any(notes.get(name, older[name]) != value for name, value in _seen_by(data).items())
    if other_facts or (images is not None and notes.get("images") != images):
        raise ConfigError(
            f"The classifier for {dataset} in {root} was trained on other images than the run to be judged: train it again "
            f"with {command}"
        )
    classifier = Classifier(data)
    try:
        classifier.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise RunDamaged(f"{path} is not a classifier of this version of the lab. {files.REMEDY}") from error
    files.require(all(bool(tensor.isfinite().all()) for tensor in tensors.values()), path)
    return _folded(classifier.eval())


def _folded(classifier: Classifier) -> Classifier:
    """Fold batch norms into the convolutions and use channels_last: the same logits in two thirds of the time."""
    convolutions = [part for part in classifier.maps if isinstance(part, nn.Conv2d)]
    norms = [part for part in classifier.maps if isinstance(part, nn.BatchNorm2d)]
    folded = [fuse_conv_bn_eval(*pair) for pair in zip(convolutions, norms, strict=True)]
    classifier.maps = nn.Sequential(*(part for each in folded for part in (each, nn.ReLU(inplace=True))))
    classifier.maps.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return classifier


def reading_of_attributes(data: Description, notes: Mapping[str, str]) -> list[str]:
    """Return how well a stored classifier reads each attribute of real test images, as sentences."""
    values = json.loads(notes.get("read", "[]"))
    return [
        f"{one.name}: {f'{value:.1%} of the test images' if one.categories else f'R² {value:.3f} on the test images'}"
        for one, value in zip(read_attributes(data), values, strict=False)
        if value is not None
    ]


def classifier_path(dataset: str, root: Path) -> Path:
    """Return the path of a data set's classifier in a folder of runs."""
    return root / f"classifier-{dataset}.safetensors"
