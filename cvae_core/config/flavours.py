"""The settings of a run: frozen configurations, one class per flavour.

A configuration is stored in its run's card as plain JSON, and two runs of equal configuration are the same run. The texts
beside the fields are the command line's help. A class also answers what other modules ask about its models: what they are
given, what they are called, what they are trained by. No module outside this folder tests which flavour it has.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from typing_extensions import Doc

from cvae_core.config.quadrant_names import ANY, abbreviated, canonical, described
from cvae_core.errors import ConfigError
from cvae_core.system.seeds import require_seed
from cvae_core.system.type_checks import Between, fills, require_fitting, spoken

Flavour = Literal["vae", "label", "quadrant", "baseline"]
Given = Literal["label", "pixels"]  # parts of a condition; `cvae_core.data.conditions` makes them
Dataset = Literal["mnist", "fashion", "kmnist", "digits"]
PresetName = Literal["classic", "mlp", "ladder"]
Pixels = Literal["grey", "binarised"]
LabelPrior = Literal["standard", "learned"]
Epochs = Annotated[int, Between(1, 100_000)]
Share = Annotated[float, Between(0.0, 1.0)]
COARSE, FINE = 7, 14  # sides of a ladder's maps


class ObjectiveSettings(NamedTuple):
    """The settings of what a model is trained by; the defaults are the ELBO's."""

    beta: float = 1.0  # weight of the rate
    warm_up: float = 0.0  # epochs in which the weight of the rate grows from 0
    draws: int = 1  # of z per image: more than one is IWAE
    alpha: float = 1.0  # share of the ELBO, the rest is the GSNN's

    @property
    def gsnn(self) -> bool:
        """Return whether this trains a Gaussian stochastic network, whose recognition network learns nothing."""
        return self.alpha == 0

    @property
    def elbo(self) -> bool:
        """Return whether the bound is the ELBO, whatever its β: those of the paper's hybrid and of IWAE are not."""
        return self.alpha == 1 and self.draws == 1


@dataclass(frozen=True, kw_only=True)
class Config:
    """Hold the settings of every flavour and answer what other modules ask about a model.

    Each number has its bounds, which are generous, in its annotation: `__post_init__` checks them.
    """

    flavour: ClassVar[Flavour]
    given: ClassVar[tuple[Given, ...]] = ()  # parts of the condition
    title: ClassVar[str]  # of the model in tables
    family: ClassVar[str]  # of the model on pages
    has_baseline: ClassVar[bool] = False  # inside the model, frozen

    dataset: Annotated[Dataset, Doc("images to learn; digits is embedded and needs no download")] = "mnist"
    preset: Annotated[
        PresetName, Doc("where the other defaults come from: the ancestors' networks, residual MLPs, or a hierarchy")
    ]
    pixels: Annotated[Pixels, Doc("grey intensities as targets, or pixels drawn from them anew at every step")] = "grey"
    residual: Annotated[bool, Doc("residual blocks with LayerNorm and SiLU, or plain ReLU layers")]
    width: Annotated[int, Between(1, 8192), Doc("units of every hidden layer; channels at 14×14 of a ladder")]
    depth: Annotated[
        int, Between(1, 64), Doc("hidden layers of a plain network, blocks of a residual one or of a ladder's encoders")
    ]
    shifts: Annotated[Share, Doc("share of training images that are shifted by up to one pixel")] = 0.0
    epochs: Annotated[Epochs, Doc("passes over the training images, at most")]
    patience: Annotated[
        Epochs | None, Doc("epochs without a better validation bound before stopping; None: never stop")
    ]
    batch_size: Annotated[int, Between(1, 60_000), Doc("images per step")]
    learning_rate: Annotated[
        float, Between(1e-8, 10.0), Doc("AdamW's step size, at its peak under the one-cycle schedule")
    ]
    one_cycle: Annotated[bool, Doc("warm the learning rate up over a tenth of the steps, then cosine to zero")]
    weight_decay: Annotated[float, Between(0.0, 10.0), Doc("AdamW's decoupled weight decay per unit of learning rate")]
    clip: Annotated[
        float, Between(0.0, 1e9), Doc("largest norm of a step's gradient, longer ones are shortened to it; 0: any")
    ] = 0.0
    averaging: Annotated[
        float, Between(0.0, 0.99999), Doc("decay per step of the weight average that is evaluated and kept; 0: none")
    ]
    seed: Annotated[int, Doc("seed of weights, noise and order of images")] = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", require_seed(self.seed))
        require_fitting(self)

    @property
    def reads_images(self) -> bool:
        """Return whether some part of the condition is computed from the image itself: labels alone can be chosen."""
        return not set(self.given) <= {"label"}

    @property
    def given_words(self) -> str:
        """Return in words what is given, such as "label given"; nothing where nothing is."""
        return f"{' and '.join(self.given)} given" if self.given else ""

    def given_of(self, label: int) -> str:
        """Return in words what is given of an image with a label."""
        return f"its {' and '.join(self.given)}" if self.given else "nothing"

    @property
    def summary(self) -> str:
        """Return what pages call a model, with what it is given.

        >>> from cvae_core.config.presets import configure
        >>> [configure(flavour).summary for flavour in ("vae", "label", "quadrant")]
        ['VAE', 'CVAE, label given', 'CVAE, bottom left visible']
        """
        return ", ".join(filter(None, (self.family, self.given_words)))

    @property
    def visible_set(self) -> str | None:
        """Return the set of visible quadrants, None where no pixels are given."""
        return None

    @property
    def any_set(self) -> bool:
        """Return whether the model is trained on all sets of visible quadrants."""
        return self.visible_set == ANY

    @property
    def objective(self) -> ObjectiveSettings:
        """Return what the model is trained by; a setting that its flavour does not have has its default."""
        return ObjectiveSettings(
            **{name: value for name, value in vars(self).items() if name in ObjectiveSettings._fields}
        )

    @property
    def hierarchical(self) -> bool:
        """Return whether z is a hierarchy of maps, a ladder's: its units have several dimensions each."""
        return self.latents > self.units

    @property
    def latents(self) -> int:
        """Return the number of latent dimensions; a baseline has none."""
        return 0

    @property
    def units(self) -> int:
        """Return in how many units the rate is told: dimensions of a flat z, maps of a ladder's."""
        return 0

    @property
    def run_name(self) -> str:
        """Return the name of a run that was given none: what sets it apart from the default configuration."""
        parts: list[str] = [] if self.dataset == "mnist" else [self.dataset]
        parts.append(self.flavour)
        parts += [abbreviated(self.visible_set)] if self.visible_set else []
        parts += [] if self.preset == DEFAULT_PRESET else [self.preset]
        parts += [] if self.pixels == "grey" else [self.pixels]
        return "-".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON that `from_json` turns back into an equal configuration."""
        return {"flavour": self.flavour, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class VisibleConfig(Config):
    """Give a model the pixels of a set of visible quadrants."""

    given = ("pixels",)
    visible: Annotated[str, Doc("1, 2, 3, any, or names joined by +, such as top-left+bottom-left")] = "1"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "visible", canonical(self.visible))

    @property
    def visible_set(self) -> str:
        """Return the set of visible quadrants."""
        return self.visible

    @property
    def given_words(self) -> str:
        """Return which quadrants are visible."""
        return f"{described(self.visible)} visible"

    def given_of(self, label: int) -> str:
        """Return in words what is given of an image."""
        return f"its {described(self.visible)}"


@dataclass(frozen=True, kw_only=True)
class BaselineConfig(VisibleConfig):
    """Configure the deterministic network that guesses the hidden quadrants from the visible ones."""

    flavour = "baseline"
    title, family = "NN (baseline)", "NN baseline"


@dataclass(frozen=True, kw_only=True)
class VAEConfig(Config):
    """Configure a VAE without condition."""

    flavour: ClassVar[Flavour] = "vae"
    title = family = "VAE"
    latent: Annotated[int, Between(1, 4096), Doc("dimensions of z; of a ladder, maps per group")]
    groups: Annotated[
        int, Between(0, 16), Doc("a ladder's groups of latents at 7×7, and as many at 14×14; 0: one flat z")
    ] = 0
    beta: Annotated[float, Between(0.0, 1000.0), Doc("weight of the rate in the bound; 1 is the ELBO")] = 1.0
    warm_up: Annotated[
        float, Between(0.0, 100_000.0), Doc("epochs over which that weight grows from 0, so that no unit dies early")
    ]
    draws: Annotated[
        int, Between(1, 1000), Doc("draws of z per image that the bound weighs by importance; 1 is the ELBO, more IWAE")
    ] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws > 1 and self.objective.alpha != 1.0:
            raise ConfigError("Draws and alpha are two objectives: leave one of them at 1.")
        for name, needed in _LADDER_NEEDS.items():
            if self.groups and (value := getattr(self, name, needed)) != needed:
                raise ConfigError(f"{spoken(name)} cannot be {value!r} in a ladder: it is {needed!r} there.")

    @property
    def latents(self) -> int:
        """Return the number of latent dimensions."""
        return self.latent * self.groups * (COARSE**2 + FINE**2) if self.groups else self.latent

    @property
    def units(self) -> int:
        """Return in how many units the rate is told: dimensions of a flat z, maps of a ladder's."""
        return 2 * self.latent * self.groups if self.groups else self.latent


@dataclass(frozen=True, kw_only=True)
class LabelConfig(VAEConfig):
    """Configure a CVAE that is given the one-hot label."""

    flavour = "label"
    given = ("label",)
    title, family = "label CVAE", "CVAE"
    prior: Annotated[LabelPrior, Doc("N(0, I), or a Gaussian learned per label")] = "standard"

    def given_of(self, label: int) -> str:
        """Return in words what is given of an image with a label."""
        return f"the label {label}"


@dataclass(frozen=True, kw_only=True)
class QuadrantConfig(VisibleConfig, VAEConfig):
    """Configure a CVAE that is given visible quadrants and completes the rest."""

    flavour = "quadrant"
    title = family = "CVAE"
    has_baseline = True
    decoder_sees_condition: Annotated[bool, Doc("generation network sees the visible pixels beside z")]
    alpha: Annotated[Share, Doc("share of the ELBO in the objective, the rest is the GSNN's; 0: GSNN, 1: CVAE")] = 1.0


_LADDER_NEEDS = {"residual": True, "prior": "learned", "decoder_sees_condition": True}

DEFAULT_PRESET: PresetName = "mlp"

_CLASSES = {kind.flavour: kind for kind in (VAEConfig, LabelConfig, QuadrantConfig, BaselineConfig)}


def from_json(card: Mapping[str, Any]) -> Config:
    """Rebuild the configuration that `to_json` wrote; raise ConfigError where it was another version's.

    What an older card does not know of has its default, which is what the lab did before it was there.
    """
    values = dict(card)
    kind = _CLASSES.get(values.pop("flavour", ""))
    if kind is None or not fills(kind, values):
        raise ConfigError("The configuration in the card is not of this version of the lab: train the run anew.")
    return kind(**values)
