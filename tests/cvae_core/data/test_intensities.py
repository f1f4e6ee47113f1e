"""Pixels outside [0, 1] are refused by every function that computes conditions or scores."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Config
from cvae_core.data import noise
from cvae_core.data.conditions import Condition, condition, labelled, quadrants_of
from cvae_core.data.datasets import DataSet
from cvae_core.data.masks import flags
from cvae_core.errors import ConfigError, ImagesRefused
from cvae_core.evaluation.classifier import Classifier, classified
from cvae_core.models.build import build
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.distributions import cross_entropy
from cvae_core.models.likelihoods import Bernoulli
from cvae_core.models.objectives import elbo, from_posterior, hybrid, importance_weighted, prior_monte_carlo

Tiny = Callable[..., Config]
pytestmark = pytest.mark.usefixtures("small_baseline")
ROWS = torch.arange(6)


def as_bytes(x: Tensor) -> Tensor:
    return x * 255


def normalised(x: Tensor) -> Tensor:
    return (x - 0.1307) / 0.3081  # as tutorials on MNIST do


def with_a_hole(x: Tensor) -> Tensor:
    return torch.where(torch.arange(784) == 300, torch.nan, x)


def doubled(x: Tensor) -> Tensor:
    return (x * 1.001).clamp(0, 1.001)


WRONG = {as_bytes: "range from 0 to 255", normalised: r"range from -0\.42421\d* to 2\.8", with_a_hole: "be NaN",
         doubled: r"range from 0 to 1\.001"}  # fmt: skip
SCORES: dict[str, Callable[[ConditionalVAE, Tensor, Condition, Tensor], object]] = {
    "elbo": elbo,
    "importance weighted": importance_weighted,
    "hybrid": lambda *given: hybrid(*given, alpha=0.5),
    "gsnn": lambda *given: hybrid(*given, alpha=0),
    "posterior": from_posterior,
    "prior": prior_monte_carlo,
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "label": ("label", {}),
    "vae": ("vae", {}),
    "quadrant": ("quadrant", {}),
    "baseline": ("baseline", {}),
    "ladder": ("quadrant", {"preset": "ladder", "width": 8, "latent": 1, "groups": 1}),
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("score", SCORES)
def test_no_model_scores_pixels_that_are_no_intensities(
    score: str, kind: str, wrong: Callable[[Tensor], Tensor], tiny: Tiny, digits: DataSet
) -> None:
    flavour, changes = KINDS[kind]
    model = build(tiny(flavour, **changes))
    x = digits.test.intensities(ROWS)
    c = condition(model.config, x, digits.test.labels[ROWS])
    epsilon = noise.normal((2, len(ROWS), model.latent), 1)
    SCORES[score](model, x, c, epsilon)
    with pytest.raises(
        ImagesRefused,
        match=rf"^Intensities cannot {WRONG[wrong]}.*: they must lie between 0 and 1\. Divide bytes by 255, ",
    ):
        SCORES[score](model, wrong(x), c, epsilon)


CONDITIONS: dict[str, Callable[[Tensor], object]] = {
    "one set": lambda x: quadrants_of(x, flags("1")),
    "a set per image": lambda x: quadrants_of(x, flags("3").expand(len(x), 4)),
    "likelihood": lambda x: Bernoulli(torch.zeros(2, len(x), 784), torch.arange(784)).log_prob(x),
    "counted": lambda x: Bernoulli(torch.zeros(len(x), 784), torch.arange(784), x > 0).log_prob(x),
    "cross-entropy": lambda x: cross_entropy(x, torch.tensor(0.5)),
    "binarised": lambda x: noise.binarise(x, 0),
    "classifier": lambda x: classified(Classifier(BUILT_IN["digits"]).eval(), x),
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
@pytest.mark.parametrize("door", CONDITIONS)
def test_nor_is_a_condition_made_of_them(door: str, wrong: Callable[[Tensor], Tensor], digits: DataSet) -> None:
    x = digits.test.intensities(ROWS)
    CONDITIONS[door](x)
    with pytest.raises(ImagesRefused, match=WRONG[wrong]):
        CONDITIONS[door](wrong(x))


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (100,)])
@pytest.mark.parametrize("door", ["condition", "posterior", "ladder", "classifier"])
def test_images_of_another_shape_are_named_with_the_right_one(door: str, shape: tuple[int, ...], tiny: Tiny) -> None:
    x = torch.zeros(3, *shape)
    preset = {"preset": "ladder", "width": 8, "latent": 1, "groups": 1, "prior": "learned"} if door == "ladder" else {}
    model, c = build(tiny("label", **preset)), labelled(torch.arange(3))
    with pytest.raises(
        ImagesRefused, match=r"^Images cannot be torch.float32 of shape \(3, .*: .* of shape \(N, 784\)"
    ):
        match door:
            case "condition":
                quadrants_of(x, flags("1"))
            case "classifier":
                classified(Classifier(BUILT_IN["digits"]).eval(), x)
            case _:
                elbo(model, x, c, torch.zeros(1, 3, model.latent))


def test_bytes_are_no_intensities_even_where_they_are_black_and_white() -> None:
    with pytest.raises(ImagesRefused, match=r"Images cannot be torch\.uint8"):
        quadrants_of(torch.zeros(2, 784, dtype=torch.uint8), flags("1"))


def test_no_image_is_no_mistake() -> None:
    assert len(quadrants_of(torch.zeros(0, 784), flags("1"))) == 0


@pytest.mark.parametrize("label", [10, -1, 2**40])
def test_a_label_that_no_digit_has_is_refused(label: int) -> None:
    with pytest.raises(
        ConfigError,
        match=f"^Labels cannot range from {min(label, 3)} to {max(label, 3)}: they must lie between 0 and 9",
    ):
        labelled(torch.tensor([3, label]))


@pytest.mark.parametrize("flagged", [True, False])
def test_a_model_of_any_set_completes_neither_whole_images_nor_nothing(flagged: bool, tiny: Tiny) -> None:
    model, visible = build(tiny("quadrant", visible="any")), torch.full((4,), flagged)
    with pytest.raises(ConfigError, match="can complete an image only if one to three quadrants are visible"):
        model.draw(quadrants_of(torch.zeros(2, 784), visible), torch.zeros(1, 1, model.latent))


def test_numbers_of_numpy_come_with_the_same_sentence() -> None:
    with pytest.raises(ImagesRefused, match="range from 0 to 255"):
        cross_entropy(torch.from_numpy(np.array([0.0, 255.0])), torch.tensor(0.5))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_images_of_another_precision_are_a_sentence(dtype: torch.dtype) -> None:
    with pytest.raises(ImagesRefused, match=r"they must be float32 .+ Convert them with images\.float\(\)"):
        quadrants_of(torch.zeros(2, 784, dtype=dtype), flags("1"))
