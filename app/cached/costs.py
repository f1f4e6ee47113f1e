"""Costs in nats per image: means over the first test images, computed once for all visitors."""

from typing import NamedTuple

import streamlit as st
import torch
from torch import Tensor

from app.cached import runs
from app.cached.runs import RunKey
from app.text.plain_text import Markdown
from cvae_core.config.of_data_set import Given
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import Condition, labelled
from cvae_core.evaluation import ablations
from cvae_core.evaluation.savings import Change, changes
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.flat import FlatVAE
from cvae_core.models.objectives import Elbo, elbo

IMAGES = 1000
EXCHANGED_IMAGES, EXCHANGED_DRAWS = 400, 20
KEPT = 400


class Cost(NamedTuple):
    """The terms of a bound in nats per image."""

    distortion: float  # −reconstruction
    rate: float

    @property
    def total(self) -> float:
        """Return −ELBO."""
        return self.distortion + self.rate


@st.cache_data(max_entries=KEPT, show_spinner=False)
def of_all(key: RunKey) -> Cost:
    """Return the mean cost of an image."""
    with torch.inference_mode():
        return _cost(elbo(*_first(key)))


@st.cache_data(max_entries=KEPT, show_spinner=False)
def by_source(key: RunKey) -> list[Cost]:
    """Return the mean cost of an image's hidden pixels, for z from each of `ablations.SOURCES`."""
    model, x, c, epsilon = _first(key)
    assert isinstance(model, FlatVAE)
    return [_cost(terms) for terms in ablations.cost_by_source(model, x, c, epsilon)]


@st.cache_data(max_entries=KEPT, show_spinner=False)
def of_fixing(key: RunKey, unit: int) -> tuple[Cost, Cost]:
    """Return the mean cost of an image with all of z, and with one dimension fixed to its prior mean."""
    whole, less = ablations.cost_of_fixing(*_first(key), unit)
    return _cost(whole), _cost(less)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def of_label(key: RunKey, label: int) -> tuple[Cost, Cost]:
    """Return the mean cost of images of other labels under their own label, and under the given one."""
    model, x, c, epsilon = _first(key)
    assert c.labels is not None
    rows = c.labels != label
    x, own, epsilon = x[rows], c.labels[rows], epsilon[:, rows]
    with torch.inference_mode():
        terms = [
            elbo(model, x, labelled(given, model.config.classes), epsilon)
            for given in (own, torch.full_like(own, label))
        ]
    return _cost(terms[0]), _cost(terms[1])


@st.cache_data(max_entries=KEPT, show_spinner="Giving each image the condition of another …")
def of_exchange(key: RunKey) -> dict[Given, Change]:
    """Return how −log p(x | c) changes if each image is given a part of the condition of another image, by part."""
    return changes(runs.model(key), runs.images(key).test, EXCHANGED_DRAWS, EXCHANGED_IMAGES)


def first_images(key: RunKey) -> Markdown:
    """Return words for the images over which the means are taken."""
    return f"The first {min(IMAGES, len(runs.images(key).test)):,} test images"


def _first(key: RunKey) -> tuple[ConditionalVAE, Tensor, Condition, Tensor]:
    """Return a run's model, the first test images with their conditions, and a draw of base noise for each."""
    model = runs.model(key)
    test = runs.images(key).test
    rows = torch.arange(min(IMAGES, len(test)))
    x, c = held_out(model.config, test, rows)
    return model, x, c, noise.normal((1, len(rows), model.latent), 0, "interventions")


def _cost(terms: Elbo) -> Cost:
    return Cost(-float(terms.reconstruction.mean()), float(terms.rate.mean()))
