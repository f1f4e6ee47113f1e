"""Which label does the visible part of an image have? p(label | visible) ∝ p(label) p(visible | label), from a label model.

A label model p(x | label) = ∫ p(x | z, label) p(z | label) dz has independent values given z. Without the hidden values in
its likelihood, it is a model of the visible ones. Their likelihood is estimated by importance sampling. The draws of z come
from a mixture: nine tenths from `CHAINS` Gaussians, a tenth from the prior. Every weight is therefore at most ten times the
likelihood, and the estimate is unbiased for any Gaussians. Each Gaussian starts as the model's posterior of a completion by
the model itself: the hidden values are drawn, then z and the hidden values are inferred in turn (Rezende, Mohamed &
Wierstra 2014, appendix F). Steps of Adam then raise its lower bound on log p(visible | label), because a posterior of whole
images is too narrow.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import labelled
from cvae_core.data.datasets import Split
from cvae_core.data.intensities import from_bytes
from cvae_core.data.masks import flags, visible_values
from cvae_core.errors import ConfigError
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.flat import FlatVAE
from cvae_core.models.likelihoods import LIKELIHOODS, Likelihood

CHAINS, TURNS = 4, 5  # Gaussians per image and label, and turns of inferring z and the hidden values
STEPS, DRAWS, RATE = 40, 2, 0.1  # of Adam: steps, draws of z for each, and the first learning rate
PRIOR_SHARE = 10  # one of so many draws comes from the prior
WIDER = 1.15  # the Gaussians are this much wider, so that few draws have large weights
SAMPLES = 300  # draws of z for each label, by default
AT_ONCE = 500  # pairs of an image and a label in memory


class Evidence(NamedTuple):
    """Hold estimates of log-likelihoods in nats, float64, with standard errors and effective sample sizes."""

    log_p: Tensor
    error: Tensor  # of log_p, by the delta method
    effective: Tensor  # (Σ w)² / Σ w²: the number of equally weighted draws with the same variance


class LabelPosterior(NamedTuple):
    """Hold p(label | visible) for images and labels (N, L), float64, with standard errors."""

    probabilities: Tensor
    error: Tensor


def evidence(log_weights: Tensor) -> Evidence:
    """Return the log of the mean weight, from the logarithms of S weights (S, ...)."""
    weights = log_weights.double()
    samples, shares = len(weights), weights.softmax(0)
    effective = 1 / shares.square().sum(0)
    error = ((samples * shares.square().sum(0) - 1).clamp(min=0) / max(1, samples - 1)).sqrt()
    return Evidence(weights.logsumexp(0) - math.log(samples), error, effective)


def label_posterior(visible: Evidence, log_prior: Tensor) -> LabelPosterior:
    """Return p(label | visible) by Bayes' rule, from log p(visible | label) (N, L) and log p(label) (L,).

    The errors of different labels are independent: Var p_i = p_i² ((1 − 2 p_i) v_i + Σ_k p_k² v_k) for the variances v.
    """
    p, variance = (visible.log_p + log_prior).softmax(-1), visible.error.square()
    spread = (1 - 2 * p) * variance + (p.square() * variance).sum(-1, keepdim=True)
    return LabelPosterior(p, p * spread.clamp(min=0).sqrt())


def log_frequencies(train: Split, classes: int) -> Tensor:
    """Return log p(label), (classes,) float64: the logarithms of the shares of the training images."""
    counts = train.labels.bincount(minlength=classes).double()
    return (counts / counts.sum()).log()


class CouldBecome(NamedTuple):
    """Hold p(label | visible) for images and labels (N, L), float64, and the estimates that it is made of."""

    probabilities: Tensor
    error: Tensor
    visible: Evidence


def could_become(
    model: ConditionalVAE, images: Tensor | bytes, visible: str, train: Split, samples: int = SAMPLES, seed: int = 0,
    rows: Tensor | None = None,
) -> CouldBecome:  # fmt: skip
    """Return p(label | visible) of images (N, values), or of a drawing of a byte per value, by a label model.

    `visible` names the visible part, and `train` gives p(label). `rows` are as in `visible_by_label`, by default 0 to N − 1.
    """
    x = from_bytes(images, model.config.shape) if isinstance(images, bytes) else images
    seen = visible_values(flags(visible), model.config.shape).expand(len(x), -1)
    found = visible_by_label(model, x, seen, torch.arange(len(x)) if rows is None else rows, samples, seed)
    return CouldBecome(*label_posterior(found, log_frequencies(train, model.config.classes)), found)


@torch.no_grad()
def hidden_by_label(
    model: ConditionalVAE, test: Split, index: int, visible: str, samples: int = SAMPLES, seed: int = 0
) -> Evidence:
    """Estimate log p(hidden | visible, label) of a test image for each label, (L,), by importance sampling.

    Every label uses the same base noise. Raises ConfigError for a model that is not given labels and visible pixels.
    """
    if not {"label", "pixels"} <= set(model.config.given):
        raise ConfigError(
            f"A {model.config.flavour} model is not given a label and visible pixels: choose label+quadrant."
        )
    classes = model.config.classes
    x, c = held_out(model.config, test, torch.tensor([index]), visible if model.config.any_set else None)
    each, images = c.with_labels(torch.arange(classes)), x.expand(classes, -1)
    parts = []
    for epsilon in noise.normal((samples, 1, model.latent), seed, "labels").split(max(1, model.image_draws // classes)):
        latents = model.infer(images, each, epsilon.expand(-1, classes, -1))
        parts.append(model.likelihood(latents, each).log_prob(images) + latents.log_weight)
    return evidence(torch.cat(parts))


def visible_by_label(
    model: ConditionalVAE, x: Tensor, seen: Tensor, rows: Tensor, samples: int = SAMPLES, seed: int = 0
) -> Evidence:
    """Estimate log p(visible | label) of images x (N, values) for each label, (N, L), by a label model.

    `seen` (N, values) marks the visible values; others are never read. `rows` (N,) are the indices of the images: the noise
    of an image depends on its index and the seed only. Raises ConfigError for other models.
    """
    if model.config.given != ("label",) or not isinstance(model, FlatVAE):
        raise ConfigError("Only a label model with a flat z can read the label of a part of an image.")
    parts = []
    for some in torch.arange(len(x)).split(max(1, AT_ONCE // model.config.classes)):
        found = _of_all_labels(model, torch.where(seen[some], x[some], 0.0), seen[some], rows[some], samples, seed)
        parts.append([part.unflatten(0, (len(some), -1)) for part in found])
    return Evidence(*map(torch.cat, zip(*parts, strict=True)))


def _of_all_labels(model: FlatVAE, x: Tensor, seen: Tensor, rows: Tensor, samples: int, seed: int) -> Evidence:
    """Estimate log p(visible | label), (N · L,): the labels of the first image, then those of the next."""
    classes = model.config.classes
    drawn = noise.per_image(rows, CHAINS * (TURNS + STEPS * DRAWS) + samples, model.latent, seed, "label posterior")
    drawn, x, seen = (
        drawn.repeat_interleave(classes, 1),
        x.repeat_interleave(classes, 0),
        seen.repeat_interleave(classes, 0),
    )
    labels = torch.arange(classes).repeat(len(rows))
    turns, steps, last = drawn.split([CHAINS * TURNS, CHAINS * STEPS * DRAWS, samples])
    with torch.no_grad():
        context = model.context(labelled(labels, classes))
        prior = model.prior(context)
        q = _completed(model, x, seen, labels, turns.unflatten(0, (TURNS, CHAINS)).flatten(1, 2))
    q = _raised(model, x, seen, labels, q, steps.unflatten(0, (STEPS, DRAWS, CHAINS)).flatten(2, 3))
    with torch.no_grad():
        return _weighted(model, x, seen, context, prior, q, last)


def _completed(model: FlatVAE, x: Tensor, seen: Tensor, labels: Tensor, drawn: Tensor) -> Normal:
    """Return posteriors (chains · N,) of completions of the images, from base noise (turns, chains · N, latent)."""
    context = model.context(labelled(labels.repeat(CHAINS), model.config.classes))
    repeated, hidden = x.repeat(CHAINS, 1), ~seen.repeat(CHAINS, 1)
    q = model.prior(context)
    for epsilon in drawn:
        likelihood = _likelihood(model, q.at(epsilon)[None], context, hidden)
        q = model.posterior(likelihood.paste(likelihood.mean, repeated)[0], context)
    return q


def _raised(model: FlatVAE, x: Tensor, seen: Tensor, labels: Tensor, q: Normal, drawn: Tensor) -> Normal:
    """Return Gaussians with a higher E_q log p(visible | z, label) − KL(q ‖ p).

    The base noise is (steps, draws, chains · N, latent).
    """
    with torch.enable_grad():
        context = model.context(labelled(labels.repeat(CHAINS), model.config.classes))
        prior = model.prior(context)
        repeated, counted = x.repeat(CHAINS, 1), seen.repeat(CHAINS, 1)
        place = [q.loc.clone().requires_grad_(), q.scale.log().requires_grad_()]
        adam = torch.optim.Adam(place, lr=RATE)
        for step, epsilon in enumerate(drawn):
            now = Normal(place[0], place[1].exp(), validate_args=False)
            reconstruction = _likelihood(model, now.mean + now.stddev * epsilon, context, counted).log_prob(repeated)
            bound = reconstruction.mean(0) - kl_divergence(now, prior).sum(-1)
            adam.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            for each, gradient in zip(place, torch.autograd.grad(-bound.sum(), place), strict=True):
                each.grad = gradient
            adam.step()
    return Normal(place[0].detach(), WIDER * place[1].detach().exp(), validate_args=False)


def _weighted(
    model: FlatVAE, x: Tensor, seen: Tensor, context: tuple[Tensor, ...], prior: Normal, q: Normal, drawn: Tensor
) -> Evidence:
    """Estimate log p(visible | label) by draws from the mixture, with base noise (samples, N, latent)."""
    samples, count = len(drawn), len(x)
    loc, scale = (
        torch.cat([chains.unflatten(0, (CHAINS, count)), own.expand(1, count, -1)])
        for chains, own in ((q.loc, prior.loc), (q.scale, prior.scale))
    )
    component = torch.arange(samples) % CHAINS
    component[PRIOR_SHARE - 1 :: PRIOR_SHARE] = CHAINS
    shares = component.bincount(minlength=CHAINS + 1) / samples
    parts = []
    for some in torch.arange(samples).split(max(1, model.image_draws // count)):
        z = loc[component[some]] + scale[component[some]] * drawn[some]
        components = zip(loc, scale, shares.log(), strict=True)
        density = [
            Normal(mean, width, validate_args=False).log_prob(z).sum(-1) + share for mean, width, share in components
        ]
        ratio = prior.log_prob(z).sum(-1) - torch.stack(density).logsumexp(0)
        parts.append(_likelihood(model, z, context, seen).log_prob(x) + ratio)
    return evidence(torch.cat(parts))


def _likelihood(model: FlatVAE, z: Tensor, context: tuple[Tensor, ...], counted: Tensor) -> Likelihood:
    """Return p(x | z, label) of the counted values (N, values)."""
    return LIKELIHOODS[model.config.likelihood](
        model.decoded(z, context).float(), model.pixels, counted[:, model.pixels]
    )
