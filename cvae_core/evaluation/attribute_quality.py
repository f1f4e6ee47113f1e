"""Attributes that were asked for against those of the samples, measured by the function that measures real images.

The attributes of handwritten digits are measured from the ink (`data.ink`). Those of other data sets are read by the network
in `classifier`, whose own agreement with real test images is the reference.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from cvae_core.config.descriptions import Attribute
from cvae_core.data import ink, noise
from cvae_core.data.batches import combinations_held_out, held_out
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.intensities import as_bytes
from cvae_core.evaluation.classifier import Agreement, Classifier, agreements, attributes_read
from cvae_core.evaluation.sample_quality import Asked, Finding
from cvae_core.models.conditional_vae import ConditionalVAE, completed

ASKED = 2000  # test images whose attributes are asked for, at most
KEPT = 300  # of them that are stored with a judgement, for pictures
PROBED = 2000  # test images for the linear probes of z; half of them train these
AT_ONCE = 250
RIDGE = 1.0  # penalty of the linear regressions: negligible unless z has hundreds of dimensions


def is_measurable(model: ConditionalVAE) -> bool:
    """Return whether samples of a model can be asked to have attributes: they are given, and no image is."""
    return "attributes" in model.config.given and not model.config.reads_images


def measured(images: Tensor, data: DataSet, reader: Classifier) -> Tensor:
    """Return the attributes of images (N, values) uint8, (N, A): measured from the ink, or read by a network."""
    if reader.attributes:
        return attributes_read(reader, Split(images, torch.zeros(len(images), dtype=torch.int64)))
    return torch.from_numpy(ink.measured(images.numpy(), data.description.shape))


def asked_and_measured(model: ConditionalVAE, data: DataSet, reader: Classifier, seed: int = 0) -> list[Asked]:
    """Draw a sample for the label and the attributes of each of the first test images, and measure its attributes.

    z comes from the prior, and the pixels are means. Only values that are known and could be measured are returned.
    """
    config, test = model.config, data.test.part(slice(ASKED))
    drawn = torch.empty(len(test), config.shape.values, dtype=torch.uint8)
    for part, rows in enumerate(torch.arange(len(test)).split(AT_ONCE)):
        _, c = held_out(config, test, rows)
        epsilon = noise.normal((1, len(rows), model.latent), seed, "asked", part)
        with torch.no_grad():
            images = completed(model.likelihood(model.draw(c, epsilon), c), c)[0]
        drawn[rows] = torch.from_numpy(as_bytes(images))
    asked, found = test.attributes, measured(drawn, data, reader)
    left_out = combinations_held_out(config.attributes, asked) & config.holds_out
    known = ~(asked.isnan() | found.isnan())
    return [
        Asked(
            attribute=place,
            asked=asked[known[:, place], place].tolist(),
            measured=found[known[:, place], place].tolist(),
            held_out=left_out[known[:, place]].tolist(),
        )
        for place in range(len(config.attributes))
    ]


def compared(one: Asked, attribute: Attribute, held_out: bool | None = None) -> Agreement | None:
    """Return how well the measured values agree with the asked ones: all, or only those (not) held out from training."""
    chosen = [held_out is None or flag == held_out for flag in one.held_out]
    columns = (torch.tensor(values)[chosen][:, None] for values in (one.asked, one.measured))
    return agreements([attribute], *columns)[0]


def kept(asked: Sequence[Asked]) -> list[Asked]:
    """Return the first samples, which are stored with a judgement."""
    return [
        replace(one, asked=one.asked[:KEPT], measured=one.measured[:KEPT], held_out=one.held_out[:KEPT])
        for one in asked
    ]


def findings(model: ConditionalVAE, data: DataSet, reader: Classifier, asked: Sequence[Asked]) -> Iterator[Finding]:
    """Yield how well samples agree with what was asked for, and how much of each attribute z knows."""
    attributes = data.description.attributes
    real = _of_real_images(data, reader)
    for one in asked:
        attribute = attributes[one.attribute]
        words = _words(attribute)
        for which, held in (("", None), (", combinations held out from training", True)):
            agreement = compared(one, attribute, held)
            if agreement is None:
                continue
            best = real.get(one.attribute)
            about: Mapping[str, int] = {"attribute": one.attribute, "of": agreement.of}
            yield Finding(
                name=f"{words[0]}{which}", value=agreement.agreement, reference=best and best.agreement, **about
            )
            if not attribute.categories:
                yield Finding(name=f"{words[1]}{which}", value=agreement.error, reference=best and best.error, **about)
    if not model.config.reads_images:
        yield from probes(model, data)


def _words(attribute: Attribute) -> tuple[str, str]:
    if attribute.categories:
        return "samples read as the category that was asked for", ""
    return "R² of asked and measured", "mean absolute error of asked and measured"


def _of_real_images(data: DataSet, reader: Classifier) -> dict[int, Agreement]:
    """Return how well the network reads each attribute of real test images; nothing if attributes are measured."""
    if not reader.attributes:
        return {}
    found = agreements(reader.attributes, data.test.attributes, attributes_read(reader, data.test))
    return {place: one for place, one in enumerate(found) if one is not None}


def probes(model: ConditionalVAE, data: DataSet) -> Iterator[Finding]:
    """Yield how much of each attribute a linear regression reads from the posterior means of z.

    For a number, this is R² on the second half of the images, for categories the share that is right, beside that of the most
    frequent category. If z is independent of an attribute, as it should be if the attribute is given, R² is about 0.
    """
    from sklearn.linear_model import LogisticRegression, Ridge

    if not data.description.attributes:
        return
    test = data.test.part(slice(PROBED))
    means = [_posterior_means(model, test, rows) for rows in torch.arange(len(test)).split(AT_ONCE)]
    z, values, half = torch.cat(means).numpy(), test.attributes.numpy(), len(test) // 2
    for place, one in enumerate(data.description.attributes):
        known = ~np.isnan(values[:, place])
        (x, y), (new, truth) = (
            (z[part][known[part]], values[part][known[part], place]) for part in (slice(half), slice(half, None))
        )
        if min(len(np.unique(y)), len(np.unique(truth))) < 2:
            continue
        about: Mapping[str, int] = {"attribute": place, "of": len(truth)}
        if one.categories:
            names, counts = np.unique(y, return_counts=True)
            usual = float((truth == names[counts.argmax()]).mean())
            right = float(LogisticRegression(max_iter=1000).fit(x, y).score(new, truth))
            yield Finding(name="linear probe of the category in z", value=right, reference=usual, **about)
        else:
            standard = (y - one.mean) / one.scale
            r2 = float(Ridge(alpha=RIDGE).fit(x, standard).score(new, (truth - one.mean) / one.scale))
            yield Finding(name="R² of a linear probe of z", value=r2, reference=0.0, **about)


@torch.no_grad()
def _posterior_means(model: ConditionalVAE, test: Split, rows: Tensor) -> Tensor:
    x, c = held_out(model.config, test, rows)
    return model.infer(x, c, torch.zeros(1, len(rows), model.latent)).noise[0]
