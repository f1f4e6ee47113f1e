"""MNIST and the embedded digits give the weights, batches, pictures and networks that `benchmarks/golden.py` has stored."""

import pytest

from benchmarks.golden import GOLDEN, PARTS, machine
from cvae_core.system import files

# Relative tolerance of the sums on other machines.
ROUNDING = {"initial weights": 1e-6, "trained weights": 1e-6, "pictures": 1e-3, "pictures of mnist": 1e-3}
NEEDS_MNIST = {"fingerprint of mnist", "pictures of mnist"}


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[pytest.mark.mnist] if part in NEEDS_MNIST else []) for part in PARTS]
)
def test_the_lab_computes_what_it_computed_before(part: str) -> None:
    golden, now = files.read_json(GOLDEN), PARTS[part]()
    expected = golden[part]
    assert set(now) == set(expected)
    exact = part not in ROUNDING or machine() == golden["machine"]
    assert [name for name in now if exact and now[name]["sha256"] != expected[name]["sha256"]] == []
    for name in now if part in ROUNDING else ():
        assert now[name]["sums"] == pytest.approx(expected[name]["sums"], rel=ROUNDING[part]), name
