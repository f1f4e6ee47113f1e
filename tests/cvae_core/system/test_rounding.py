from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvae_core.system.rounding import rounded_sum

NUMBERS = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6)


@given(NUMBERS, st.integers(0, 3))
def test_rounded_numbers_add_up(parts: list[float], digits: int) -> None:
    rounded, total = rounded_sum(parts, digits)
    printed = [Decimal(f"{part:.{digits}f}") for part in rounded]
    assert sum(printed) == Decimal(f"{total:.{digits}f}")
    assert total == pytest.approx(sum(parts), abs=0.51 * 10**-digits)
    assert rounded == pytest.approx(parts, abs=1.01 * 10**-digits)


def test_numbers_that_add_up_already_are_rounded_to_the_nearest() -> None:
    assert rounded_sum([81.41, 16.42]) == ([81.4, 16.4], 97.8)
    assert rounded_sum([81.37, 16.46]) == ([81.4, 16.4], 97.8)  # the nearest would be 16.5, which does not add up
    assert rounded_sum([3.26, -1.14]) == ([3.2, -1.1], 2.1)
