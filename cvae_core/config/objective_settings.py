"""The settings of a training objective."""

from typing import NamedTuple


class ObjectiveSettings(NamedTuple):
    """Hold the settings of a training objective. The defaults give the ELBO."""

    beta: float = 1.0  # weight of the rate
    warm_up: float = 0.0  # epochs over which the weight of the rate grows from 0
    draws: int = 1  # samples of z per image; more than one gives IWAE
    alpha: float = 1.0  # weight of the ELBO; the GSNN objective has weight 1 - alpha

    @property
    def gsnn(self) -> bool:
        """Return whether this trains a Gaussian stochastic network (GSNN): its recognition network stays untrained."""
        return self.alpha == 0

    @property
    def elbo(self) -> bool:
        """Return whether the bound is the ELBO, for any β. The paper's hybrid objective and IWAE are other bounds."""
        return self.alpha == 1 and self.draws == 1
