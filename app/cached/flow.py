"""What flows through a run's networks for one test image: its inputs, the evaluation's noise, and the values of a ladder."""

import base64
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st
import torch

from app.cached import runs
from app.cached.runs import RunKey
from cvae_core.config.quadrant_names import BRUSH, PROTOCOL
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import Split
from cvae_core.data.intensities import as_bytes
from cvae_core.models.conditional_vae import completed
from cvae_core.models.ladder import Ladder

DRAWS = 16  # of an image's noise that a page offers
EVALUATION_SEED = 0  # of the stored estimates
KEPT = 100


class Given(NamedTuple):
    """A test image and its condition, as the evaluation of a run sees them."""

    x: np.ndarray  # (values,) uint8
    label: int
    attributes: Sequence[float | None]  # None if it is not given
    visible: Sequence[bool] | None  # quadrants or pixels


def given(key: RunKey, index: int) -> Given:
    """Return a test image of a run; the binary pixels and the visible set are those of the evaluation.

    A run for any mask is shown one quadrant, because the figure has buttons for quadrants.
    """
    config, test = runs.config(key), runs.images(key).test
    visible = next(iter(PROTOCOL)) if config.visible_set == BRUSH else None
    x, c = held_out(config, test, torch.tensor([index]), visible)
    values = [] if c.attributes is None else c.attributes[0].tolist()
    return Given(
        x=as_bytes(x)[0],
        label=int(test.labels[index]),
        attributes=[None if math.isnan(value) else value for value in values],
        visible=None if c.visible is None else c.visible[0].tolist(),
    )


def draws(key: RunKey, index: int, count: int = DRAWS) -> torch.Tensor:
    """Return the first base noises of an image that the evaluation uses for draws of z, (count, latent).

    They are those of the posterior, or of the prior for a model without a trained recognition network.
    """
    config = runs.config(key)
    use = "prior" if config.objective.gsnn else "posterior"
    return noise.per_image(torch.tensor([index]), count, config.latents, EVALUATION_SEED, "evaluation", use)[:, 0]


def groups(key: RunKey) -> list[str]:
    """Name the groups of latents of a ladder, from top to bottom."""
    model = runs.model(key)
    assert isinstance(model, Ladder)
    return [f"{number}: {each.latent} maps of {each.side}×{each.side}" for number, each in enumerate(model.groups, 1)]


def through_ladder(key: RunKey, index: int, draw: int, visible: tuple[bool, ...] | None) -> dict[str, object]:
    """Return a ladder's rate for each group, and pixel means and distortion in training and in prediction, for one draw."""
    return _through_ladder(key, index, draw, visible, runs.images(key).test)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _through_ladder(
    key: RunKey, index: int, draw: int, visible: tuple[bool, ...] | None, _test: Split
) -> dict[str, object]:
    model = runs.model(key)
    assert isinstance(model, Ladder)
    shown = None if visible is None else torch.tensor(visible)
    x, c = held_out(model.config, _test, torch.tensor([index]), shown)
    epsilon = draws(key, index, draw + 1)[draw:, None]
    with torch.inference_mode():
        inferred = model.infer(x, c, epsilon)
        ways = {"training": inferred, "prediction": model.draw(c, epsilon)}
        likelihoods = {way: model.likelihood(latents, c) for way, latents in ways.items()}
        sizes = [group.size for group in model.groups]
        return {
            "rates": [float(part.sum()) for part in inferred.rate[0, 0].split(sizes)],
            "guess": encoded(as_bytes(inferred.context[2][:, 0].flatten(1))) if model.seen else None,
            "means": {way: encoded(as_bytes(completed(found, c))) for way, found in likelihoods.items()},
            "distortion": {way: -float(found.log_prob(x)) for way, found in likelihoods.items()},
        }


def encoded(values: np.ndarray) -> str:
    """Return bytes, such as those of an image, in Base64, as components receive them."""
    return base64.b64encode(values.tobytes()).decode()
