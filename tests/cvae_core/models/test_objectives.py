"""On a model whose log p(x | c) is known by quadrature, bounds are bounds and estimates agree with it."""

import math
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.presets import configure
from cvae_core.data import noise
from cvae_core.data.conditions import Condition, labelled
from cvae_core.models.conditional_vae import ConditionalVAE, Latents
from cvae_core.models.distributions import Gaussian
from cvae_core.models.flat import FlatVAE
from cvae_core.models.likelihoods import LOGITS
from cvae_core.models.objectives import (
    Elbo,
    LogMeanExp,
    elbo,
    from_posterior,
    hybrid,
    importance_weighted,
    objective,
    prior_monte_carlo,
)

PIXELS = 4
IMAGES = torch.tensor(list(product([0.0, 1.0], repeat=PIXELS)))  # all 16 of them
LABELS = [0, 1, 2]


class OneDimensional(FlatVAE):
    """p(x | c) with one latent dimension, a prior that moves with c, curved logits, and a posterior that is not exact."""

    def __init__(self, likelihood: LikelihoodName = "bernoulli") -> None:
        super().__init__(configure("label", latent=1, likelihood=likelihood))
        self.pixels = torch.arange(PIXELS)

    def context(self, c: Condition) -> tuple[Tensor, ...]:
        assert c.labels is not None
        return (c.labels[:, None].float(),)

    def prior(self, context: tuple[Tensor, ...]) -> Gaussian:
        return Gaussian(0.8 * context[0] - 0.5, torch.full_like(context[0], -0.2))

    def posterior(self, x: Tensor, context: tuple[Tensor, ...]) -> Gaussian:
        loc = x @ torch.tensor([[0.9], [-0.5], [0.4], [0.1]]) + 0.5 * context[0] - 0.5
        return Gaussian(loc, -0.1 - 0.15 * x[:, :1])

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        slope, shift = torch.tensor([1.5, -1.2, 2.0, 0.7]), torch.tensor([-0.3, 0.8, 0.0, -1.0])
        return slope * torch.tanh(1.5 * z + shift) + 0.2 * z.square() - 0.2 * context[0]

    @staticmethod
    def log_density(x: Tensor, logits: Tensor) -> Tensor:
        """Return log p(x | z, c) of pixels (…, 4) from logits (…, 4), independently of the code of the objectives."""
        probability = torch.sigmoid(logits)
        return (x * probability.log() + (1 - x) * (1 - probability).log()).sum(-1)


class GaussianPixels(OneDimensional):
    """The same model with Gaussian pixels, whose means are the outputs."""

    SPREAD = 1.2

    def likelihood(self, latents: Latents, c: Condition) -> Independent:  # type: ignore[override]
        return Independent(Normal(self.outputs(latents), self.SPREAD), 1)

    @classmethod
    def log_density(cls, x: Tensor, logits: Tensor) -> Tensor:  # type: ignore[override]
        constant = math.log(cls.SPREAD * math.sqrt(2 * math.pi))
        return (-0.5 * ((x - logits) / cls.SPREAD) ** 2 - constant).sum(-1)


class Levels(OneDimensional):
    """The same model with discretised logistic pixels, whose locations and scales depend on the outputs."""

    def __init__(self) -> None:
        super().__init__("discretised-logistic")

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        curves = super().decoded(z, context)
        return torch.cat([0.5 * curves, 1 + 0.1 * curves], -1)

    @staticmethod
    def log_density(x: Tensor, logits: Tensor) -> Tensor:
        """Return log p(x | z, c) of black and white pixels: the tails of the logistic beyond half a level."""
        location, scale = 0.5 + 0.25 * logits, (0.1 * logits - 1).exp()
        black, white = (torch.sigmoid(ends / scale) for ends in (0.5 / 255 - location, location - 254.5 / 255))
        return torch.where(x == 0, black, white).log().sum(-1)


class Densities(OneDimensional):
    """The same model with continuous Bernoulli pixels."""

    def __init__(self) -> None:
        super().__init__("continuous-bernoulli")

    def decoded(self, z: Tensor, context: tuple[Tensor, ...]) -> Tensor:
        return super().decoded(z, context) / LOGITS

    @staticmethod
    def log_density(x: Tensor, logits: Tensor) -> Tensor:
        """Return log p(x | z, c) from the formula of the density, which no logit of the grid makes singular."""
        return (logits * x - (torch.expm1(logits) / logits).log()).sum(-1)


@pytest.fixture(scope="module", params=[OneDimensional, GaussianPixels])
def model(request: pytest.FixtureRequest) -> OneDimensional:
    made: OneDimensional = request.param()
    return made


def given(label: int, images: Tensor = IMAGES) -> Condition:
    return labelled(torch.full((len(images),), label), len(LABELS))


def base_noise(samples: int, seed: int, images: int = len(IMAGES)) -> Tensor:
    return noise.normal((samples, images, 1), seed, "objectives")


GRID = torch.linspace(-12, 12, 6001, dtype=torch.float64)


def integrated(density: Tensor, values: Tensor) -> Tensor:
    """Integrate values (grid, N) under a density (grid, N or 1) by the trapezoidal rule."""
    return torch.trapezoid(density * values, GRID, dim=0)


def log_likelihoods(model: OneDimensional, x: Tensor, c: Condition) -> Tensor:
    """Return log p(x | z, c) for all z of the grid, (grid, N), float64."""
    context = tuple(encoded.double() for encoded in model.context(c))
    slope, shift = torch.tensor([1.5, -1.2, 2.0, 0.7]).double(), torch.tensor([-0.3, 0.8, 0.0, -1.0]).double()
    z = GRID[:, None, None]
    logits = slope * torch.tanh(1.5 * z + shift) + 0.2 * z**2 - 0.2 * context[0]
    return model.log_density(x.double(), logits)


def grid_density(distribution: Gaussian) -> Tensor:
    return Normal(distribution.loc[:, 0].double(), distribution.scale[:, 0].double()).log_prob(GRID[:, None]).exp()


@pytest.fixture(scope="module", params=LABELS)
def label(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def log_probabilities(model: OneDimensional, c: Condition) -> Tensor:
    """Return log p(x | c) of all images by quadrature, (16,) float64."""
    density = grid_density(model.prior(model.context(c)))
    return integrated(density, log_likelihoods(model, IMAGES, c).exp()).log()


@pytest.fixture(scope="module")
def exact(model: OneDimensional, label: int) -> Tensor:
    """Return log p(x | c) of all images, (16,) float64."""
    return log_probabilities(model, given(label))


@pytest.fixture(scope="module")
def exact_elbo(model: OneDimensional, label: int) -> Tensor:
    """Return E_q[log p(x | z, c)] − KL(q ‖ p) of all images, both by quadrature, (16,) float64."""
    c = given(label)
    posterior, prior = model.posterior(IMAGES, model.context(c)), model.prior(model.context(c))
    q, p = grid_density(posterior), grid_density(prior)
    ratio = torch.where(q > 0, q.clamp(min=1e-300).log() - p.clamp(min=1e-300).log(), 0.0)
    return integrated(q, log_likelihoods(model, IMAGES, c)) - integrated(q, ratio)


def test_the_probabilities_of_all_binary_images_sum_to_one(label: int) -> None:
    probabilities = log_probabilities(OneDimensional(), given(label)).exp()
    assert math.isclose(float(probabilities.sum()), 1, rel_tol=1e-6)


def test_the_condition_matters(model: OneDimensional) -> None:
    c = [grid_density(model.prior(model.context(given(label)))) for label in LABELS]
    assert not torch.allclose(c[0], c[1])


def test_the_bound_lies_below_the_log_probability_of_every_image(exact: Tensor, exact_elbo: Tensor) -> None:
    gap = exact - exact_elbo
    assert (gap > 0.001).all()  # otherwise the next checks could not distinguish bound and truth
    assert (gap < 3).all()


def test_elbo_meets_the_bound_that_quadrature_gives(model: OneDimensional, label: int, exact_elbo: Tensor) -> None:
    draws = torch.stack([elbo(model, IMAGES, given(label), base_noise(200, seed)).value() for seed in range(100)])
    error = draws.double().std(0) / 10
    assert ((draws.double().mean(0) - exact_elbo).abs() < 5 * error).all()


def test_the_bound_with_its_closed_rate_lies_below_the_log_probability(
    model: OneDimensional, label: int, exact: Tensor
) -> None:
    estimates = from_posterior(model, IMAGES, given(label), base_noise(20_000, 1))
    assert (estimates.elbo < exact).all()


def test_the_closed_rate_is_what_sampling_the_log_ratio_gives(model: OneDimensional, label: int) -> None:
    latents = model.infer(IMAGES, given(label), base_noise(40_000, 2))
    sampled = -latents.log_weight.double()  # log q(z | x, c) − log p(z | c) at z ~ q
    error = sampled.std(0) / len(sampled) ** 0.5
    assert ((sampled.mean(0) - latents.rate.sum(-1)[0]).abs() < 5 * error).all()


Estimate = Callable[[ConditionalVAE, Tensor, Condition, Tensor], Tensor]


def replicates(estimate: Estimate, model: OneDimensional, label: int, samples: int, times: int) -> Tensor:
    """Return independent estimates for every image, (times, 16), from one batch that contains each image `times` times."""
    x = IMAGES.repeat(times, 1)
    return estimate(model, x, given(label, x), base_noise(samples, 7, len(x))).reshape(times, len(IMAGES))


def importance_sampling(model: ConditionalVAE, x: Tensor, c: Condition, noise: Tensor) -> Tensor:
    return from_posterior(model, x, c, noise).importance_sampling


@pytest.mark.parametrize("estimate", [importance_sampling, prior_monte_carlo])
@pytest.mark.parametrize(("samples", "times"), [(1, 20_000), (20, 1000)])
def test_the_mean_weight_is_the_probability_at_any_number_of_draws(
    estimate: Estimate, samples: int, times: int, model: OneDimensional, label: int, exact: Tensor
) -> None:
    weights = replicates(estimate, model, label, samples, times).exp()
    assert ((weights.mean(0) - exact.exp()).abs() < 5 * weights.std(0) / times**0.5).all()


@pytest.mark.parametrize("estimate", [importance_sampling, prior_monte_carlo])
def test_with_many_draws_an_estimate_meets_quadrature(
    estimate: Estimate, model: OneDimensional, label: int, exact: Tensor
) -> None:
    weights = replicates(estimate, model, label, 1, 20_000).exp()
    error = weights.std(0) / 40_000**0.5 / exact.exp()  # of the logarithm, with 40,000 draws
    found = estimate(model, IMAGES, given(label), base_noise(40_000, 99))
    assert (error < 0.02).all()
    assert ((found - exact).abs() < 5 * error).all()


@pytest.mark.parametrize("kind", [Levels, Densities])
def test_estimates_under_other_likelihoods_meet_quadrature(kind: type[OneDimensional]) -> None:
    model, c = kind(), given(1)
    exact = log_probabilities(model, c)
    error = replicates(importance_sampling, model, 1, 1, 5000).exp().std(0) / 20_000**0.5 / exact.exp()
    estimates = from_posterior(model, IMAGES, c, base_noise(20_000, 99))
    assert (error < 0.03).all()
    assert ((estimates.importance_sampling - exact).abs() < 5 * error).all()
    assert (estimates.elbo < exact).all()
    mixed = elbo(model, IMAGES, c, base_noise(20_000, 99)).value()
    torch.testing.assert_close(mixed.double(), estimates.elbo, rtol=0, atol=1e-4)


def test_importance_sampling_lies_below_and_tightens_in_expectation(
    model: OneDimensional, label: int, exact: Tensor
) -> None:
    means, errors = [], []
    for samples in (1, 10, 100):
        drawn = replicates(importance_sampling, model, label, samples, 500).mean(1)  # over all images
        means.append(float(drawn.mean()))
        errors.append(float(drawn.std()) / 500**0.5)
    assert means[0] + 5 * errors[0] < means[1]
    assert means[1] + 5 * errors[1] < means[2]
    assert means[1] + 5 * errors[1] < float(exact.mean())
    assert means[2] < float(exact.mean()) + 5 * errors[2]


def test_with_one_draw_importance_sampling_is_the_bound_in_expectation(
    model: OneDimensional, label: int, exact_elbo: Tensor
) -> None:
    drawn = replicates(importance_sampling, model, label, 1, 20_000)
    assert ((drawn.mean(0) - exact_elbo).abs() < 5 * drawn.std(0) / 20_000**0.5).all()


def test_prior_monte_carlo_of_one_draw_is_the_likelihood_of_that_draw(model: OneDimensional, label: int) -> None:
    c, epsilon = given(label), base_noise(1, 3)
    score = model.likelihood(model.draw(c, epsilon), c).log_prob(IMAGES)[0]
    torch.testing.assert_close(prior_monte_carlo(model, IMAGES, c, epsilon), score.double())


def test_every_estimate_is_one_float64_per_image(model: OneDimensional) -> None:
    x, c, epsilon = IMAGES[:5], given(1, IMAGES[:5]), base_noise(7, 1, images=5)
    for values in (*from_posterior(model, x, c, epsilon), prior_monte_carlo(model, x, c, epsilon)):
        assert (values.shape, values.dtype) == ((5,), torch.float64)
    terms = elbo(model, x, c, epsilon)
    assert terms.reconstruction.shape == terms.rate.shape == (5,)


def test_the_importance_weighted_bound_is_the_importance_estimate_of_its_draws(
    model: OneDimensional, label: int
) -> None:
    epsilon = base_noise(30, 4)
    terms = importance_weighted(model, IMAGES, given(label), epsilon)
    estimate = from_posterior(model, IMAGES, given(label), epsilon).importance_sampling
    torch.testing.assert_close(terms.value().double(), estimate, rtol=0, atol=1e-5)
    torch.testing.assert_close(terms.rate, elbo(model, IMAGES, given(label), epsilon).rate)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_what_weighs_the_rate_weighs_it_inside_the_importance_weighted_bound(
    beta: float, model: OneDimensional, label: int
) -> None:
    c, epsilon = given(label), base_noise(30, 4)
    latents = model.infer(IMAGES, c, epsilon)
    weights = model.likelihood(latents, c).log_prob(IMAGES) + beta * latents.log_weight
    bound = importance_weighted(model, IMAGES, c, epsilon, beta).value(beta)
    torch.testing.assert_close(bound, weights.logsumexp(0) - math.log(30))


def test_the_gsnn_is_trained_by_draws_from_its_prior_alone(model: OneDimensional, label: int) -> None:
    epsilon = base_noise(1, 4)
    terms = hybrid(model, IMAGES, given(label), epsilon, alpha=0)
    torch.testing.assert_close(terms.value().double(), prior_monte_carlo(model, IMAGES, given(label), epsilon))
    assert terms.rate.abs().sum() == 0


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_the_hybrid_objective_mixes_the_elbo_and_the_gsnns(alpha: float, model: OneDimensional, label: int) -> None:
    c, epsilon = given(label), base_noise(5, 4)
    mixed = hybrid(model, IMAGES, c, epsilon, alpha).value()
    gsnn, bound = hybrid(model, IMAGES, c, epsilon, 0).value(), elbo(model, IMAGES, c, epsilon).value()
    torch.testing.assert_close(mixed, alpha * bound + (1 - alpha) * gsnn)


@pytest.mark.parametrize(
    ("changes", "draws", "expected"),
    [
        ({}, 1, elbo),
        ({"draws": 4}, 4, importance_weighted),
        ({"alpha": 0.5}, 1, lambda *arguments: hybrid(*arguments, alpha=0.5)),
        ({"alpha": 0.0}, 1, lambda *arguments: hybrid(*arguments, alpha=0.0)),
    ],
)
def test_a_configuration_chooses_its_objective(
    changes: dict[str, float], draws: int, expected: Callable[..., Elbo], model: OneDimensional
) -> None:
    chosen = type(model)()
    chosen.config = configure("quadrant", latent=1, **changes)
    arguments = (IMAGES, given(1), base_noise(draws, 6))
    torch.testing.assert_close(objective(chosen, *arguments).value(), expected(model, *arguments).value())


def test_the_two_ways_to_the_bound_agree(model: OneDimensional, label: int) -> None:
    epsilon = base_noise(30, 4)
    direct = elbo(model, IMAGES, given(label), epsilon).value()
    torch.testing.assert_close(
        from_posterior(model, IMAGES, given(label), epsilon).elbo, direct.double(), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("image_draws", [1, 16, 33, 160, 100_000])
def test_chunks_change_nothing(image_draws: int, model: OneDimensional, monkeypatch: pytest.MonkeyPatch) -> None:
    epsilon = base_noise(101, 5)
    before = (*from_posterior(model, IMAGES, given(1), epsilon), prior_monte_carlo(model, IMAGES, given(1), epsilon))
    sizes = []
    infer = model.infer
    monkeypatch.setattr(model, "infer", lambda x, c, chunk: (sizes.append(len(chunk)), infer(x, c, chunk))[1])
    monkeypatch.setattr(model, "image_draws", image_draws)
    after = (*from_posterior(model, IMAGES, given(1), epsilon), prior_monte_carlo(model, IMAGES, given(1), epsilon))
    assert sum(sizes) == 101
    assert max(sizes) == max(1, min(101, image_draws // 16))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-9)


def test_estimates_need_no_gradients(model: OneDimensional) -> None:
    x = IMAGES.clone().requires_grad_()
    assert not from_posterior(model, x, given(1), base_noise(2, 1)).importance_sampling.requires_grad
    assert not prior_monte_carlo(model, x, given(1), base_noise(2, 1)).requires_grad


def test_beta_weighs_the_rate_alone() -> None:
    terms = Elbo(torch.tensor([-10.0, -20.0]), torch.tensor([3.0, 4.0]))
    assert terms.value().tolist() == [-13, -24]
    assert terms.value(0.5).tolist() == [-11.5, -22]
    assert terms.value(0).tolist() == [-10, -20]


def mean_exp(*chunks: Tensor) -> Tensor:
    accumulated = LogMeanExp()
    for chunk in chunks:
        accumulated.add(chunk)
    return accumulated.value


def test_the_log_mean_of_exponentials_is_exact_where_exponentials_vanish() -> None:
    values = torch.tensor([[-1e6, 5.0], [-1e6 + 1, 5.0], [-1e6 - 700, 5.0]], dtype=torch.float64)
    expected = -1e6 + math.log((1 + math.e) / 3)
    found = mean_exp(values)
    assert math.isclose(float(found[0]), expected, rel_tol=1e-12)
    assert float(found[1]) == pytest.approx(5, abs=1e-12)
    torch.testing.assert_close(mean_exp(values[:1], values[1:]), found, rtol=1e-12, atol=0)


def test_a_draw_that_explains_nothing_counts_as_one_draw_and_adds_nothing() -> None:
    nothing = torch.tensor([[-math.inf]])
    assert float(mean_exp(nothing, torch.tensor([[2.0]]))) == pytest.approx(2 - math.log(2), abs=1e-12)
    assert float(mean_exp(nothing, nothing)) == -math.inf


def test_the_log_mean_of_exponentials_is_kept_in_float64() -> None:
    values = torch.full((1000, 1), -1000.1)
    assert mean_exp(*values.split(1)).dtype == torch.float64
    assert float(mean_exp(*values.split(1))) == pytest.approx(float(values[0]), abs=1e-9)
