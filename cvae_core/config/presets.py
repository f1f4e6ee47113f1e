"""Presets: the settings of every flavour, fitted to the size of a data set."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cvae_core.config.flavours import (
    DEFAULT_PRESET,
    BaselineConfig,
    Config,
    Dataset,
    Flavour,
    LabelConfig,
    PresetName,
    QuadrantConfig,
    VAEConfig,
)
from cvae_core.errors import ConfigError

# The ancestors: a constant learning rate, early stopping, no averaging. Pyro's tutorial on Sohn et al. (2015) has
# 500-500 networks, 200 latents and a generation network that sees z alone; the label ancestor one hidden layer of 400
# units and 20 latents.
_ANCESTOR: Mapping[str, Any] = {
    "preset": "classic",
    "residual": False,
    "epochs": 50,
    "patience": 3,
    "batch_size": 128,
    "learning_rate": 1e-3,
    "one_cycle": False,
    "weight_decay": 0.0,
    "averaging": 0.0,
}


# Ours: what lowered the validation bound most for minutes on two cores.
_RESIDUAL: Mapping[str, Any] = {
    "preset": "mlp",
    "residual": True,
    "width": 400,
    "depth": 2,
    "epochs": 40,
    "patience": None,
    "batch_size": 256,
    "learning_rate": 2e-3,
    "one_cycle": True,
    "weight_decay": 0.05,
    "averaging": 0.998,
}


# Convolutions and a hierarchy of latents: an hour or so on two cores. It learns its training images by heart unless they
# are shifted about, and without clipping one step in the thirteenth epoch undid all those before it.
_LADDER: Mapping[str, Any] = {
    **_RESIDUAL,
    "preset": "ladder",
    "width": 64,
    "latent": 4,
    "groups": 2,
    "epochs": 24,
    "batch_size": 128,
    "learning_rate": 1.5e-3,
    "weight_decay": 0.03,
    "clip": 200.0,
    "averaging": 0.999,
    "shifts": 0.5,
    "warm_up": 3,
}


BASELINE_BODY: Mapping[str, Any] = {"residual": False, "width": 500, "depth": 2}  # the tutorial's, small on purpose


# A baseline that knows its training images by heart gives the prior network guesses that it will not get on others:
# trained until validation was best, it cost the three-quadrant model half a nat. So it trains half as long, as gently.
_BASELINE: Mapping[str, Any] = {**_RESIDUAL, **BASELINE_BODY, "epochs": 20, "learning_rate": 1e-3, "weight_decay": 0.01}


PRESETS: Mapping[PresetName, Mapping[Flavour, Config]] = {
    "classic": {
        "vae": VAEConfig(**_ANCESTOR, width=400, depth=1, latent=20, warm_up=0),
        "label": LabelConfig(**_ANCESTOR, width=400, depth=1, latent=20, warm_up=0),
        "quadrant": QuadrantConfig(
            **_ANCESTOR, width=500, depth=2, latent=200, warm_up=0, decoder_sees_condition=False
        ),
        "baseline": BaselineConfig(**{**_ANCESTOR, **BASELINE_BODY}),
    },
    "mlp": {
        "vae": VAEConfig(**_RESIDUAL, latent=16, warm_up=5),
        "label": LabelConfig(**_RESIDUAL, latent=16, warm_up=5),
        "quadrant": QuadrantConfig(**_RESIDUAL, latent=64, warm_up=5, decoder_sees_condition=True),
        "baseline": BaselineConfig(**_BASELINE),
    },
    "ladder": {
        "vae": VAEConfig(**_LADDER),
        "label": LabelConfig(**_LADDER, prior="learned"),
        "quadrant": QuadrantConfig(**_LADDER, decoder_sees_condition=True),
    },
}


# The presets are made for MNIST's 50,000 training images. A small set lacks steps, not epochs: 40 epochs of the embedded
# digits in batches of 256 are 200 steps, after which z still carries nothing. It gets small batches, and all that the
# presets count in epochs in proportion. Residual networks learn so few images by heart unless they are narrow and the
# images are shifted; the ancestors' networks stay what they are, as does the baseline's, which stands inside other models.
TRAINING_IMAGES: Mapping[Dataset, int] = {"mnist": 50_000, "fashion": 50_000, "kmnist": 50_000, "digits": 1_257}


SMALL = 10_000  # training images: a set of fewer is small


SMALL_BATCH, SMALL_WIDTH, SMALL_SHIFTS = 64, 128, 0.5


STEPS_PER_EPOCH = 75  # that a small set takes for an epoch of a preset: 3,000 for mlp's 40


def configure(flavour: Flavour, preset: PresetName = DEFAULT_PRESET, **changes: Any) -> Config:
    """Return a preset's configuration of a flavour, fitted to the data set, with some fields changed.

    >>> configure("label", latent=2).latents
    2
    """
    return replace(preset_of(flavour, preset, changes.get("dataset", Config.dataset)), **changes)


def preset_of(flavour: Flavour, preset: PresetName, dataset: Dataset = Config.dataset) -> Config:
    """Return a preset's configuration of a flavour, fitted to the size of a data set; raise ConfigError where it has none.

    >>> [preset_of("label", "mlp", dataset).epochs for dataset in ("mnist", "digits")]
    [40, 150]
    """
    if flavour not in PRESETS[preset]:
        raise ConfigError(f"There is no {preset} preset of a {flavour}: choose another preset.")
    config = replace(PRESETS[preset][flavour], dataset=dataset)
    if (images := TRAINING_IMAGES[dataset]) >= SMALL:
        return config
    longer = STEPS_PER_EPOCH / math.ceil(images / SMALL_BATCH)
    counted = {name: getattr(config, name, None) for name in ("epochs", "patience", "warm_up")}
    changes: dict[str, Any] = {name: round(count * longer) for name, count in counted.items() if count}
    if config.residual:
        changes |= {"width": min(config.width, SMALL_WIDTH), "shifts": SMALL_SHIFTS}
    return replace(config, batch_size=SMALL_BATCH, **changes)


def baseline_for(config: Config) -> BaselineConfig | None:
    """Return the default baseline for a run's images, pixels and quadrants, None where its model has no baseline inside."""
    if not config.has_baseline:
        return None
    baseline = configure("baseline", dataset=config.dataset, pixels=config.pixels, visible=config.visible_set)
    assert isinstance(baseline, BaselineConfig)
    return baseline


def calmer(config: Config) -> Config:
    """Return a diverged configuration with a lower learning rate: the preset's, or a tenth where it had no more."""
    usual = preset_of(config.flavour, config.preset, config.dataset).learning_rate
    return replace(config, learning_rate=usual if config.learning_rate > usual else config.learning_rate / 10)


def warm_up_caution(config: Config) -> str:
    """Say that a training ends before its warm-up does, or nothing where it does not."""
    warm_up = config.objective.warm_up
    if warm_up <= config.epochs:
        return ""
    return (
        f"The warm-up of {warm_up:g} epochs is longer than the training of {config.epochs}, which ends before the rate has "
        f"its full weight: give more --epochs, or a --warm-up of {config.epochs} at most."
    )
