"""Likelihoods of intensities sum or integrate to 1, and their means, samples and gradients agree with their densities."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.data import noise
from cvae_core.errors import ImagesRefused
from cvae_core.models.likelihoods import (
    LIKELIHOODS,
    LOGITS,
    MAX_LOGIT,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Likelihood,
)

LEVELS = torch.arange(256, dtype=torch.float64) / 255
NODES, WEIGHTS = (torch.from_numpy(found) for found in np.polynomial.legendre.leggauss(400))
PLACES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2  # of a quadrature on [0, 1]
ETAS = [0.0, 1e-8, -1e-3, 0.29, 0.31, -0.5, 3.0, -20.0, 90.0, MAX_LOGIT, -MAX_LOGIT]
LOGISTICS = [(0.0, 0.0), (-1.0, -5.0), (0.9, -2.0), (-3.0, 1.0), (1.004, -9.0), (40.0, 30.0), (-2e3, 0.0), (0.3, -40.0)]
every = pytest.mark.parametrize("kind", LIKELIHOODS.values(), ids=LIKELIHOODS)


def one_value(kind: type[Likelihood], *parameters: float, images: int = 1) -> Likelihood:
    """Return the likelihood of images of one value."""
    outputs = torch.tensor(parameters, dtype=torch.float64).expand(images, -1)
    if kind is ContinuousBernoulli:
        outputs = outputs / LOGITS  # so that a test gives η
    return kind(outputs, torch.tensor([0]))


def random_outputs(kind: type[Likelihood], images: int, values: int) -> Tensor:
    return noise.normal((images, kind.parameters * values), 3, "outputs")


def test_every_name_has_a_class_and_facts() -> None:
    assert set(LIKELIHOODS) == set(LIKELIHOOD_FACTS) == set(get_args(LikelihoodName))
    for name, kind in LIKELIHOODS.items():
        assert (kind.name, kind.parameters) == (name, LIKELIHOOD_FACTS[name].parameters)


@pytest.mark.parametrize("eta", ETAS)
def test_a_continuous_bernoulli_integrates_to_one_and_has_its_mean(eta: float) -> None:
    likelihood = one_value(ContinuousBernoulli, eta, images=len(PLACES))
    density = likelihood.log_prob(PLACES[:, None]).exp()
    assert float(density @ WEIGHTS) == pytest.approx(1, abs=1e-6)
    assert float(likelihood.mean[0]) == pytest.approx(float(density * PLACES @ WEIGHTS), abs=1e-6)


def test_a_continuous_bernoulli_integrates_to_one_over_images_of_three_values() -> None:
    nodes, weights = (torch.from_numpy(found) for found in np.polynomial.legendre.leggauss(16))
    images = torch.cartesian_prod(*[(nodes + 1) / 2] * 3)
    outputs = torch.tensor([0.2, -4.0, 1.5], dtype=torch.float64).expand(len(images), 3)
    density = ContinuousBernoulli(outputs, torch.arange(3)).log_prob(images).exp()
    volumes = torch.cartesian_prod(*[weights / 2] * 3).prod(-1)
    assert float(density @ volumes) == pytest.approx(1, abs=1e-7)


@pytest.mark.parametrize("parameters", LOGISTICS)
def test_the_levels_of_a_discretised_logistic_sum_to_one_and_have_its_mean(parameters: tuple[float, float]) -> None:
    likelihood = one_value(DiscretisedLogistic, *parameters, images=256)
    probability = likelihood.log_prob(LEVELS[:, None]).exp()
    assert float(probability.sum()) == pytest.approx(1, abs=1e-9)
    assert float(likelihood.mean[0]) == pytest.approx(float(probability @ LEVELS), abs=1 / 255)


def test_the_images_of_two_values_of_a_discretised_logistic_sum_to_one() -> None:
    images = torch.cartesian_prod(LEVELS, LEVELS)
    outputs = torch.tensor([0.4, -0.9, 0.0, -1.0], dtype=torch.float64).expand(len(images), 4)
    assert float(DiscretisedLogistic(outputs, torch.arange(2)).log_prob(images).exp().sum()) == pytest.approx(1)


@pytest.mark.parametrize("parameters", LOGISTICS)
def test_levels_of_uniform_numbers_are_as_frequent_as_they_are_probable(parameters: tuple[float, float]) -> None:
    uniform = ((torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000)[:, None]
    likelihood = one_value(DiscretisedLogistic, *parameters)
    level = (likelihood.sample(uniform) * 255).round().long()[:, 0]
    shares = torch.bincount(level, minlength=256) / 10_000
    probability = one_value(DiscretisedLogistic, *parameters, images=256).log_prob(LEVELS[:, None]).exp()
    assert float((shares - probability).abs().max()) <= 1.01e-4


def test_a_uniform_number_of_zero_is_no_speck_in_a_sample() -> None:
    assert one_value(DiscretisedLogistic, 1.0, -8.0).sample(torch.zeros(1, 1)).item() > 0.95


@pytest.mark.parametrize("eta", ETAS)
def test_a_sample_of_a_continuous_bernoulli_inverts_its_distribution_function(eta: float) -> None:
    uniform = torch.tensor([[0.0], [1e-6], [0.2], [0.5], [0.8], [0.999_999]], dtype=torch.float64)
    x = one_value(ContinuousBernoulli, eta).sample(uniform)
    below = torch.special.expm1(eta * x) / math.expm1(eta) if abs(eta) > 1e-6 else x
    torch.testing.assert_close(below, uniform, rtol=0, atol=1e-6)
    assert (x.diff(dim=0) > 0).all()
    assert ((x >= 0) & (x <= 1)).all()


@pytest.mark.parametrize("far", [0.0, 1e-8, -1e-8, 1e3, -1e3, 1e6])
@every
def test_scores_means_samples_and_gradients_are_finite_however_far_a_network_strays(
    kind: type[Likelihood], far: float
) -> None:
    x = torch.tensor([[0.0], [1 / 255], [0.5], [1.0]])
    for outputs in {(far,) * kind.parameters, (far, 0.0)[: kind.parameters], (0.0, far)[-kind.parameters :]}:
        weights = torch.tensor([outputs], requires_grad=True)
        likelihood = kind(weights.expand(4, -1), torch.tensor([0]))
        score = likelihood.log_prob(x)
        score.sum().backward()
        assert weights.grad is not None
        assert weights.grad.isfinite().all()
        assert score.isfinite().all()
        mean = likelihood.mean
        assert ((mean >= 0) & (mean <= 1)).all()
        sample = likelihood.sample(torch.tensor([[0.0], [0.5], [0.3], [1 - 2**-24]]))
        assert ((sample >= 0) & (sample <= 1)).all()


@pytest.mark.parametrize("far", [1e3, 1e6, 1e30])
def test_a_logistic_far_outside_has_its_mean_at_the_end(far: float) -> None:
    outputs = torch.tensor([[far, -far, 0.0, 0.0]])
    assert DiscretisedLogistic(outputs, torch.arange(2)).mean[0].tolist() == pytest.approx([1, 0], abs=1e-5)


@every
def test_single_precision_agrees_with_double(kind: type[Likelihood]) -> None:
    outputs, x = 4 * random_outputs(kind, 50, 300), noise.uniform((50, 300), 1, "pixels")
    likelihood, exact = kind(outputs, torch.arange(300)), kind(outputs.double(), torch.arange(300))
    x = (x * 255).round() / 255
    torch.testing.assert_close(likelihood.log_prob(x).double(), exact.log_prob(x.double()), rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(likelihood.mean.double(), exact.mean, rtol=0, atol=1e-5)


@every
def test_only_counted_values_score_and_the_mask_changes_nothing_else(kind: type[Likelihood]) -> None:
    pixels, x = torch.tensor([6, 2, 4]), noise.uniform((5, 8), 1, "pixels")
    outputs = random_outputs(kind, 5, 3)
    counted = torch.tensor([[True, False, True]]).expand(5, 3)
    blocks = [block[..., [0, 2]] for block in outputs.chunk(kind.parameters, -1)]
    expected = kind(torch.cat(blocks, -1), pixels[[0, 2]]).log_prob(x)
    score = kind(outputs, pixels, counted).log_prob(x)
    torch.testing.assert_close(score, expected)
    assert torch.equal(
        kind(outputs, pixels, counted).log_prob(torch.cat([x[:, :2], 1 - x[:, 2:3], x[:, 3:]], 1)), score
    )
    everything = torch.ones(5, 3, dtype=torch.bool)
    whole = kind(outputs, pixels).log_prob(x)
    torch.testing.assert_close(kind(outputs, pixels, everything).log_prob(x), whole)
    torch.testing.assert_close(kind(outputs.requires_grad_(), pixels).log_prob(x).detach(), whole)


@every
def test_intensities_outside_the_range_are_refused(kind: type[Likelihood]) -> None:
    with pytest.raises(ImagesRefused, match="between 0 and 1"):
        kind(random_outputs(kind, 2, 3), torch.arange(3)).log_prob(torch.full((2, 3), 1.5))


@every
def test_fitted_outputs_have_the_moments_of_images(kind: type[Likelihood]) -> None:
    mean = torch.tensor([0.0, 0.02, 0.3, 0.5, 0.97, 1.0], dtype=torch.float64)
    deviation = torch.tensor([0.0, 0.01, 0.02, 0.05, 0.0, 0.0], dtype=torch.float64)
    likelihood = kind(kind.fitted(mean, deviation)[None], torch.arange(6))
    torch.testing.assert_close(likelihood.mean[0], mean, rtol=0, atol=0.011)
    assert likelihood.log_prob(torch.tensor([[1.0, 1, 1, 0, 0, 0]]).double()).isfinite().all()


def test_a_fitted_logistic_has_the_deviation_of_images() -> None:
    outputs = DiscretisedLogistic.fitted(torch.tensor([0.5]).double(), torch.tensor([0.05]).double())
    probability = one_value(DiscretisedLogistic, *outputs.tolist(), images=256).log_prob(LEVELS[:, None]).exp()
    assert float(probability @ (LEVELS - 0.5) ** 2) ** 0.5 == pytest.approx(0.05, rel=0.01)


def test_no_image_has_fewer_than_zero_bits() -> None:
    for kind in (ContinuousBernoulli, DiscretisedLogistic):
        for far in (-1e6, 1e6):
            outputs = torch.tensor([[far] * 5 + [-50.0] * 5 * (kind.parameters - 1)])
            score = kind(outputs, torch.arange(5)).log_prob(torch.full((1, 5), float(far > 0)))
            bits = LIKELIHOOD_FACTS[kind.name].bits(-float(score), 5)
            assert bits == pytest.approx(0, abs=1e-4)


def test_bits_are_those_of_images_with_256_levels() -> None:
    uniform = 784 * math.log(256)
    assert LIKELIHOOD_FACTS["discretised-logistic"].bits(uniform, 784) == pytest.approx(8)
    assert LIKELIHOOD_FACTS["continuous-bernoulli"].bits(uniform - 784 * math.log(256), 784) == pytest.approx(8)
    assert LIKELIHOOD_FACTS["bernoulli"].bits(90.0, 784) is None
