"""Ablations change the terms of the ELBO as expected, and units without information can be removed at no cost."""

import pytest
import torch
from torch import Tensor

from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import Condition
from cvae_core.data.datasets import DataSet
from cvae_core.evaluation import ablations
from cvae_core.models.flat import FlatVAE
from cvae_core.models.objectives import elbo
from cvae_core.runs.run import default_root, find

ROWS = torch.arange(100)


def shown(name: str, digits: DataSet) -> tuple[FlatVAE, Tensor, Condition, Tensor]:
    model = find(name, default_root()).model()
    assert isinstance(model, FlatVAE)
    x, c = held_out(model.config, digits.test, ROWS)
    return model, x, c, noise.normal((2, len(ROWS), model.latent), 0, "test")


def test_each_source_places_the_same_noise_under_its_own_distribution(digits: DataSet) -> None:
    model, x, c, epsilon = shown("digits-quadrant-1", digits)
    posterior, prior, ignorant = ablations.by_source(model, x, c, epsilon)
    context = model.context(c)
    torch.testing.assert_close(posterior.z, model.posterior(x, context).at(epsilon))
    torch.testing.assert_close(prior.z, model.prior(context).at(epsilon))
    torch.testing.assert_close(ignorant.z, epsilon, rtol=1e-4, atol=1e-4)


def test_the_less_a_source_has_seen_the_more_its_draws_cost(digits: DataSet) -> None:
    model, x, c, epsilon = shown("digits-quadrant-1", digits)
    posterior, prior, ignorant = ablations.cost_by_source(model, x, c, epsilon)
    torch.testing.assert_close(posterior.value(), elbo(model, x, c, epsilon).value())
    assert posterior.reconstruction.mean() > prior.reconstruction.mean() > ignorant.reconstruction.mean()
    assert not prior.rate.any()
    assert not ignorant.rate.any()


def test_a_unit_without_a_rate_is_not_missed(digits: DataSet) -> None:
    model, x, c, _ = shown("digits-label", digits)
    unit, head = 3, model.get_submodule("recognition_head.linear")
    for row in (unit, unit + model.latent):  # its mean and its log scale: those of the standard prior
        head.weight[row], head.bias[row] = 0, 0
    whole = model.infer(x, c, torch.zeros(1, 1, model.latent))
    assert not whole.rate[..., unit].any()
    less = ablations.with_unit_fixed(model, whole, c, unit)
    torch.testing.assert_close(less.z, whole.z, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["digits-label", "digits-quadrant-1"])
def test_a_silenced_unit_saves_its_rate_and_loses_its_information(name: str, digits: DataSet) -> None:
    model, x, c, epsilon = shown(name, digits)
    rates = model.infer(x, c, epsilon).rate.mean((0, 1))
    loudest, quietest = int(rates.argmax()), int(rates.argmin())
    whole, less = ablations.cost_of_fixing(model, x, c, epsilon, loudest)
    torch.testing.assert_close(whole.value(), elbo(model, x, c, epsilon).value(), rtol=1e-4, atol=1e-3)
    assert float((whole.rate - less.rate).mean()) == pytest.approx(float(rates[loudest]), rel=1e-4)
    assert whole.value().mean() > less.value().mean() + 1
    whole, less = ablations.cost_of_fixing(model, x, c, epsilon, quietest)
    assert float((whole.value() - less.value()).mean()) == pytest.approx(0, abs=0.1)
