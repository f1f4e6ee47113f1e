"""Presets: the settings of each flavour, adapted to the size of the data set."""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, get_args

from cvae_core.config.descriptions import BUILT_IN, LONGEST_NAME, Description
from cvae_core.config.flavours import (
    CLASSES,
    DEFAULT_PRESET,
    BaselineConfig,
    Config,
    Flavour,
    PresetName,
    VAEConfig,
)
from cvae_core.config.of_data_set import FACTS, facts_of
from cvae_core.errors import ConfigError

# Settings of two earlier implementations: constant learning rate, early stopping, no averaging. Pyro's tutorial on Sohn et
# al. (2015) has 500-500 networks, 200 latents and a generation network that receives z only. The label CVAE has one hidden
# layer of 400 units and 20 latents.
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


# Our settings: of those that train in minutes on two cores, they gave the best validation bound.
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


# Convolutions and a hierarchy of latents: about an hour on two cores. Shifts are needed against overfitting. Clipping is
# needed for stability: without it, one step in the thirteenth epoch undid the training before it.
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


BASELINE_BODY: Mapping[str, Any] = {"residual": False, "width": 500, "depth": 2}  # as in the tutorial, small on purpose


# An overfitted baseline gives the prior network better predictions on training images than on other images. Training the
# baseline to its best validation bound cost the three-quadrant model half a nat. It therefore trains for half as many
# epochs with half the learning rate.
_BASELINE: Mapping[str, Any] = {**_RESIDUAL, **BASELINE_BODY, "epochs": 20, "learning_rate": 1e-3, "weight_decay": 0.01}


def _of_each(common: Mapping[str, Any], of_pixels: Mapping[str, Any]) -> dict[Flavour, Config]:
    """Return the configuration of each flavour with z, without settings that it does not have.

    `of_pixels` are further settings of the flavours that are given visible pixels.
    """
    found: dict[Flavour, Config] = {}
    for flavour, kind in CLASSES.items():
        if issubclass(kind, VAEConfig):
            settings = {**common, **(of_pixels if "pixels" in kind.given else {})}
            known = {field.name for field in fields(kind)}
            found[flavour] = kind(**{name: value for name, value in settings.items() if name in known})
    return found


PRESETS: Mapping[PresetName, Mapping[Flavour, Config]] = {
    "classic": {
        **_of_each(
            {**_ANCESTOR, "width": 400, "depth": 1, "latent": 20, "warm_up": 0},
            {"width": 500, "depth": 2, "latent": 200, "decoder_sees_condition": False},
        ),
        "baseline": BaselineConfig(**{**_ANCESTOR, **BASELINE_BODY}),
    },
    "mlp": {
        **_of_each({**_RESIDUAL, "latent": 16, "warm_up": 5}, {"latent": 64, "decoder_sees_condition": True}),
        "baseline": BaselineConfig(**_BASELINE),
    },
    "ladder": _of_each({**_LADDER, "prior": "learned"}, {"decoder_sees_condition": True}),
}


# The presets are chosen for MNIST's 50,000 training images. On a smaller set they give too few steps: 40 epochs of the
# embedded digits in batches of 256 are 200 steps, after which z carries no information yet. If an epoch has fewer than
# STEPS_PER_EPOCH steps, all numbers of epochs are scaled up. A small set also gets small batches. Residual networks overfit
# so few images unless they are narrow and the images are shifted. The classic networks keep their width, and so does the
# baseline, which is part of other models.
STEPS_PER_EPOCH = 75  # at least, for each epoch of the preset: 3,000 for the 40 epochs of mlp
SMALL = 10_000  # a data set with fewer training images is small
SMALL_BATCH, SMALL_WIDTH, SMALL_SHIFTS = 64, 128, 0.5
FEW = 350  # training images, those of a data set of 500: with fewer, the defaults may not give a useful model


def configure(
    flavour: Flavour, preset: PresetName = DEFAULT_PRESET, *, data: Description | None = None, **changes: Any
) -> Config:
    """Return the preset configuration of a flavour, adapted to the data set, with some fields changed. Raises ConfigError.

    `data` describes the data set. By default it is the built-in data set that `dataset` names.

    >>> configure("label", latent=2).latents
    2
    """
    data = data or built_in(changes.get("dataset", Config.dataset))
    config = preset_of(flavour, preset, facts_of(data))
    known = [field.name for field in fields(config) if field.name not in FACTS]
    for key, value in changes.items():
        if key in FACTS:
            raise ConfigError(f"{key!r} cannot be set: it follows from the data set.")
        if key not in known:
            raise ConfigError(f"{key!r} = {value!r} is not a setting of {flavour}: choose from {', '.join(known)}.")
    return replace(config, **changes)


def built_in(name: str) -> Description:
    """Return the description of a built-in data set; raise ConfigError with the existing names."""
    if not isinstance(name, str) or name not in BUILT_IN:
        raise ConfigError(f"No data set is called {str(name)[:LONGEST_NAME]!r}: choose one of {', '.join(BUILT_IN)}.")
    return BUILT_IN[name]


def preset_of(flavour: Flavour, preset: PresetName, facts: Mapping[str, Any] | None = None) -> Config:
    """Return the preset configuration of a flavour, adapted to the facts of a data set (by default MNIST's).

    Raises ConfigError if there is none.

    >>> [preset_of("label", "mlp", facts_of(BUILT_IN[name])).epochs for name in ("mnist", "digits")]
    [40, 150]
    """
    for key, value, names in (("flavour", flavour, get_args(Flavour)), ("preset", preset, get_args(PresetName))):
        if value not in names:
            raise ConfigError(f"{key} cannot be {value!r}: it must be one of {', '.join(names)}.")
    if flavour not in PRESETS[preset]:
        raise ConfigError(f"There is no {preset} preset of a {flavour}: choose another preset.")
    config = replace(PRESETS[preset][flavour], **(facts or {}))
    config = replace(config, likelihood=config.shape.usual_likelihood)
    if config.train_images < SMALL:
        config = replace(config, batch_size=SMALL_BATCH)
        if config.residual:
            config = replace(config, width=min(config.width, SMALL_WIDTH), shifts=SMALL_SHIFTS)
    longer = max(1, STEPS_PER_EPOCH / math.ceil(config.train_images / config.batch_size))
    counted = {name: getattr(config, name, None) for name in ("epochs", "patience", "warm_up")}
    return replace(config, **{name: round(count * longer) for name, count in counted.items() if count})


def usual(config: Config) -> Config:
    """Return the preset configuration from which a configuration was made, for the same data set."""
    return preset_of(config.flavour, config.preset, config.facts)


def baseline_for(config: Config) -> BaselineConfig | None:
    """Return the default baseline for a run's images, pixels and quadrants, or None if the model contains no baseline."""
    if not config.has_baseline:
        return None
    baseline = preset_of("baseline", DEFAULT_PRESET, config.facts)
    assert isinstance(baseline, BaselineConfig) and config.visible_set
    return replace(baseline, pixels=config.pixels, likelihood=config.likelihood, visible=config.visible_set)


def calmer(config: Config) -> Config:
    """Lower the learning rate of a diverged configuration to the preset's rate or, if that is not lower, to a tenth."""
    rate = usual(config).learning_rate
    return replace(config, learning_rate=rate if config.learning_rate > rate else config.learning_rate / 10)


def cautions(config: Config) -> tuple[str, ...]:
    """Return warnings about a training before it starts: sentences, none if there is nothing to say."""
    return tuple(caution for caution in (warm_up_caution(config), few_images_caution(config)) if caution)


def warm_up_caution(config: Config) -> str:
    """Return a warning if the training is shorter than its warm-up, else an empty text."""
    warm_up = config.objective.warm_up
    if warm_up <= config.epochs:
        return ""
    return (
        f"The warm-up of {warm_up:g} epochs is longer than the training of {config.epochs}: the rate never gets its full "
        f"weight. Give more --epochs, or a --warm-up of at most {config.epochs}."
    )


def few_images_caution(config: Config) -> str:
    """Return a sentence that says what to expect if there are very few training images, else an empty text."""
    if config.train_images >= FEW:
        return ""
    return (
        f"The data set {config.dataset} has only {config.train_images} training images: expect samples that resemble them, a "
        "worse bound on new images, and scores that change with the seed. Use 500 images or more for a useful model."
    )
