"""The defaults of a data set of any size: enough steps, and a sentence where there are too few images."""

import math
from typing import Any

import pytest

from cvae_core.config.descriptions import Attribute, Description
from cvae_core.config.flavours import Config, Flavour
from cvae_core.config.presets import (
    FEW,
    PRESETS,
    STEPS_PER_EPOCH,
    baseline_for,
    cautions,
    configure,
    few_images_caution,
    preset_of,
)

PAIRS = [(flavour, preset) for preset, configs in PRESETS.items() for flavour in configs]
every = pytest.mark.parametrize(("flavour", "preset"), PAIRS)


def described(train: int, **others: Any) -> Description:
    usual = {
        "name": "mine",
        "classes": ("a", "b"),
        "attributes": [Attribute(name="size")],
        "validation": 100,
        "test": 100,
    }
    return Description(**{**usual, "train": train, **others})


def steps(config: Config) -> int:
    return config.epochs * math.ceil(config.train_images / config.batch_size)


@every
@pytest.mark.parametrize("train", [350, 500, 1_256, 3_000, 4_801, 7_000, 9_999, 10_000, 14_000, 19_200, 30_000, 90_000])
def test_every_size_has_enough_steps(train: int, flavour: Flavour, preset: Any) -> None:
    config, usual = configure(flavour, preset, data=described(train)), PRESETS[preset][flavour]
    assert config.epochs >= usual.epochs
    assert steps(config) >= usual.epochs * STEPS_PER_EPOCH - steps(config) // config.epochs  # epochs are whole numbers
    warm_up = config.objective.warm_up
    assert warm_up / config.epochs == pytest.approx(usual.objective.warm_up / usual.epochs, abs=0.02)


def test_between_the_sizes_of_digits_and_mnist_only_the_number_of_epochs_grows() -> None:
    config = configure("label", data=described(10_000))
    assert (config.epochs, config.warm_up, config.batch_size, config.width, config.shifts) == (75, 9, 256, 400, 0.0)  # type: ignore[attr-defined]
    assert configure("label", data=described(19_201)).epochs == 40
    baseline = baseline_for(configure("quadrant", data=described(10_000)))
    assert baseline and baseline.epochs == 38


@every
def test_the_built_in_sizes_keep_their_numbers(flavour: Flavour, preset: Any) -> None:
    as_mnist = preset_of(flavour, preset, configure(flavour, preset, data=described(50_000)).facts)
    counted = ("epochs", "patience", "warm_up", "batch_size", "width", "shifts")
    usual = PRESETS[preset][flavour]
    assert [getattr(as_mnist, name, None) for name in counted] == [getattr(usual, name, None) for name in counted]


def test_a_training_on_few_images_says_what_to_expect() -> None:
    few = configure("label", data=described(FEW - 1))
    assert few_images_caution(few).startswith(
        f"The data set mine has only {FEW - 1} training images: expect samples that"
    )
    assert few_images_caution(configure("label", data=described(FEW))) == ""
    assert len(cautions(configure("label", data=described(FEW - 1), epochs=1))) == 2
    assert cautions(configure("label")) == ()
