"""The label of a visible part: on a model whose probabilities are known by quadrature, the estimates agree with them."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from cvae_core.config.presets import configure
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import labelled
from cvae_core.data.datasets import DataSet, Split
from cvae_core.errors import ConfigError
from cvae_core.evaluation import label_posterior
from cvae_core.evaluation.classifier import Classifier, accuracy
from cvae_core.evaluation.label_posterior import Evidence, could_become, evidence, hidden_by_label, visible_by_label
from cvae_core.evaluation.sample_quality import judge_part, of_part
from cvae_core.models.build import build
from cvae_core.models.objectives import from_posterior
from cvae_core.runs.run import default_root, find
from tests.cvae_core.models.test_objectives import GRID, IMAGES, OneDimensional, grid_density

CLASSES = 10
SEEN = torch.tensor([[True, True, False, False], [False, True, False, True], [False, False, False, False]])


@pytest.fixture(scope="module")
def model() -> OneDimensional:
    return OneDimensional()


def images(seen: Tensor) -> tuple[Tensor, Tensor]:
    return IMAGES, seen.expand(len(IMAGES), -1)


def exact(model: OneDimensional, seen: Tensor) -> Tensor:
    """Return log p(visible | label) of all images and labels by quadrature, (16, L) float64."""
    found = []
    for label in range(CLASSES):
        context = model.context(labelled(torch.full((len(IMAGES),), label), CLASSES))
        logits = model.decoded(GRID[:, None, None].float(), context).double()
        probability = torch.where(IMAGES == 1, logits.sigmoid(), (-logits).sigmoid())
        likelihood = torch.where(seen, probability, 1.0).prod(-1)
        found.append(torch.trapezoid(grid_density(model.prior(context)) * likelihood, GRID, dim=0).log())
    return torch.stack(found, -1)


@pytest.mark.parametrize("seen", SEEN, ids=["half", "scattered", "nothing"])
def test_the_likelihood_of_the_visible_part_meets_quadrature(model: OneDimensional, seen: Tensor) -> None:
    found = visible_by_label(model, *images(seen), torch.arange(16), samples=2000)
    truth = exact(model, seen)
    assert found.log_p.shape == (16, CLASSES)
    assert ((found.log_p - truth).abs() <= 5 * found.error + 1e-3).all()
    assert (found.error < 0.05).all()
    assert (found.effective > 500).all()


def test_the_posterior_of_the_label_is_that_of_bayes_rule(model: OneDimensional) -> None:
    seen, train = SEEN[0], Split(torch.zeros(40, 4, dtype=torch.uint8), torch.arange(4).repeat_interleave(10))
    found = visible_by_label(model, *images(seen), torch.arange(16), samples=2000)
    posterior = label_posterior.label_posterior(found, label_posterior.log_frequencies(train, CLASSES))
    joint = exact(model, seen)[:, :4].exp()
    torch.testing.assert_close(posterior.probabilities[:, :4], joint / joint.sum(-1, keepdim=True), atol=0.02, rtol=0)
    assert (posterior.probabilities[:, 4:] == 0).all()  # no training image has these labels
    assert posterior.error.isfinite().all()


def test_standard_errors_are_those_of_repeated_estimates(model: OneDimensional) -> None:
    truth = exact(model, SEEN[0])
    found = [visible_by_label(model, *images(SEEN[0]), torch.arange(16), samples=100, seed=seed) for seed in range(12)]
    apart = torch.stack([(one.log_p - truth) / one.error for one in found])
    assert 0.5 < apart.square().mean().sqrt() < 1.5


def test_errors_of_probabilities_follow_from_those_of_likelihoods() -> None:
    log_p, error = torch.tensor([[-1.0, -1.5, -4.0]]).double(), torch.tensor([[0.02, 0.05, 0.1]]).double()
    found = label_posterior.label_posterior(Evidence(log_p, error, error), torch.zeros(3).double())
    drawn = log_p + error * noise.normal((20_000, 3), 1, "errors").double()
    torch.testing.assert_close(found.error[0], drawn.softmax(-1).std(0), atol=1e-3, rtol=0.05)


def test_hidden_values_and_other_images_never_count(model: OneDimensional) -> None:
    x, seen = images(SEEN[0])
    found = visible_by_label(model, x, seen, torch.arange(16), samples=20)
    other = visible_by_label(model, torch.where(seen, x, 1 - x), seen, torch.arange(16), samples=20)
    assert torch.equal(found.log_p, other.log_p)
    alone = visible_by_label(model, x[3:5], seen[3:5], torch.arange(3, 5), samples=20)
    torch.testing.assert_close(alone.log_p, found.log_p[3:5], atol=1e-4, rtol=0)


def test_equal_weights_have_no_error_and_one_large_weight_has_one_effective_draw() -> None:
    found = evidence(torch.tensor([[0.0, 0.0], [0.0, -99.0], [0.0, -99.0]]))
    torch.testing.assert_close(found.effective, torch.tensor([3.0, 1.0]).double())
    torch.testing.assert_close(found.error, torch.tensor([0.0, 1.0]).double())


def test_the_hidden_part_given_each_label_is_scored_as_evaluations_score_it(digits: DataSet) -> None:
    model = build(configure("label+quadrant", data=digits.description, width=8, latent=3))
    found = hidden_by_label(model, digits.test, 4, "1", samples=30)
    x, c = held_out(model.config, digits.test, torch.tensor([4]))
    for label in (0, 7):
        epsilon = noise.normal((30, 1, 3), 0, "labels")
        alone = from_posterior(model, x, c.with_labels(torch.tensor([label])), epsilon).importance_sampling
        torch.testing.assert_close(found.log_p[label], alone[0], atol=1e-3, rtol=0)
    with pytest.raises(ConfigError, match="not given a label and visible pixels"):
        hidden_by_label(find("digits-label", default_root()).model(), digits.test, 4, "1")


def test_the_top_of_a_digit_usually_tells_its_label(digits: DataSet) -> None:
    run = find("digits-label", default_root())
    model, reader = run.model(), Classifier(digits.description).eval()
    own, lost = judge_part(model, digits, reader, "3", samples=20, images=8)
    assert own.name == f"{of_part('3')}, S = 20: accuracy"
    assert own.value >= 0.75
    assert own.reference == accuracy(reader, digits.test.part(slice(0, 8)))
    assert lost.value < lost.reference  # type: ignore[operator]
    with pytest.raises(ConfigError, match="Only a label model"):
        could_become(find("digits-quadrant-1", default_root()).model(), digits.test.intensities([0]), "1", digits.train)


def test_the_prior_is_sampled_too(model: OneDimensional) -> None:
    """Even Gaussians in a wrong place give no weight above ten times the likelihood, so the estimate stays right."""
    context = model.context(labelled(torch.zeros(16, dtype=torch.long), CLASSES))
    wrong = Normal(torch.full((4 * 16, 1), 30.0), torch.full((4 * 16, 1), 0.1))
    prior, drawn = model.prior(context), noise.normal((20_000, 16, 1), 0, "wrong")
    found = label_posterior._weighted(model, IMAGES, SEEN[0].expand(16, -1), context, prior, wrong, drawn)
    assert ((found.log_p - exact(model, SEEN[0])[:, 0]).abs() <= 5 * found.error).all()
    assert (found.error < 0.1).all()
