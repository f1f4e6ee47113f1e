"""What a condition saves: scores of runs that are given more or less, and scores under the conditions of other images.

A model may ignore a part of its condition. If each image is then given the part of another image, its score does not change.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from cvae_core.config.descriptions import Shape
from cvae_core.config.of_data_set import Given
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import Condition
from cvae_core.data.datasets import Split
from cvae_core.data.masks import visible_values
from cvae_core.evaluation.table import Entry, entries
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.objectives import from_posterior
from cvae_core.runs.run import Run

NOTHING = 0.1  # nats: a part of the condition that changes the score by less is ignored


@dataclass(frozen=True)
class Saving:
    """Hold the scores of two runs with equal settings, of which the second is given more parts of the condition."""

    parts: Sequence[Given]  # given to the second run only
    beside: Sequence[Given]  # given to both
    less: Entry
    more: Entry
    information: float | None  # the highest entropy of the labels in nats, if the label is the only part

    @property
    def nats(self) -> float:
        """Return how much lower −log p(x | c) is with the parts."""
        return self.less.nats - self.more.nats


def savings(runs: Sequence[Run]) -> list[Saving]:
    """Return what parts of the condition save, from stored test results, each over the most images.

    These are the differences of importance sampling in the table. Parts that are given beside nothing come first.
    """
    rows = entries(runs)
    given = {run.name: run.card().config.given for run in runs}
    scores = {(row.runs, *row.question): row for row in rows if row.kind == "score"}
    found: dict[tuple[object, ...], Saving] = {}
    for gap in sorted((row for row in rows if row.kind == "difference"), key=lambda row: row.images):
        if gap.trained and gap.estimators == ("importance", "importance"):
            less, more = (scores[(name,), ("importance",), *gap.question[1:]] for name in gap.runs)
            both = given[gap.runs[0]]
            parts = [part for part in given[gap.runs[1]] if part not in both]
            found[gap.runs, gap.visible] = Saving(parts, both, less, more, gap.information)
    return sorted(
        found.values(),
        key=lambda one: (one.less.images_name, one.more.visible or "", len(one.beside), len(one.parts), -one.nats),
    )


def entropy(labels: Tensor) -> float:
    """Return the entropy of labels in nats, which is the most that they can save on average.

    >>> round(entropy(torch.tensor([0, 1, 0, 1])), 4)
    0.6931
    """
    shares = labels.bincount().double() / len(labels)
    return -float(torch.special.xlogy(shares, shares).sum())


def exchanged(x: Tensor, c: Condition, part: Given, shape: Shape, seed: int) -> Condition:
    """Give each image the part of the condition of another image. What is visible stays: only the pixels are exchanged.

    No image keeps its own part, but another image may have the same label.
    """
    order = noise.uniform((len(c),), seed, "exchanged").argsort()
    others = torch.empty_like(order)
    others[order] = order.roll(1)
    if part == "label":
        assert c.labels is not None
        return replace(c, labels=c.labels[others])
    if part == "attributes":
        assert c.attributes is not None
        return replace(c, attributes=c.attributes[others])
    assert c.visible is not None
    return replace(c, pixels=x[others] * visible_values(c.visible, shape), guess=None)


class Change(NamedTuple):
    """Hold how much higher −log p(x | c) is under parts of other images: mean and standard error, in nats per image."""

    nats: float
    standard_error: float
    samples: int
    images: int

    def __str__(self) -> str:
        return f"{self.nats:+.1f} ± {self.standard_error:.1f}".replace("-", "−")

    @property
    def verdict(self) -> str:
        """Return "used", "ignored", or "unclear" if the error is too large to tell."""
        most, least = self.nats + 2 * self.standard_error, self.nats - 2 * self.standard_error
        if least > NOTHING:
            return "used"
        return "ignored" if most < NOTHING else "unclear"


def changes(model: ConditionalVAE, split: Split, samples: int, images: int, seed: int = 0) -> dict[Given, Change]:
    """Estimate how −log p(x | c) changes if each image is given one part of the condition of another image.

    The first `images` images of a split are scored by importance sampling with `samples` draws. All scores use the same base
    noise.
    """
    rows = torch.arange(min(images, len(split)))
    x, c = held_out(model.config, split, rows)
    epsilon = noise.normal((samples, len(rows), model.latent), seed, "exchanged")
    own = from_posterior(model, x, c, epsilon).importance_sampling
    found: dict[Given, Change] = {}
    for part in model.config.given:
        other = exchanged(x, c, part, model.config.shape, seed)
        values = own - from_posterior(model, x, other, epsilon).importance_sampling
        error = float(values.std()) / math.sqrt(len(values))
        found[part] = Change(float(values.mean()), error, samples, len(values))
    return found
