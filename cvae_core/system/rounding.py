"""Rounding of numbers for display."""

import math
from collections.abc import Sequence


def rounded_sum(parts: Sequence[float], digits: int = 1) -> tuple[list[float], float]:
    """Round numbers and their sum so that the rounded numbers add up to the rounded sum (largest-remainder method).

    Each number is rounded up or down to one of its two neighbours with `digits` decimals.

    >>> rounded_sum([81.44, 16.45])
    ([81.4, 16.5], 97.9)
    """
    unit = 10.0**-digits
    total, lower = round(sum(parts) / unit), [math.floor(part / unit) for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda place: lower[place] - parts[place] / unit)
    raised = set(by_remainder[: total - sum(lower)])
    rounded = [round((low + (place in raised)) * unit, digits) for place, low in enumerate(lower)]
    return rounded, round(total * unit, digits)
