"""On a linear Gaussian model with known log p(x | label, attributes, visible pixels), the estimators agree with it."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from cvae_core.config.descriptions import Attribute
from cvae_core.config.flavours import Config
from cvae_core.config.presets import configure
from cvae_core.data import noise
from cvae_core.data.conditions import Condition, condition
from cvae_core.data.masks import flags, visible_values
from cvae_core.models.conditional_vae import Latents, encoded
from cvae_core.models.distributions import Gaussian
from cvae_core.models.flat import FlatVAE
from cvae_core.models.objectives import elbo, from_posterior, prior_monte_carlo
from tests import own_data

IMAGES, SPREAD, WIDER = 6, 2.0, 1.4  # standard deviations: of a pixel, and of q in units of the true posterior's
ATTRIBUTES = (Attribute(name="slant", mean=1.0, scale=2.0), Attribute(name="style", categories=("plain", "bold")))
DATA = own_data.description(attributes=ATTRIBUTES)


def numbers(rows: int, columns: int, name: str) -> Tensor:
    return noise.normal((rows, columns), 0, name).double() / math.sqrt(rows)


class LinearGaussian(FlatVAE):
    """z ~ N(a · c, 1), hidden pixels ~ N(b z + B c, SPREAD² I), where c are the encoded parts of the condition."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.hidden = ~visible_values(flags(config.visible_set or ""), config.shape)
        size = config.classes + sum(one.inputs for one in config.attributes) + config.shape.values
        self.a, self.b = numbers(size, 1, "a"), 3 * numbers(1, len(self.pixels), "b") / math.sqrt(len(self.pixels))
        self.of_c = numbers(size, len(self.pixels), "of c")

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        assert c.labels is not None and c.attributes is not None and c.pixels is not None
        label = torch.nn.functional.one_hot(c.labels, self.config.classes)
        return (torch.cat([label, encoded(self.config.attributes, c.attributes), c.pixels], -1).double(),)

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        loc = context[0] @ self.a
        return Gaussian(loc, torch.zeros_like(loc))

    def true_posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        precision = 1 + self.b.square().sum() / SPREAD**2
        residual = x[:, self.pixels].double() - context[0] @ self.of_c
        loc = (context[0] @ self.a + residual @ self.b.T / SPREAD**2) / precision
        return Gaussian(loc, -0.5 * precision.log().expand_as(loc))

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        true = self.true_posterior(x, context)
        return Gaussian(true.loc + 0.1, true.scale.log() + math.log(WIDER))

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        return z @ self.b + context[0] @ self.of_c

    def likelihood(self, latents: Latents, c: Condition) -> Independent:  # type: ignore[override]
        return _OfHidden(self.outputs(latents), self.pixels)

    def log_probability(self, x: Tensor, c: Condition) -> Tensor:
        """Return log p(hidden | label, attributes, visible) by integrating z out."""
        (context,) = self.context(c)
        mean = context @ self.a @ self.b + context @ self.of_c
        covariance = self.b.T @ self.b + SPREAD**2 * torch.eye(len(self.pixels), dtype=torch.float64)
        return MultivariateNormal(mean, covariance).log_prob(x[:, self.pixels].double())


class _OfHidden(Independent):
    """Independent Gaussian pixels that score the hidden pixels of a whole image."""

    def __init__(self, mean: Tensor, pixels: Tensor) -> None:
        super().__init__(Normal(mean, SPREAD), 1)
        self.pixels = pixels

    def log_prob(self, x: Tensor) -> Tensor:
        scores: Tensor = super().log_prob(x[:, self.pixels].double())
        return scores


@pytest.fixture
def model() -> LinearGaussian:
    return LinearGaussian(configure("label+attributes+quadrant", data=DATA, latent=1))


def given(model: LinearGaussian, x: Tensor, label: int = 0) -> Condition:
    attributes = torch.tensor([[0.3, 1], [math.nan, 0], [2.0, math.nan], [math.nan, math.nan], [1.0, 1], [-4.0, 0]])
    return condition(model.config, x, (torch.arange(IMAGES) + label) % model.config.classes, None, attributes)


def test_the_estimators_meet_the_exact_value_under_label_attributes_and_pixels(model: LinearGaussian) -> None:
    x = noise.uniform((IMAGES, model.config.shape.values), 0, "images")
    c = given(model, x)
    exact, context = model.log_probability(x, c), model.context(c)
    gap = kl_divergence(model.posterior(x, context), model.true_posterior(x, context)).sum(-1)
    assert gap.min() > 0.05
    draws = [noise.normal((500, IMAGES, 1), seed, "composed") for seed in range(20)]

    def agree(estimates: list[Tensor], value: Tensor) -> bool:
        found = torch.stack(estimates).double()
        return bool(((found.mean(0) - value).abs() < 5 * found.std(0) / math.sqrt(len(draws)) + 1e-6).all())

    assert agree([elbo(model, x, c, epsilon).value() for epsilon in draws], exact - gap)
    estimated = [from_posterior(model, x, c, epsilon) for epsilon in draws]
    assert agree([each.elbo for each in estimated], exact - gap)
    assert agree([each.importance_sampling for each in estimated], exact)
    assert agree([prior_monte_carlo(model, x, c, epsilon) for epsilon in draws], exact)
    assert all((each.elbo < each.importance_sampling).all() for each in estimated)


def test_each_part_of_the_condition_changes_the_exact_value(model: LinearGaussian) -> None:
    x = noise.uniform((IMAGES, model.config.shape.values), 0, "images")
    exact = model.log_probability(x, given(model, x))
    seen = torch.where(model.hidden, x, 1 - x)
    missing = condition(model.config, x, given(model, x).labels)
    for c in (given(model, x, label=1), given(model, seen), missing):
        changed = model.log_probability(x, c) != exact
        assert changed.sum() >= IMAGES - 1  # no attribute of one image is given
