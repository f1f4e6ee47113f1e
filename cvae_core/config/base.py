"""The settings that all flavours share, and what a configuration says about its models to other modules."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import Doc

from cvae_core.config.descriptions import LikelihoodName
from cvae_core.config.objective_settings import ObjectiveSettings
from cvae_core.config.of_data_set import CHOSEN, Given, OfDataSet
from cvae_core.config.of_data_set import Flavour as Flavour
from cvae_core.config.quadrant_names import ANY, BRUSH, NAMES, abbreviated, counted, described
from cvae_core.errors import ConfigError
from cvae_core.system.seeds import require_seed
from cvae_core.system.type_checks import Between, require_fitting

PresetName = Literal["classic", "mlp", "ladder"]
Pixels = Literal["grey", "binarised"]
Epochs = Annotated[int, Between(1, 100_000)]
Share = Annotated[float, Between(0.0, 1.0)]
DEFAULT_PRESET: PresetName = "mlp"


@dataclass(frozen=True, kw_only=True)
class Config(OfDataSet):
    """Hold the settings that all flavours share, and describe the model to other modules.

    The annotation of each number contains its bounds, which are generous. `__post_init__` checks them.
    """

    flavour: ClassVar[Flavour]
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
        if "attributes" in self.given and not self.attributes:
            raise ConfigError(f"The data set {self.dataset} has no attributes to condition on. Train vae or quadrant.")

    @property
    def reads_images(self) -> bool:
        """Return whether a part of the condition is computed from the image. Labels and attributes can be chosen freely."""
        return not set(self.given) <= set(CHOSEN)

    @property
    def beside_pixels(self) -> tuple[Given, ...]:
        """Return the parts of the condition except visible pixels: label and attributes, which can be chosen freely."""
        return tuple(part for part in self.given if part != "pixels")

    @property
    def given_words(self) -> str:
        """Describe the condition, for example "label given, left half visible". It is empty for a model without condition."""
        chosen = f"{' and '.join(self.beside_pixels)} given" if self.beside_pixels else ""
        return ", ".join(filter(None, (chosen, f"{described(self.visible_set)} visible" if self.visible_set else "")))

    def given_of(self, label: int | str) -> str:
        """Describe the condition of one image that has the given label, as its number or the name of its class."""
        parts = [f"the label {label}" if part == "label" else f"its {part}" for part in self.beside_pixels]
        parts += [f"its {described(self.visible_set)}"] if self.visible_set else []
        return " and ".join(parts) or "nothing"

    @property
    def condition_words(self) -> str:
        """Name the condition in a model's name, for example "label". The text is empty for a model without condition.

        Visible pixels are named by their number of quadrants, or by the quadrants of a set that is not in the protocol.
        """
        return " and ".join([*self.beside_pixels, *([counted(self.visible_set)] if self.visible_set else [])])

    @property
    def visible_set(self) -> str | None:
        """Return the set of visible pixels, or None if the condition contains no pixels."""
        return None

    @property
    def any_set(self) -> bool:
        """Return whether the visible pixels can be chosen: the model is trained on many sets of quadrants, or many masks."""
        return self.visible_set in (ANY, BRUSH)

    @property
    def regions(self) -> int:
        """Return the number of regions of an image that are either visible or hidden: its quadrants, or its pixels."""
        return self.shape.pixels if self.visible_set == BRUSH else len(NAMES)

    @property
    def holds_out(self) -> bool:
        """Return whether combinations of attributes are left out of the training."""
        return bool(vars(self).get("hold_out", False))

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
        kind: str = "network" if self.hierarchical else vars(self).get("prior", "standard")
        return "network" if kind == "learned" and self.given != ("label",) else kind

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
        parts.append(self.flavour.replace("+", "-"))
        parts += [abbreviated(self.visible_set)] if self.visible_set else []
        parts += [] if self.preset == DEFAULT_PRESET else [self.preset]
        parts += [] if self.pixels == "grey" else [self.pixels]
        parts += [] if self.likelihood == self.shape.usual_likelihood else [self.likelihood]
        return "-".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON from which `from_json` rebuilds an equal configuration."""
        values: dict[str, Any] = json.loads(json.dumps({"flavour": self.flavour, **asdict(self)}))  # lists for tuples
        return values if self.attributes else {name: value for name, value in values.items() if name != "attributes"}
