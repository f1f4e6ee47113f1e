"""From a configuration to its model."""

from collections.abc import Mapping

from cvae_core.config import Config, Flavour, is_ladder
from cvae_core.flat import VAE, Baseline, LabelCVAE, QuadrantCVAE
from cvae_core.ladder import LabelLadder, Ladder, QuadrantLadder
from cvae_core.models import ConditionalVAE
from cvae_core.networks import initialise

Completer = QuadrantCVAE | QuadrantLadder  # has a baseline inside
_FLAT: Mapping[Flavour, type[ConditionalVAE]] = {
    "vae": VAE,
    "label": LabelCVAE,
    "quadrant": QuadrantCVAE,
    "baseline": Baseline,
}
_LADDERS: Mapping[Flavour, type[ConditionalVAE]] = {"vae": Ladder, "label": LabelLadder, "quadrant": QuadrantLadder}


def build(config: Config) -> ConditionalVAE:
    """Build a configuration's model with the weights that its seed gives."""
    kinds = _LADDERS if is_ladder(config) else _FLAT
    model = kinds[config.flavour](config)
    initialise(model, config.seed)
    return model
