"""The settings of a run: frozen configurations, one class per flavour.

A flavour is what a model is given: nothing (`vae`), or some of label, attributes and visible pixels (`quadrant`), joined by
"+". The baseline has no z. A configuration is stored as plain JSON in the card of its run. Two runs with equal configurations
are the same run. The `Doc` texts of the fields are the help of the command line. A class also describes its models to other
modules: their condition, names and objective. No module outside this folder tests for a flavour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any, ClassVar, Literal, get_args

from typing_extensions import Doc

from cvae_core.config.base import DEFAULT_PRESET as DEFAULT_PRESET
from cvae_core.config.base import Config as Config
from cvae_core.config.base import Flavour as Flavour
from cvae_core.config.base import Pixels as Pixels
from cvae_core.config.base import PresetName as PresetName
from cvae_core.config.base import Share
from cvae_core.config.descriptions import Attribute
from cvae_core.config.of_data_set import Given as Given
from cvae_core.config.quadrant_names import BRUSH, SCATTERED, canonical
from cvae_core.errors import ConfigError
from cvae_core.system.type_checks import Between, fills, spoken

Prior = Annotated[
    Literal["standard", "learned"],
    Doc("p(z | c): standard, N(0, I), or learned, a Gaussian for each label or computed from the condition"),
]


@dataclass(frozen=True, kw_only=True)
class VisibleConfig(Config):
    """Configure a model that is conditioned on the pixels of visible quadrants."""

    given: ClassVar[tuple[Given, ...]] = ("pixels",)
    visible: Annotated[
        str, Doc("1, 2, 3, any, brush, or names of quadrants joined by +, for example top-left+bottom-left")
    ] = "1"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "visible", canonical(self.visible))
        if self.visible in SCATTERED:
            raise ConfigError(
                f"Visible cannot be {self.visible!r} in a training: give {BRUSH}, which includes such masks."
            )

    @property
    def visible_set(self) -> str:
        """Return the set of visible pixels."""
        return self.visible


@dataclass(frozen=True, kw_only=True)
class BaselineConfig(VisibleConfig):
    """Configure the deterministic network that predicts the hidden quadrants from the visible quadrants."""

    flavour = "baseline"
    family = "NN baseline"


@dataclass(frozen=True, kw_only=True)
class VAEConfig(Config):
    """Configure a VAE without condition."""

    flavour: ClassVar[Flavour] = "vae"
    family = "VAE"
    latent: Annotated[int, Between(1, 4096), Doc("dimensions of z; in a ladder, feature maps per group")]
    groups: Annotated[
        int, Between(0, 16), Doc("groups of latents at a quarter and at half the side length (a ladder); 0: one flat z")
    ] = 0
    beta: Annotated[float, Between(0.0, 1000.0), Doc("weight of the rate in the bound; 1 gives the ELBO")] = 1.0
    warm_up: Annotated[
        float, Between(0.0, 100_000.0), Doc("epochs over which beta grows from 0, against early posterior collapse")
    ]
    draws: Annotated[
        int, Between(1, 1000), Doc("importance-weighted samples of z per image; 1 gives the ELBO, more give IWAE")
    ] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws > 1 and self.objective.alpha != 1.0:
            raise ConfigError("Draws and alpha select different objectives: leave one of them at 1.")
        for name, needed in _LADDER_NEEDS.items():
            if self.groups and (value := getattr(self, name, needed)) != needed:
                raise ConfigError(f"{spoken(name)} cannot be {value!r} in a ladder: it must be {needed!r}.")

    @property
    def latents(self) -> int:
        """Return the number of latent dimensions."""
        return self.latent * self.groups * (self.coarse**2 + self.fine**2) if self.groups else self.latent

    @property
    def units(self) -> int:
        """Return the number of units of the rate: dimensions of a flat z, or feature maps of a ladder."""
        return 2 * self.latent * self.groups if self.groups else self.latent


@dataclass(frozen=True, kw_only=True)
class ConditionalConfig(VAEConfig):
    """Configure a CVAE: the prior may depend on its condition."""

    family = "CVAE"
    prior: Prior = "standard"


@dataclass(frozen=True, kw_only=True)
class LabelConfig(ConditionalConfig):
    """Configure a CVAE that is conditioned on the one-hot label."""

    flavour = "label"
    given = ("label",)


@dataclass(frozen=True, kw_only=True)
class AttributesConfig(ConditionalConfig):
    """Configure a CVAE that is conditioned on the attributes of its data set, some of which may be missing."""

    flavour = "attributes"
    given = ("attributes",)
    hold_out: Annotated[
        bool, Doc("train without a quarter of the combinations of the first two numbers among the attributes")
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hold_out and sum(not one.categories for one in self.attributes) < 2:
            raise ConfigError(
                "Combinations can be held out if at least two attributes are numbers. Leave out hold-out."
            )


@dataclass(frozen=True, kw_only=True)
class QuadrantConfig(VisibleConfig, ConditionalConfig):
    """Configure a CVAE that completes the hidden pixels from the visible ones."""

    flavour = "quadrant"
    has_baseline = True
    prior: Prior = "learned"
    decoder_sees_condition: Annotated[bool, Doc("the generation network receives the visible pixels as well as z")]
    alpha: Annotated[Share, Doc("weight of the ELBO in the objective; the GSNN has the rest; 0: GSNN, 1: CVAE")] = 1.0


_LADDER_NEEDS = {"residual": True, "prior": "learned", "decoder_sees_condition": True}

_PARTS: tuple[type[ConditionalConfig], ...] = (LabelConfig, AttributesConfig, QuadrantConfig)


def _joined(*parts: type[ConditionalConfig]) -> type[ConditionalConfig]:
    """Return the class of a flavour with several parts of the condition. The settings of the last part take precedence."""
    described_as = {
        "__doc__": f"Configure a CVAE that is conditioned on {' and '.join(part.given[0] for part in parts)}.",
        "__module__": __name__,
        "flavour": "+".join(part.flavour for part in parts),
        "given": tuple(given for part in parts for given in part.given),
    }
    kind = type("".join(part.__name__.removesuffix("Config") for part in parts) + "Config", parts[::-1], described_as)
    return dataclass(frozen=True, kw_only=True)(kind)


_KINDS: tuple[type[Config], ...] = (
    VAEConfig,
    *_PARTS,
    *(_joined(*parts) for count in (2, 3) for parts in combinations(_PARTS, count)),
    BaselineConfig,
)
CLASSES: Mapping[Flavour, type[Config]] = {kind.flavour: kind for kind in _KINDS}

assert set(CLASSES) == set(get_args(Flavour)), "every flavour needs a class, and every class a flavour"


def from_json(card: Mapping[str, Any]) -> Config:
    """Rebuild the configuration that `to_json` wrote; raise ConfigError if another, incompatible version wrote it.

    Settings that an older card lacks take their defaults, which correspond to the behaviour of the older version.
    """
    values = dict(card)
    kind = CLASSES.get(values.pop("flavour", ""))
    if kind is None or not fills(kind, values):
        raise ConfigError("The configuration in the card is not of this version of the lab: train the run again.")
    try:
        values["attributes"] = tuple(Attribute(**one) for one in values.get("attributes", ()))
    except TypeError as error:
        raise ConfigError(
            "The attributes in the card are not of this version of the lab: train the run again."
        ) from error
    return kind(**values)
