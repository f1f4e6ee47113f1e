"""A small independent classifier of digits: what judges generated ones. It has seen real images and no model."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from cvae_core.data import noise
from cvae_core.data.batches import shifted
from cvae_core.data.conditions import LABELS
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.intensities import require_images
from cvae_core.data.masks import SIDE
from cvae_core.errors import ConfigError, RunDamaged, RunNotFound
from cvae_core.models.mlp import initialise
from cvae_core.system import files, formats
from cvae_core.system.folders import in_root
from cvae_core.training.optimiser import AdamW

EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 10, 250, 2e-3, 0.01
SHIFTS = 0.8  # share of training images that are shifted: digits of generated ink are not always centred
AT_ONCE = 64  # images whose maps the processor's cache holds


class Classifier(nn.Module):
    """p(label | image): four convolutions, batch-normalised, and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(*_block(1, 32), *_block(32, 32, 2), *_block(32, 64), *_block(64, 64, 2))
        self.hidden, self.output = nn.Linear(64 * 7 * 7, 64), nn.Linear(64, LABELS)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 784) in [0, 1] to logits (N, 10)."""
        require_images(images)
        maps = self.maps(images.unflatten(-1, (1, SIDE, SIDE)))
        logits: Tensor = self.output(F.relu(self.hidden(maps.flatten(1))))
        return logits


def _block(channels_in: int, channels_out: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]


@dataclass(frozen=True)
class Learned:
    """A classifier after some epochs."""

    epoch: int
    epochs: int
    classifier: Classifier


def learn(train: Split, *, epochs: int = EPOCHS, seed: int = 0) -> Iterator[Learned]:
    """Train a classifier on some images and labels, yielding it after every epoch."""
    classifier = Classifier()
    initialise(classifier, seed)
    optimiser = AdamW(classifier.parameters(), WEIGHT_DECAY)
    steps = math.ceil(len(train) / BATCH)
    for epoch in range(epochs):
        classifier.train()
        for step, rows in enumerate(noise.permutation(len(train), seed, "classifier", epoch).split(BATCH)):
            done = (epoch * steps + step) / (epochs * steps)
            x = shifted(train.intensities(rows), SHIFTS, seed, "classifier", epoch, step)
            loss = F.cross_entropy(classifier(x), train.labels[rows])
            classifier.zero_grad()
            loss.backward()
            optimiser.step(LEARNING_RATE * min(1.0, 10 * done + 0.05) * (1 - done))
        yield Learned(epoch + 1, epochs, classifier.eval())


@torch.no_grad()
def classified(classifier: Classifier, images: Tensor) -> Tensor:
    """Return the likeliest label of images (N, 784) in [0, 1], (N,)."""
    return torch.cat([classifier(some).argmax(-1) for some in images.split(AT_ONCE)])


def accuracy(classifier: Classifier, split: Split) -> float:
    """Return the share of a split's images whose label the classifier says."""
    return float((classified(classifier, split.intensities()) == split.labels).double().mean())


def store_classifier(classifier: Classifier, data: DataSet, root: Path) -> Path:
    """Keep a classifier with the runs that it judges, in half precision, with its test accuracy and images."""
    weights = {name: weight.half() for name, weight in classifier.state_dict().items()}
    path = classifier_path(data.name, root)
    notes = {"dataset": data.name, "images": data.fingerprint, "accuracy": f"{accuracy(classifier, data.test):.4f}"}
    formats.write_tensors(path, weights, **notes)
    return path


def load_classifier(dataset: str, root: Path, images: str | None = None) -> Classifier:
    """Read a data set's classifier, to judge with, that of the images of a fingerprint if one is given.

    Raises RunNotFound where there is none, ConfigError where it has learned other images, RunDamaged if it is not whole.
    """
    path, command = classifier_path(dataset, root), in_root(f"python -m cvae_core classifier {dataset}", root)
    if not path.exists():
        raise RunNotFound(f"There is no classifier of {dataset} in {root}: train it with {command}")
    tensors, notes = formats.read_tensors(path)
    files.require(notes.get("dataset", dataset) == dataset, path)  # else another one has taken its place
    if images is not None and notes.get("images") != images:
        raise ConfigError(
            f"The classifier of {dataset} in {root} has learned other images than the run that it is to judge: train it "
            f"anew with {command}"
        )
    classifier = Classifier()
    try:
        classifier.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise RunDamaged(f"{path} is not a classifier of this version of the lab. {files.REMEDY}") from error
    files.require(all(bool(tensor.isfinite().all()) for tensor in tensors.values()), path)
    return _folded(classifier.eval())


def _folded(classifier: Classifier) -> Classifier:
    """Fold normalisations into the convolutions before them and lay maps out by pixel: the same logits, a third sooner."""
    convolutions = [part for part in classifier.maps if isinstance(part, nn.Conv2d)]
    norms = [part for part in classifier.maps if isinstance(part, nn.BatchNorm2d)]
    folded = [fuse_conv_bn_eval(*pair) for pair in zip(convolutions, norms, strict=True)]
    classifier.maps = nn.Sequential(*(part for each in folded for part in (each, nn.ReLU(inplace=True))))
    classifier.maps.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return classifier


def classifier_path(dataset: str, root: Path) -> Path:
    """Return where the classifier of a data set lies among the runs of a folder."""
    return root / f"classifier-{dataset}.safetensors"
