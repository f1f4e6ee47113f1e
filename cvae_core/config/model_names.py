"""Names of models for people: short texts that say what distinguishes a model from the preset's.

A row of the table contains several sets of quadrants, and its name leaves them out: `row_name`.
"""

from collections.abc import Sequence

from cvae_core.config.flavours import DEFAULT_PRESET, Config
from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.config.presets import PRESETS


def model_name(config: Config, images: str = "") -> str:
    """Return the name of a model: its kind, its condition, and the main settings that differ from the preset's.

    Configurations that differ in other settings, such as the width, have the same name. The default preset is named only if
    no setting is. `images` replaces the name of the data set, for images that are not the published ones.

    >>> from cvae_core.config.presets import configure
    >>> model_name(configure("quadrant")), model_name(configure("label", beta=4.0, dataset="digits"))
    ('CVAE, 1 quadrant (mlp)', 'CVAE, label, β = 4, digits')
    """
    return _joined(config, config.condition_words, _different(config, images))


def row_name(config: Config) -> str:
    """Return the name of a model in a table of one set of images and pixels whose columns are visible quadrants.

    It is `model_name` without what the table says itself.

    >>> from cvae_core.config.presets import configure
    >>> [row_name(configure("quadrant", **more)) for more in ({"dataset": "digits"}, {"visible": "any"}, {"seed": 1})]
    ['CVAE (mlp)', 'CVAE, any set (mlp)', 'CVAE, seed 1']
    >>> row_name(configure("label+quadrant"))
    'CVAE, label (mlp)'
    """
    return _joined(
        config,
        config.condition_words if config.any_set else beside_pixels(config),
        [words for words in _different(config) if words not in (config.pixels, _likelihood(config), config.dataset)],
    )


def brief_name(config: Config) -> str:
    """Return the kind of a model and what it is given beside pixels, for comparisons of models with equal settings.

    >>> from cvae_core.config.presets import configure
    >>> [brief_name(configure(flavour)) for flavour in ("baseline", "vae", "quadrant", "label+quadrant")]
    ['NN', 'VAE', 'CVAE', 'CVAE, label']
    """
    return ", ".join(filter(None, (config.family.removesuffix(" baseline"), beside_pixels(config))))


def beside_pixels(config: Config) -> str:
    """Name the parts of a condition that can be chosen freely; an empty text if there are none."""
    return " and ".join(config.beside_pixels)


def _joined(config: Config, condition: str, different: Sequence[str]) -> str:
    kind = f"{config.family} ladder" if config.hierarchical else config.family
    implied = config.preset == "ladder" if config.hierarchical else config.preset == DEFAULT_PRESET and different
    return ", ".join(filter(None, (kind, condition, *different))) + ("" if implied else f" ({config.preset})")


def _different(config: Config, images: str = "") -> list[str]:
    """Return words for the settings that differ from those of the preset."""
    objective, preset = config.objective, PRESETS[config.preset].get(config.flavour, config)
    return [
        words
        for words, wanted in {
            "GSNN": objective.gsnn,
            f"hybrid α = {objective.alpha:g}": 0 < objective.alpha < 1,
            f"IWAE of {objective.draws}": objective.draws > 1,
            f"β = {objective.beta:g}": objective.beta != 1,
            f"{config.latents:,} latent{'s' * (config.latents > 1)}": config.units != preset.units,
            config.pixels: config.pixels != preset.pixels,
            _likelihood(config): config.likelihood != config.shape.usual_likelihood,
            images or config.dataset: images or config.dataset != Config.dataset,
            f"seed {config.seed}": config.seed != preset.seed,
        }.items()
        if wanted
    ]


def _likelihood(config: Config) -> str:
    return LIKELIHOOD_FACTS[config.likelihood].words
