"""What decides a run: frozen configurations, one per flavour, and the presets that fill them in.

A configuration travels in its run's card as plain JSON, and two runs of equal configuration are the same run. The
texts beside the fields are the command line's help.
"""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from typing_extensions import Doc

from cvae_core.config.quadrant_names import ANY, canonical
from cvae_core.errors import ConfigError
from cvae_core.system.seeds import require_seed

STAGE_COLUMNS = 8  # samples per row

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Flavour = Literal["vae", "label", "quadrant", "baseline"]
Dataset = Literal["mnist", "fashion", "kmnist", "digits"]
PresetName = Literal["classic", "mlp", "ladder"]
Pixels = Literal["grey", "binarised"]
LabelPrior = Literal["standard", "learned"]
COARSE, FINE = 7, 14  # sides of a ladder's maps


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hold what every flavour needs to know; equal configurations train to equal weights on equal machines."""

    flavour: ClassVar[Flavour]

    dataset: Annotated[Dataset, Doc("images to learn; digits is embedded and needs no download")] = "mnist"
    preset: Annotated[
        PresetName, Doc("where the other defaults come from: the ancestors' networks, residual MLPs, or a hierarchy")
    ]
    pixels: Annotated[Pixels, Doc("grey intensities as targets, or pixels drawn from them anew at every step")] = "grey"
    residual: Annotated[bool, Doc("residual blocks with LayerNorm and SiLU, or plain ReLU layers")]
    width: Annotated[int, Doc("units of every hidden layer; channels at 14×14 of a ladder")]
    depth: Annotated[int, Doc("hidden layers of a plain network, blocks of a residual one or of a ladder's encoders")]
    shifts: Annotated[float, Doc("share of training images that are shifted by up to one pixel")] = 0.0
    epochs: Annotated[int, Doc("passes over the training images, at most")]
    patience: Annotated[int | None, Doc("epochs without a better validation bound before stopping; None: never stop")]
    batch_size: Annotated[int, Doc("images per step")]
    learning_rate: Annotated[float, Doc("AdamW's step size, at its peak under the one-cycle schedule")]
    one_cycle: Annotated[bool, Doc("warm the learning rate up over a tenth of the steps, then cosine to zero")]
    weight_decay: Annotated[float, Doc("AdamW's decoupled weight decay per unit of learning rate")]
    clip: Annotated[float, Doc("largest norm of a step's gradient, longer ones are shortened to it; 0: any")] = 0.0
    averaging: Annotated[float, Doc("decay per step of the weight average that is evaluated and kept; 0: none")]
    seed: Annotated[int, Doc("seed of weights, noise and order of images")] = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            allowed = _CHOICES.get(field.name)
            value = getattr(self, field.name)
            if allowed and value not in allowed:
                raise ConfigError(f"{_said(field.name)} cannot be {value!r}: it is one of {', '.join(allowed)}.")
        for name, kind in _KINDS.items():
            kinds = kind | None if name in _OPTIONAL else kind
            if hasattr(self, name) and not isinstance(value := getattr(self, name), kinds):
                raise ConfigError(f"{_said(name)} cannot be {value!r}: it is {_WORDS[kind]}.")
        for name, low, high in _BOUNDS:
            value = getattr(self, name, None)
            if (value is None and name in _OPTIONAL) or not hasattr(self, name):
                continue
            if (
                isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high
            ):  # NaN fails too
                raise ConfigError(f"{_said(name)} cannot be {value}: it lies between {low} and {high}.")
        object.__setattr__(self, "seed", require_seed(self.seed))

    @property
    def latents(self) -> int:
        """Return the number of latent dimensions; a baseline has none."""
        groups, latent = getattr(self, "groups", 0), getattr(self, "latent", 0)
        return latent * groups * (COARSE**2 + FINE**2) if groups else latent

    @property
    def units(self) -> int:
        """Return in how many units the rate is told: dimensions of a flat z, maps of a ladder's."""
        groups, latent = getattr(self, "groups", 0), getattr(self, "latent", 0)
        return 2 * latent * groups if groups else latent

    @property
    def run_name(self) -> str:
        """Return the name of a run that was given none: what sets it apart from the default configuration."""
        parts: list[str] = [] if self.dataset == "mnist" else [self.dataset]
        parts.append(self.flavour)
        parts += [_short(visible)] if (visible := getattr(self, "visible", None)) else []
        parts += [] if self.preset == DEFAULT_PRESET else [self.preset]
        parts += [] if self.pixels == "grey" else [self.pixels]
        return "-".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON that `from_json` turns back into an equal configuration."""
        return {"flavour": self.flavour, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class BaselineConfig(Config):
    """Configure the deterministic network that guesses the hidden quadrants from the visible ones."""

    flavour: ClassVar[Flavour] = "baseline"
    visible: Annotated[str, Doc("1, 2, 3, any, or names joined by +, such as top-left+bottom-left")] = "1"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "visible", canonical(self.visible))


@dataclass(frozen=True, kw_only=True)
class VAEConfig(Config):
    """Configure a VAE without condition."""

    flavour: ClassVar[Flavour] = "vae"
    latent: Annotated[int, Doc("dimensions of z; of a ladder, maps per group")]
    groups: Annotated[int, Doc("a ladder's groups of latents at 7×7, and as many at 14×14; 0: one flat z")] = 0
    beta: Annotated[float, Doc("weight of the rate in the bound; 1 is the ELBO")] = 1.0
    warm_up: Annotated[float, Doc("epochs over which that weight grows from 0, so that no unit dies early")]
    draws: Annotated[int, Doc("draws of z per image that the bound weighs by importance; 1 is the ELBO, more IWAE")] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws > 1 and getattr(self, "alpha", 1.0) != 1.0:
            raise ConfigError("Draws and alpha are two objectives: leave one of them at 1.")
        for name, needed in _LADDER_NEEDS.items():
            if self.groups and getattr(self, name, needed) != needed:
                raise ConfigError(
                    f"{_said(name)} cannot be {getattr(self, name)!r} in a ladder: it is {needed!r} there."
                )


@dataclass(frozen=True, kw_only=True)
class LabelConfig(VAEConfig):
    """Configure a CVAE that is given the one-hot label."""

    flavour: ClassVar[Flavour] = "label"
    prior: Annotated[LabelPrior, Doc("N(0, I), or a Gaussian learned per label")] = "standard"


@dataclass(frozen=True, kw_only=True)
class QuadrantConfig(VAEConfig):
    """Configure a CVAE that is given visible quadrants and completes the rest."""

    flavour: ClassVar[Flavour] = "quadrant"
    visible: Annotated[str, Doc("1, 2, 3, any, or names joined by +, such as top-left+bottom-left")] = "1"
    decoder_sees_condition: Annotated[bool, Doc("generation network sees the visible pixels beside z")]
    alpha: Annotated[float, Doc("share of the ELBO in the objective, the rest is the GSNN's; 0: GSNN, 1: CVAE")] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "visible", canonical(self.visible))


_CHOICES = {
    "dataset": get_args(Dataset),
    "preset": get_args(PresetName),
    "pixels": get_args(Pixels),
    "prior": get_args(LabelPrior),
}
_LADDER_NEEDS = {"residual": True, "prior": "learned", "decoder_sees_condition": True}
_OPTIONAL = ("patience",)
_WORDS = {int: "a whole number", bool: "True or False", str: "text"}
_KINDS: Mapping[str, type] = {
    **dict.fromkeys(("width", "depth", "latent", "groups", "draws", "epochs", "patience", "batch_size"), int),
    **dict.fromkeys(("residual", "one_cycle", "decoder_sees_condition"), bool),
    "visible": str,
}
_BOUNDS = (  # generous: a laptop's memory and patience end before them
    ("width", 1, 8192),
    ("depth", 1, 64),
    ("latent", 1, 4096),
    ("groups", 0, 16),
    ("shifts", 0.0, 1.0),
    ("epochs", 1, 100_000),
    ("patience", 1, 100_000),
    ("batch_size", 1, 60_000),
    ("learning_rate", 1e-8, 10.0),
    ("weight_decay", 0.0, 10.0),
    ("clip", 0.0, 1e9),
    ("averaging", 0.0, 0.99999),
    ("beta", 0.0, 1000.0),
    ("warm_up", 0.0, 100_000.0),
    ("draws", 1, 1000),
    ("alpha", 0.0, 1.0),
)

DEFAULT_PRESET: PresetName = "mlp"

_CLASSES: Mapping[str, type[Config]] = {
    kind.flavour: kind for kind in (VAEConfig, LabelConfig, QuadrantConfig, BaselineConfig)
}


def from_json(card: Mapping[str, Any]) -> Config:
    """Rebuild the configuration that `to_json` wrote; raise ConfigError where it was another version's.

    What an older card does not know of has its default, which is what the lab did before it was there.
    """
    values = dict(card)
    kind = _CLASSES.get(values.pop("flavour", ""))
    if kind is None or not fills(kind, values):
        raise ConfigError("The configuration in the card is not of this version of the lab: train the run anew.")
    return kind(**values)


def fills(kind: "type[DataclassInstance]", values: Collection[str]) -> bool:
    """Say whether values name all fields of a dataclass that have no default, and nothing that is no field of it."""
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    return needed <= set(values) <= {f.name for f in fields(kind)}


def any_set(config: Config) -> bool:
    """Say whether a configuration trains on all sets of visible quadrants."""
    return getattr(config, "visible", None) == ANY


def warm_up_caution(config: Config) -> str:
    """Say that a training ends before its warm-up does, or nothing where it does not."""
    warm_up = getattr(config, "warm_up", 0.0)
    if warm_up <= config.epochs:
        return ""
    return (
        f"The warm-up of {warm_up:g} epochs is longer than the training of {config.epochs}, which ends before the rate has "
        f"its full weight: give more --epochs, or a --warm-up of {config.epochs} at most."
    )


def guess_is_fixed(config: Config) -> bool:
    """Say whether a training shows its frozen baseline the same pixels in every epoch."""
    return config.flavour == "quadrant" and not (any_set(config) or config.shifts or config.pixels == "binarised")


def is_ladder(config: Config) -> bool:
    """Say whether a configuration's z is a hierarchy of maps."""
    return getattr(config, "groups", 0) > 0


def is_gsnn(config: Config) -> bool:
    """Say whether a configuration trains a Gaussian stochastic network, whose recognition network learns nothing."""
    return getattr(config, "alpha", 1.0) == 0


def trains_by_elbo(config: Config) -> bool:
    """Say whether a configuration's bound is the ELBO, whatever its β: those of the paper's hybrid and of IWAE are not."""
    return getattr(config, "alpha", 1.0) == 1 and getattr(config, "draws", 1) == 1


def _short(visible: str) -> str:
    """Abbreviate a set of quadrants for a run's name: top-left+bottom-right is tl.br."""
    return ".".join(
        "".join(word[0] for word in name.split("-")) if "-" in name else name for name in visible.split("+")
    )


def _said(name: str) -> str:
    return name.replace("_", " ").capitalize()
