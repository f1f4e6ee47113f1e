"""Validate seeds: whole numbers from 0 to 2⁶³ − 1. This module does not import torch."""

from operator import index
from typing import SupportsIndex

from cvae_core.errors import ConfigError
from cvae_core.system.type_checks import MAX_WHOLE

MAX_SEED = MAX_WHOLE


def require_seed(seed: SupportsIndex) -> int:
    """Return a seed as an int; raise ConfigError if it is not a whole number between 0 and `MAX_SEED`.

    >>> require_seed(2015)
    2015
    """
    whole = hasattr(seed, "__index__") and not isinstance(seed, bool)
    if not whole or not 0 <= index(seed) <= MAX_SEED:
        kind = "lie" if whole else "be a whole number"
        raise ConfigError(f"Seed cannot be {seed}: it must {kind} between 0 and {MAX_SEED}.")
    return index(seed)
