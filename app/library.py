"""Runs, models and images, each read once for all visitors."""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from cvae_core import data, runs
from cvae_core.config import BaselineConfig, Config, LabelConfig, QuadrantConfig
from cvae_core.data import DataSet
from cvae_core.errors import RunDamaged, RunNotFound
from cvae_core.models import ConditionalVAE
from cvae_core.quadrants import described
from cvae_core.runs import Card

MODELS_KEPT = 12  # about 20 MB each


class RunKey(NamedTuple):
    """A run with certain weights: what is computed for one is not shown for others."""

    name: str
    weights: str


def cards() -> tuple[dict[str, Card], list[RunDamaged]]:
    """Return the cards of all runs with weights, and what is wrong with damaged ones; read anew at every call."""
    good, damaged = runs.readable(runs.default_root())
    return {name: card for name, card in good.items() if card.weights is not None}, damaged


def run_keys(**wanted: object) -> dict[str, RunKey]:
    """Return the runs whose configuration has certain values, such as flavour="label", by name."""
    return {
        name: RunKey(name, card.weights.sha256)
        for name, card in cards()[0].items()
        if card.weights and all(getattr(card.config, field, None) == value for field, value in wanted.items())
    }


def card(key: RunKey) -> Card:
    """Return a run's card."""
    return runs.find(key.name, runs.default_root()).card()


def config(key: RunKey) -> Config:
    """Return a run's configuration."""
    return card(key).config


def rates(key: RunKey) -> Sequence[float]:
    """Return the mean rate of each latent dimension in nats; zeros while a run is still training."""
    found = card(key)
    return found.rates or [0.0] * found.config.latents


@st.cache_resource(max_entries=MODELS_KEPT, show_spinner="Reading the weights …")
def model(key: RunKey) -> ConditionalVAE:
    """Return a run's model; it is shared by all visitors and never changed."""
    run = runs.find(key.name, runs.default_root())
    if (weights := run.card().weights) is None or weights.sha256 != key.weights:
        raise RunNotFound(f"Run {key.name!r} has been trained anew meanwhile: reload the page.")
    return run.model()


@st.cache_resource(show_spinner="Reading the images …")
def dataset(name: str) -> DataSet:
    """Return a data set from disk; raise DataMissing or DataDamaged where it cannot be had."""
    return data.load(name)


def available(name: str) -> bool:
    """Say whether a data set is on this machine and whole."""
    return data.on_disk(name)


def kind(config: Config) -> str:
    """Say in words what a run models."""
    match config:
        case QuadrantConfig():
            return f"CVAE, {described(config.visible)} visible"
        case BaselineConfig():
            return f"NN baseline, {described(config.visible)} visible"
        case LabelConfig():
            return "CVAE, label given"
    return "VAE"
