"""Facts about the likelihoods that need no torch: their parameters, their units, and words for tables and verdicts."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cvae_core.config.descriptions import LikelihoodName

LEVELS = 256  # of an 8-bit intensity: 0, 1/255, …, 1


class Facts(NamedTuple):
    """Describe a likelihood of one value of an image."""

    words: str  # name in tables
    parameters: int  # numbers that a generation network returns for each value
    proper: bool  # whether it sums or integrates to 1 over grey intensities
    density: bool  # whether it is a density on [0, 1]; otherwise it is a probability
    chance: float  # log p of a value under the trivial model without training images, in nats
    chance_words: str
    guess_words: str  # the trivial model that is fitted to the training images

    @property
    def floor(self) -> bool:
        """Return whether grey images have an entropy that no model scores below. A proper likelihood has no floor."""
        return not self.proper

    def bits(self, nats: float, values: int) -> float | None:
        """Return bits per dimension, from −log p in nats per image and the number of scored values.

        A density is taken as constant over each of 256 levels, which adds 8 bits. None if the likelihood is not proper.

        >>> LIKELIHOOD_FACTS["discretised-logistic"].bits(8 * math.log(2) * 784, 784)
        8.0
        >>> LIKELIHOOD_FACTS["continuous-bernoulli"].bits(0.0, 784)
        8.0
        """
        if not self.proper:
            return None
        return nats / (values * math.log(2)) + (math.log2(LEVELS) if self.density else 0.0)


LIKELIHOOD_FACTS: Mapping[LikelihoodName, Facts] = MappingProxyType(
    {
        "bernoulli": Facts(
            words="Bernoulli",
            parameters=1,
            proper=False,
            density=False,
            chance=-math.log(2),
            chance_words="0.5 for every pixel",
            guess_words="the mean training image",
        ),
        "continuous-bernoulli": Facts(
            words="continuous Bernoulli",
            parameters=1,
            proper=True,
            density=True,
            chance=0.0,
            chance_words="the uniform density",
            guess_words="the mean training image",
        ),
        "discretised-logistic": Facts(
            words="discretised logistic",
            parameters=2,
            proper=True,
            density=False,
            chance=-math.log(LEVELS),
            chance_words=f"{LEVELS} equally likely levels",
            guess_words="the mean and the deviation of each training pixel",
        ),
    }
)
