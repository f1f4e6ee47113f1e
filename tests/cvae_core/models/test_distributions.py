"""Densities sum to 1, and base noise and latent points are converted without loss."""

import math
from itertools import product

import pytest
import torch
from torch.distributions import Bernoulli as TorchBernoulli
from torch.distributions import kl_divergence

from cvae_core.data import noise
from cvae_core.models.distributions import Gaussian, cross_entropy, standard_gaussian
from cvae_core.models.likelihoods import Bernoulli

ALL_IMAGES = torch.tensor(list(product([0.0, 1.0], repeat=4)))  # (16, 4)
LOGITS = torch.tensor([0.3, -1.2, 2.0, -0.1])


def gaussian(seed: int = 0, shape: tuple[int, ...] = (5, 3)) -> Gaussian:
    return Gaussian(noise.normal(shape, seed, "loc"), noise.normal(shape, seed, "scale"))


def test_noise_and_points_are_two_names_of_one_thing() -> None:
    q, epsilon = gaussian(), noise.normal((7, 5, 3), 1, "noise")
    z = q.at(epsilon)
    assert z.shape == (7, 5, 3)
    torch.testing.assert_close(z, q.loc + q.scale * epsilon)
    torch.testing.assert_close(q.noise(z), epsilon, rtol=1e-4, atol=1e-5)


def test_points_placed_by_normal_noise_have_the_mean_and_scale_of_the_distribution() -> None:
    q = gaussian()
    z = q.at(noise.normal((40_000, 5, 3), 1, "noise"))
    assert ((z.mean(0) - q.loc).abs() < 5 * q.scale / 200).all()
    assert ((z.std(0) / q.scale - 1).abs() < 0.03).all()


def test_the_density_is_that_of_the_noise_over_the_scale() -> None:
    q, epsilon = gaussian(), noise.normal((5, 3), 1, "noise")
    expected = -0.5 * epsilon.square() - 0.5 * math.log(2 * math.pi) - q.scale.log()
    torch.testing.assert_close(q.log_prob(q.at(epsilon)), expected, rtol=1e-4, atol=1e-5)


def test_gradients_reach_both_parameters_through_a_point() -> None:
    loc, log_scale = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    epsilon = torch.tensor([1.0, -2.0, 0.5])
    Gaussian(loc, log_scale).at(epsilon).sum().backward()
    assert loc.grad is not None
    assert loc.grad.tolist() == [1, 1, 1]
    assert log_scale.grad is not None
    torch.testing.assert_close(log_scale.grad, epsilon)


def test_the_divergence_is_zero_from_itself_positive_from_others_and_the_textbooks() -> None:
    q, p = gaussian(0), gaussian(1)
    assert kl_divergence(q, q).abs().max() == 0
    textbook = (p.scale / q.scale).log() + (q.scale**2 + (q.loc - p.loc) ** 2) / (2 * p.scale**2) - 0.5
    torch.testing.assert_close(kl_divergence(q, p), textbook, rtol=1e-4, atol=1e-5)
    assert (kl_divergence(q, p) > 0).all()


@pytest.mark.parametrize("log_scale", [-1e4, 1e4])
def test_scales_stay_finite_however_far_a_network_strays(log_scale: float) -> None:
    stray, ordinary = Gaussian(torch.zeros(2), torch.full((2,), log_scale)), standard_gaussian(torch.zeros(1), 2)
    assert stray.log_prob(stray.at(torch.ones(2))).isfinite().all()
    assert kl_divergence(stray, ordinary).isfinite().all()
    assert kl_divergence(ordinary, stray).isfinite().all()


def test_the_standard_gaussian_is_its_own_noise() -> None:
    prior, epsilon = standard_gaussian(torch.zeros(1), 3), noise.normal((2, 3), 1, "noise")
    assert torch.equal(prior.at(epsilon), epsilon)
    assert (prior.loc.shape, prior.scale.tolist()) == ((3,), [1, 1, 1])


def test_the_probabilities_of_all_images_sum_to_one() -> None:
    likelihood = Bernoulli(LOGITS.expand(16, 4), torch.arange(4))
    assert math.isclose(float(likelihood.log_prob(ALL_IMAGES).exp().sum()), 1, rel_tol=1e-6)


@pytest.mark.parametrize("counted", [[True, True, True, True], [True, False, True, False], [False] * 3 + [True]])
def test_the_probabilities_of_the_counted_pixels_sum_to_one(counted: list[bool]) -> None:
    likelihood = Bernoulli(LOGITS.expand(16, 4), torch.arange(4), torch.tensor(counted).expand(16, 4))
    repeats = 2 ** counted.count(False)  # each combination of counted pixels occurs with all values of the others
    assert math.isclose(float(likelihood.log_prob(ALL_IMAGES).exp().sum()), repeats, rel_tol=1e-6)


def test_binary_pixels_score_as_torch_scores_them_with_and_without_a_mask() -> None:
    expected = TorchBernoulli(logits=LOGITS).log_prob(ALL_IMAGES).sum(-1)
    for counted in (None, torch.ones(16, 4, dtype=torch.bool)):
        likelihood = Bernoulli(LOGITS.expand(3, 16, 4), torch.arange(4), counted)
        torch.testing.assert_close(likelihood.log_prob(ALL_IMAGES), expected.expand(3, 16))


def test_a_grey_image_scores_the_expected_score_of_its_binarisation() -> None:
    grey = torch.tensor([0.1, 0.5, 0.9, 0.0])
    chances = TorchBernoulli(probs=grey).log_prob(ALL_IMAGES).sum(-1).exp()
    likelihood = Bernoulli(LOGITS.expand(16, 4), torch.arange(4))
    expected = (chances * likelihood.log_prob(ALL_IMAGES)).sum()
    score = Bernoulli(LOGITS[None], torch.arange(4)).log_prob(grey[None])
    torch.testing.assert_close(score[0], expected)


def test_half_precision_of_a_network_does_not_reach_the_scores() -> None:
    logits, x = noise.normal((5, 300), 1, "logits"), noise.uniform((5, 300), 1, "pixels")
    for counted in (None, torch.ones(5, 300, dtype=torch.bool)):
        likelihood = Bernoulli(logits, torch.arange(300), counted)
        exact = likelihood.log_prob(x)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(likelihood.log_prob(x), exact)


def test_certain_logits_score_finitely() -> None:
    likelihood = Bernoulli(torch.tensor([[1e4, -1e4]]), torch.arange(2))
    assert likelihood.log_prob(torch.tensor([[1.0, 0.0]])).tolist() == [0]
    assert likelihood.log_prob(torch.tensor([[0.0, 1.0]])).tolist() == [-2e4]


def test_only_the_modelled_pixels_are_looked_at() -> None:
    pixels = torch.tensor([6, 2])
    x = noise.uniform((3, 8), 1, "pixels")
    likelihood = Bernoulli(noise.normal((3, 2), 1, "logits"), pixels)
    expected = TorchBernoulli(logits=likelihood.outputs, validate_args=False).log_prob(x[:, [6, 2]]).sum(-1)
    torch.testing.assert_close(likelihood.log_prob(x), expected)


def test_pasting_writes_the_counted_pixels_over_a_background_that_stays() -> None:
    background = torch.arange(12.0).reshape(2, 6)
    pixels, counted = torch.tensor([1, 4]), torch.tensor([[True, False], [False, True]])
    values = torch.tensor([[[-1.0, -2.0], [-3.0, -4.0]]])
    fixed = Bernoulli(values, pixels).paste(values, background)
    assert fixed.tolist() == [[[0, -1, 2, 3, -2, 5], [6, -3, 8, 9, -4, 11]]]
    varied = Bernoulli(values, pixels, counted).paste(values, background)
    assert varied.tolist() == [[[0, -1, 2, 3, 4, 5], [6, 7, 8, 9, -4, 11]]]
    assert torch.equal(background, torch.arange(12.0).reshape(2, 6))


def test_probabilities_are_between_nothing_and_one_and_follow_the_logits() -> None:
    likelihood = Bernoulli(LOGITS[None], torch.arange(4))
    torch.testing.assert_close(likelihood.mean, 1 / (1 + (-LOGITS[None]).exp()))


@pytest.mark.parametrize("ink", [0.0, 0.3, 0.5, 1.0])
def test_a_grey_pixel_costs_least_at_its_own_intensity_and_there_its_entropy(ink: float) -> None:
    grey, probabilities = torch.tensor(ink).double(), torch.linspace(0.01, 0.99, 99).double()
    floor = float(cross_entropy(grey, grey))
    assert floor == pytest.approx(float(TorchBernoulli(grey).entropy()), abs=1e-6)
    assert (cross_entropy(grey, probabilities) >= floor - 1e-12).all()
    score = Bernoulli(probabilities.logit()[:, None], torch.tensor([0])).log_prob(grey[None, None])
    torch.testing.assert_close(cross_entropy(grey, probabilities), -score)
