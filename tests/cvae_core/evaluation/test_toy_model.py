"""On a model with a known log-likelihood, the estimators agree with it within their errors."""

import pytest

from cvae_core.evaluation.toy_model import settling

COUNTS = (1, 10, 100, 1000)


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.5, 2.0])
def test_importance_sampling_goes_from_the_bound_to_the_truth(scale: float) -> None:
    found = settling(scale, COUNTS, 0)
    assert found.exact == pytest.approx(1.5155, abs=1e-4)  # −log N(1; 0, 2)
    assert found.importance_sampling[0] == pytest.approx(found.bound, abs=0.05)
    assert found.importance_sampling == sorted(found.importance_sampling, reverse=True)
    assert abs(found.importance_sampling[-1] - found.exact) < 0.1 * (found.bound - found.exact)


def test_draws_from_the_true_posterior_are_exact_at_once() -> None:
    found = settling(1.0, COUNTS, 0)
    assert [found.bound, *found.importance_sampling] == pytest.approx([found.exact] * 5, abs=1e-6)


def test_an_estimate_is_the_same_whichever_smaller_ones_were_asked_for() -> None:
    alone, among = settling(0.5, (1000,), 0), settling(0.5, COUNTS, 0)
    assert alone.importance_sampling[-1] == pytest.approx(among.importance_sampling[-1], abs=1e-9)
