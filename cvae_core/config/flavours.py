"""The settings of a run: frozen configurations, one class per flavour.

A configuration is stored as plain JSON in the card of its run. Two runs with equal configurations are the same run. The
`Doc` texts of the fields are the help of the command line. A class also describes its models to other modules: their
condition, names and objective. No module outside this folder tests for a flavour.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from typing_extensions import Doc

from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.objective_settings import ObjectiveSettings
from cvae_core.config.of_data_set import OfDataSet
from cvae_core.config.quadrant_names import ANY, abbreviated, canonical, counted, described
from cvae_core.errors import ConfigError
from cvae_core.system.seeds import require_seed
from cvae_core.system.type_checks import Between, fills, require_fitting, spoken

Flavour = Literal["vae", "label", "quadrant", "baseline"]
Given = Literal["label", "pixels"]  # parts of a condition; `cvae_core.data.conditions` computes them
PresetName = Literal["classic", "mlp", "ladder"]
Pixels = Literal["grey", "binarised"]
LabelPrior = Literal["standard", "learned"]
Epochs = Annotated[int, Between(1, 100_000)]
Share = Annotated[float, Between(0.0, 1.0)]


@dataclass(frozen=True, kw_only=True)
class Config(OfDataSet):
    """Hold the settings that all flavours share, and describe the model to other modules.

    The annotation of each number contains its bounds, which are generous. `__post_init__` checks them.
    """

    flavour: ClassVar[Flavour]
    given: ClassVar[tuple[Given, ...]] = ()  # parts of the condition
    family: ClassVar[str]  # name of the model on pages
    has_baseline: ClassVar[bool] = False  # whether the model contains a frozen baseline

    preset: Annotated[
        PresetName, Doc("source of the other defaults: earlier implementations, residual MLPs, or a ladder")
    ]
    pixels: Annotated[Pixels, Doc("grey intensities as targets, or binary pixels sampled at every step")] = "grey"
    likelihood: Annotated[
        LikelihoodName, Doc("distribution of the pixel values; by default bernoulli for grey images")
    ] = "bernoulli"
    residual: Annotated[bool, Doc("residual blocks with LayerNorm and SiLU, or plain ReLU layers")]
    width: Annotated[
        int, Between(1, 8192), Doc("units of each hidden layer; in a ladder, channels at half the side length")
    ]
    depth: Annotated[
        int, Between(1, 64), Doc("hidden layers, or blocks of a residual network or of a ladder's encoders")
    ]
    shifts: Annotated[Share, Doc("fraction of training images to shift by up to one pixel")] = 0.0
    epochs: Annotated[Epochs, Doc("maximum number of passes over the training images")]
    patience: Annotated[
        Epochs | None, Doc("epochs without a better validation bound before early stopping; None: never")
    ]
    batch_size: Annotated[int, Between(1, 60_000), Doc("images per step")]
    learning_rate: Annotated[
        float, Between(1e-8, 10.0), Doc("learning rate of AdamW; with the one-cycle schedule, its maximum")
    ]
    one_cycle: Annotated[bool, Doc("learning rate: warm-up over a tenth of the steps, then cosine decay to zero")]
    weight_decay: Annotated[float, Between(0.0, 10.0), Doc("AdamW's decoupled weight decay per unit of learning rate")]
    clip: Annotated[
        float, Between(0.0, 1e9), Doc("maximum gradient norm; larger gradients are scaled down to it; 0: no clipping")
    ] = 0.0
    averaging: Annotated[
        float,
        Between(0.0, 0.99999),
        Doc("decay per step of the averaged weights (evaluated and saved); 0: no averaging"),
    ]
    seed: Annotated[int, Doc("seed of the weights, the noise and the order of images")] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "seed", require_seed(self.seed))
        require_fitting(self)
        if self.pixels == "binarised" and (self.channels, self.likelihood) != (1, "bernoulli"):
            raise ConfigError("Binarised pixels need grey images and the likelihood bernoulli.")
        if "label" in self.given and self.classes < 2:
            raise ConfigError(
                f"The data set {self.dataset} has one class: there is no label to condition on. Train vae or quadrant."
            )

    @property
    def reads_images(self) -> bool:
        """Return whether a part of the condition is computed from the image. Only labels can be chosen freely."""
        return not set(self.given) <= {"label"}

    @property
    def given_words(self) -> str:
        """Describe the condition, for example "label given". The text is empty for a model without condition."""
        return f"{' and '.join(self.given)} given" if self.given else ""

    def given_of(self, label: int | str) -> str:
        """Describe the condition of one image that has the given label, as its number or the name of its class."""
        return f"its {' and '.join(self.given)}" if self.given else "nothing"

    @property
    def condition_words(self) -> str:
        """Name the condition in a model's name, for example "label". The text is empty for a model without condition."""
        return " and ".join(self.given)

    @property
    def visible_set(self) -> str | None:
        """Return the set of visible quadrants, or None if the condition contains no pixels."""
        return None

    @property
    def any_set(self) -> bool:
        """Return whether the model is trained on all sets of visible quadrants."""
        return self.visible_set == ANY

    @property
    def objective(self) -> ObjectiveSettings:
        """Return the settings of the objective. Settings that the flavour does not have take their defaults."""
        return ObjectiveSettings(
            **{name: value for name, value in vars(self).items() if name in ObjectiveSettings._fields}
        )

    @property
    def hierarchical(self) -> bool:
        """Return whether z is a hierarchy of feature maps (a ladder). Each of its units has several dimensions."""
        return self.latents > self.units

    @property
    def prior_kind(self) -> str:
        """Return the kind of the prior: "standard", N(0, I); "learned" for each label; "network", of the condition."""
        return "network" if self.reads_images or self.hierarchical else vars(self).get("prior", "standard")

    @property
    def decoder_reads_condition(self) -> bool:
        """Return whether the generation network receives the condition as well as z."""
        return bool(vars(self).get("decoder_sees_condition", self.given))

    @property
    def coarse(self) -> int:
        """Return the side length of a ladder's coarse feature maps."""
        return self.side // 4

    @property
    def fine(self) -> int:
        """Return the side length of a ladder's fine feature maps."""
        return self.side // 2

    @property
    def latents(self) -> int:
        """Return the number of latent dimensions, 0 for a baseline."""
        return 0

    @property
    def units(self) -> int:
        """Return the number of units of the rate: dimensions of a flat z, or feature maps of a ladder."""
        return 0

    @property
    def run_name(self) -> str:
        """Return the default name of the run, made of the settings that differ from the default configuration."""
        parts: list[str] = [] if self.dataset == "mnist" else [self.dataset]
        parts.append(self.flavour)
        parts += [abbreviated(self.visible_set)] if self.visible_set else []
        parts += [] if self.preset == DEFAULT_PRESET else [self.preset]
        parts += [] if self.pixels == "grey" else [self.pixels]
        parts += [] if self.likelihood == self.shape.usual_likelihood else [self.likelihood]
        return "-".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON from which `from_json` rebuilds an equal configuration."""
        return {"flavour": self.flavour, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class VisibleConfig(Config):
    """Configure a model that is conditioned on the pixels of visible quadrants."""

    given = ("pixels",)
    visible: Annotated[str, Doc("1, 2, 3, any, or names joined by +, for example top-left+bottom-left")] = "1"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "visible", canonical(self.visible))

    @property
    def visible_set(self) -> str:
        """Return the set of visible quadrants."""
        return self.visible

    @property
    def given_words(self) -> str:
        """Name the visible quadrants, for example "bottom left visible"."""
        return f"{described(self.visible)} visible"

    @property
    def condition_words(self) -> str:
        """Name the number of visible quadrants, or the quadrants of a set that is not in the protocol."""
        return counted(self.visible)

    def given_of(self, label: int | str) -> str:
        """Name the visible quadrants of one image."""
        return f"its {described(self.visible)}"


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
class LabelConfig(VAEConfig):
    """Configure a CVAE that is conditioned on the one-hot label."""

    flavour = "label"
    given = ("label",)
    family = "CVAE"
    prior: Annotated[LabelPrior, Doc("N(0, I), or a Gaussian learned per label")] = "standard"

    def given_of(self, label: int | str) -> str:
        """Describe the condition of one image that has the given label, as its number or the name of its class."""
        return f"the label {label}"


@dataclass(frozen=True, kw_only=True)
class QuadrantConfig(VisibleConfig, VAEConfig):
    """Configure a CVAE that completes the hidden quadrants from the visible quadrants."""

    flavour = "quadrant"
    family = "CVAE"
    has_baseline = True
    decoder_sees_condition: Annotated[bool, Doc("the generation network receives the visible pixels as well as z")]
    alpha: Annotated[Share, Doc("weight of the ELBO in the objective; the GSNN has the rest; 0: GSNN, 1: CVAE")] = 1.0


_LADDER_NEEDS = {"residual": True, "prior": "learned", "decoder_sees_condition": True}

DEFAULT_PRESET: PresetName = "mlp"

_CLASSES = {kind.flavour: kind for kind in (VAEConfig, LabelConfig, QuadrantConfig, BaselineConfig)}

assert set(_CLASSES) == set(get_args(Flavour)), "every flavour needs a class, and every class a flavour"


def from_json(card: Mapping[str, Any]) -> Config:
    """Rebuild the configuration that `to_json` wrote; raise ConfigError if another, incompatible version wrote it.

    Settings that an older card lacks take their defaults, which correspond to the behaviour of the older version.
    """
    values = dict(card)
    kind = _CLASSES.get(values.pop("flavour", ""))
    if kind is None or not fills(kind, values):
        raise ConfigError("The configuration in the card is not of this version of the lab: train the run again.")
    return kind(**values)
