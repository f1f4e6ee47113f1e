"""The part of a configuration that the data set determines: its name, and the facts that models and defaults depend on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import Doc
from tyro.conf import Fixed, Suppress

from cvae_core.config.descriptions import (
    BUILT_IN,
    CHANNELS,
    MOST_CLASSES,
    MOST_IMAGES,
    SIDES,
    Attribute,
    Description,
    Shape,
)
from cvae_core.errors import ConfigError
from cvae_core.system.folders import NAME
from cvae_core.system.type_checks import Between

Flavour = Literal[
    "vae",
    "label",
    "attributes",
    "quadrant",
    "label+attributes",
    "label+quadrant",
    "attributes+quadrant",
    "label+attributes+quadrant",
    "baseline",
]
Given = Literal["label", "attributes", "pixels"]  # parts of a condition; `cvae_core.data.conditions` computes them
CHOSEN: Sequence[Given] = ("label", "attributes")  # parts that do not depend on the image
FACTS = ("side", "channels", "classes", "train_images", "attributes")


@dataclass(frozen=True, kw_only=True)
class OfDataSet:
    """Hold the name of a data set and its facts. They are stored, so that a run can be used where its images are missing.

    The facts of a built-in data set follow from its name. No flag sets a fact.
    """

    dataset: Annotated[str, Doc("training images; digits is embedded and needs no download")] = "mnist"
    side: Annotated[int, Between(SIDES[0], SIDES[-1]), Fixed, Suppress] = 28
    channels: Annotated[int, Between(CHANNELS[0], CHANNELS[-1]), Fixed, Suppress] = 1
    classes: Annotated[int, Between(1, MOST_CLASSES), Fixed, Suppress] = 10
    train_images: Annotated[int, Between(1, MOST_IMAGES), Fixed, Suppress] = 50_000
    attributes: Annotated[Sequence[Attribute], Fixed, Suppress] = ()  # if they are a part of the condition
    given: ClassVar[tuple[Given, ...]] = ()  # parts of the condition

    def __post_init__(self) -> None:
        if not isinstance(self.dataset, str) or not NAME.fullmatch(self.dataset):
            raise ConfigError(f"Dataset cannot be {str(self.dataset)[:200]!r}: it must be the name of a data set.")
        if self.dataset in BUILT_IN:
            for name, value in facts_of(BUILT_IN[self.dataset]).items():
                object.__setattr__(self, name, value)
        object.__setattr__(self, "attributes", tuple(self.attributes) if "attributes" in self.given else ())

    @property
    def facts(self) -> dict[str, Any]:
        """Return the name of the data set and its facts, as settings of a configuration."""
        return {name: getattr(self, name) for name in ("dataset", *FACTS)}

    def made_for(self, data: Description) -> bool:
        """Return whether the facts are those of a data set."""
        return all(
            getattr(self, name) == value
            for name, value in facts_of(data).items()
            if name != "attributes" or "attributes" in self.given
        )

    @property
    def shape(self) -> Shape:
        """Return the shape of an image."""
        return Shape(self.channels, self.side)


def facts_of(data: Description) -> dict[str, Any]:
    """Return the name of a data set and its facts, as settings of a configuration."""
    return {
        "dataset": data.name,
        "side": data.side,
        "channels": data.channels,
        "classes": len(data.classes),
        "train_images": data.train,
        "attributes": data.attributes,
    }
