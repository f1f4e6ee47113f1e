"""Build a model from its configuration."""

import torch

from cvae_core.config.flavours import Config
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.flat import CVAE, Baseline
from cvae_core.models.ladder import Ladder
from cvae_core.models.mlp import initialise


def build(config: Config) -> ConditionalVAE:
    """Build the model of a configuration. The configuration's seed initialises the weights."""
    model = kind(config)(config)
    initialise(model, config.seed)
    return model


def shapes(config: Config) -> dict[str, torch.Size]:
    """Return the names and shapes of a configuration's weights, without allocating memory for them.

    >>> from cvae_core.config.presets import configure
    >>> shapes(configure("label", width=8192))["output.weight"]
    torch.Size([784, 8192])
    """
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in kind(config)(config).state_dict().items()}


def kind(config: Config) -> type[ConditionalVAE]:
    """Return the class of a configuration's model."""
    if config.hierarchical:
        return Ladder
    return CVAE if config.latents else Baseline
