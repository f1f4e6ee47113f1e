"""Build a model from its configuration."""

from collections.abc import Mapping

import torch

from cvae_core.config.flavours import Config, Flavour
from cvae_core.errors import ConfigError
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.flat import VAE, Baseline, LabelCVAE, QuadrantCVAE
from cvae_core.models.ladder import LabelLadder, Ladder, QuadrantLadder
from cvae_core.models.mlp import initialise

Completer = QuadrantCVAE | QuadrantLadder  # models that contain a baseline
_FLAT: Mapping[Flavour, type[ConditionalVAE]] = {
    "vae": VAE,
    "label": LabelCVAE,
    "quadrant": QuadrantCVAE,
    "baseline": Baseline,
}
_LADDERS: Mapping[Flavour, type[ConditionalVAE]] = {"vae": Ladder, "label": LabelLadder, "quadrant": QuadrantLadder}


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
    """Return the class of a configuration's model; raise ConfigError if there is none."""
    kinds = _LADDERS if config.hierarchical else _FLAT
    if config.flavour not in kinds:
        hint = (
            "hierarchical model: set groups to 0"
            if config.hierarchical
            else "model: add it to cvae_core/models/build.py"
        )
        raise ConfigError(f"The flavour {config.flavour} has no {hint}.")
    return kinds[config.flavour]
