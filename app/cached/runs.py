"""Runs, models and images, each read once for all visitors."""

import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import streamlit as st

from app.text.plain_text import Markdown, code, plain
from cvae_core.config.descriptions import BUILT_IN, Description
from cvae_core.config.flavours import Config, from_json
from cvae_core.config.model_names import model_name
from cvae_core.data import datasets, fingerprints
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.fingerprints import fingerprint_here
from cvae_core.errors import LabError, RunDamaged, RunNotFound
from cvae_core.evaluation.classifier import Classifier, classifier_path, load_classifier
from cvae_core.evaluation.results import INTERIM, RESULTS, Cell, stored_cells
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.runs import run as runs
from cvae_core.runs import sameness
from cvae_core.runs.card import Card
from cvae_core.runs.sameness import Subject
from cvae_core.training import timing

LOG = logging.getLogger(__name__)
MODELS_KEPT = 12  # about 20 MB each
PACE_KEPT = 600  # seconds: the load of the machine changes
LOOK_EVERY = "4s"  # for new runs and results
# Not the interim results of an evaluation, which change often.
WATCHED = re.compile(rf"(?!\.|{INTERIM}).+\.json|embedding-.+")


@st.cache_resource(show_spinner=False)
def tidy_once() -> None:
    """Remove the leftover files of killed processes, once, at the first visit."""
    runs.tidy(runs.default_root())


class RunKey(NamedTuple):
    """A run and its weights' digest, so that caches never mix results of different weights."""

    name: str
    weights: str


def cards() -> tuple[dict[str, Card], list[RunDamaged]]:
    """Return the cards of all runs with weights, and the errors of damaged runs; read from disk at every call."""
    good, damaged = runs.readable(runs.default_root())
    return {name: card for name, card in good.items() if card.weights is not None}, damaged


def run_keys(**wanted: object) -> dict[str, RunKey]:
    """Return the runs whose configuration has certain values, such as given=("label",), by name."""
    return {
        name: RunKey(name, card.weights.sha256)
        for name, card in cards()[0].items()
        if card.weights
        and runs.run_at(name, runs.default_root()).has_weights(card)
        and all(getattr(card.config, field, None) == value for field, value in wanted.items())
    }


def run_named(name: str) -> runs.Run:
    """Return a run by its name; raise RunNotFound if there is none."""
    return runs.find(name, runs.default_root())


def cells_of(name: str, estimates: str = RESULTS) -> list[Cell]:
    """Return a run's stored estimates; none if they are damaged, which the table's page reports."""
    with suppress(RunDamaged):
        return stored_cells(run_named(name), estimates)
    return []


def any_key(name: str) -> RunKey | None:
    """Return the key of a run that may have no weights yet, or None if the run does not exist."""
    run = runs.run_at(name, runs.default_root())
    if not run.exists():
        return None
    weights = run.card().weights
    return RunKey(name, weights.sha256 if weights else "")


def card(key: RunKey) -> Card:
    """Return a run's card."""
    return run_named(key.name).card()


def label(name: str) -> str:
    """Return the text that shows a run in selectors, charts and alternative texts: its model's name, then its own.

    Text that names no run is returned unchanged.
    """
    return f"{model} · {name}" if (model := model_of(name)) else name


def named(name: str) -> Markdown:
    """Return `label` as Markdown, with the run's own name in small print."""
    return f"{plain(model)} :small[· {plain(name)}]" if (model := model_of(name)) else plain(name)


def model_of(name: str) -> str:
    """Return the name of a run's model, or "" if there is no such run.

    It mentions other images than the published ones, a verdict of trouble, an import, and missing weights.
    """
    with suppress(LabError):  # no run, or a damaged one without a readable card
        run = run_named(name)
        found = run.card()
        images = found.image_set if found.image_set != found.config.dataset else ""
        marks = (
            found.trouble and found.verdict, found.imported and "imported",
            "" if run.has_weights(found) else "no weights",
        )  # fmt: skip
        return ", ".join(filter(None, (model_name(found.config, images), *marks)))
    return ""


def config(key: RunKey) -> Config:
    """Return a run's configuration."""
    return card(key).config


def description(key: RunKey) -> Description:
    """Return the description of a run's data set, which need not be on this machine."""
    return card(key).description


def rates(key: RunKey) -> Sequence[float]:
    """Return the mean rate of each unit of z in nats; zeros while a run is still training."""
    found = card(key)
    return found.rates or [0.0] * found.config.units


@st.cache_resource(max_entries=MODELS_KEPT, show_spinner="Reading the weights …")
def model(key: RunKey) -> ConditionalVAE:
    """Return a run's model; all visitors share it, and no code changes it."""
    run = run_named(key.name)
    if (weights := run.card().weights) is None or weights.sha256 != key.weights:
        raise RunNotFound(f"Run {key.name!r} was retrained in the meantime: reload the page.")
    LOG.info("run %s: its weights are read", key.name)
    return run.model()


def dataset(name: str) -> DataSet:
    """Return a data set from disk, read again when its files have changed; raise DataMissing or DataDamaged."""
    return _dataset(name, fingerprint_here(name))


@st.cache_resource(max_entries=len(datasets.NAMES), show_spinner="Reading the images …")
def _dataset(name: str, fingerprint: str | None) -> DataSet:
    return datasets.load(name)


@st.cache_resource(show_spinner="Reading the classifier …")
def _classifier(dataset: str, images: str, changed: int, _data: Description) -> Classifier:
    return load_classifier(_data, runs.default_root(), images)


def classifier(key: RunKey) -> Classifier | None:
    """Return the classifier of a run's images, read again when it has changed, or None if none is trained.

    Raises ConfigError if it was trained on other images than the run.
    """
    found = card(key)
    path = classifier_path(found.config.dataset, runs.default_root())
    if not path.exists():
        return None
    return _classifier(found.config.dataset, found.data_fingerprint, path.stat().st_mtime_ns, found.description)


def images(key: RunKey) -> DataSet:
    """Return the images that a run was trained on; raise ConfigError if this machine has others, or DataMissing."""
    here = dataset(config(key).dataset)
    run_named(key.name).require_images(here)
    return here


def other_images(key: RunKey) -> Markdown:
    """Return the command line's warning that this machine has other images than a run's, or an empty text."""
    found = card(key)
    here = fingerprint_here(found.config.dataset)
    return plain(sameness.other_images(key.name, found, here)) if here else ""


def lacks_images(key: RunKey) -> Markdown:
    """Return why a run's images are not on this machine and how to get them, or an empty text if they are."""
    name = config(key).dataset
    if datasets.on_disk(name):
        return other_images(key)
    if name in BUILT_IN:
        command = code(f"python -m cvae_core download {name}")
        return f"The {plain(name)} images are not on this machine: download them with {command}."
    data, command = description(key), code(f"python -m cvae_core data add {name} SOURCE")
    return (
        f"The data set {plain(name)} is not on this machine ({plain(data.shape)}, {len(data.classes):,} "
        f"{'class' if len(data.classes) == 1 else 'classes'}): add the same images with {command}, or ask whoever sent the "
        "run for the data set's folder."
    )


def own_images(key: RunKey) -> str:
    """Return the name of the data set of a run if its images may not be public, else an empty text."""
    found = card(key)
    name = found.config.dataset
    return "" if fingerprints.is_public(name, found.data_fingerprint) else name


def test_images(key: RunKey) -> Split | None:
    """Return the test images of what a run was trained on, or None if this machine does not have them."""
    return None if lacks_images(key) else images(key).test


def rerun_when_runs_change() -> None:
    """Rerun the page when a run finishes or new results are stored."""
    seen, looks = _state_of_runs(), count()

    @st.fragment(run_every=LOOK_EVERY)
    def look() -> None:
        if next(looks) and _state_of_runs() != seen:  # the first call is part of the page's own run
            st.rerun()

    look()


def _state_of_runs() -> Sequence[tuple[str, int]]:
    """Return the modification time of each card, result and map of all runs."""
    root = runs.default_root()
    state = []
    for run in runs.all_runs(root):
        for folder in (run.folder, root / runs.CACHE / run.name):
            with suppress(OSError), os.scandir(folder) as entries:  # no such folder, or a file was deleted meanwhile
                state += [(entry.path, entry.stat().st_mtime_ns) for entry in entries if WATCHED.fullmatch(entry.name)]
    return sorted(state)


def epoch_seconds(config: Config) -> float | None:
    """Return the estimated seconds of an epoch on this machine, or None if the images are not here."""
    if not datasets.on_disk(config.dataset):
        return None
    paced = replace(config, epochs=1, patience=None, learning_rate=1e-3, seed=0)  # these do not affect the speed
    return _epoch_seconds(json.dumps(paced.to_json()), paced)


@st.cache_data(max_entries=MODELS_KEPT, ttl=PACE_KEPT, show_spinner="Timing one second of training …")
def _epoch_seconds(settings: str, _config: Config) -> float:
    return timing.epoch_seconds(_config, dataset(_config.dataset))


def alike(key: RunKey, others: Mapping[str, RunKey]) -> dict[str, Sequence[str]]:
    """Return those of some runs that have a run's images, by name, with the settings in which each differs from it."""
    own = sameness.of(card(key))
    apart = {name: sameness.apart(own, sameness.of(card(other))) for name, other in others.items()}
    return {name: settings for name, settings in apart.items() if "images" not in settings}


def differences(configs: Mapping[str, Config]) -> dict[str, dict[str, object]]:
    """Return the settings that differ between runs, with each run's value; a dash if a run does not have the setting."""
    every = {name: config.to_json() for name, config in configs.items()}
    settings = dict.fromkeys(setting for values in every.values() for setting in values)
    by_setting = {setting: {name: values.get(setting, "–") for name, values in every.items()} for setting in settings}
    return {setting: values for setting, values in by_setting.items() if len(set(map(repr, values.values()))) > 1}


def by_beta() -> dict[float, RunKey]:
    """Return finished label runs that differ only in β, by β: the family with most values of β, preferably on MNIST."""
    families: dict[Subject, dict[float, RunKey]] = {}
    for key in sorted(run_keys(given=("label",)).values(), key=lambda key: (len(key.name), key.name)):
        found = card(key)
        if found.status == "finished" and not found.imported:
            family = Subject(from_json({**found.config.to_json(), "beta": 1.0}), found.data_fingerprint)
            families.setdefault(family, {}).setdefault(found.config.objective.beta, key)
    chosen = max(families, key=lambda each: (len(families[each]), each.config.dataset == "mnist"), default=None)
    return {} if chosen is None else dict(sorted(families[chosen].items()))


def rate_and_distortion(key: RunKey) -> tuple[float, float]:
    """Return rate and distortion (−reconstruction) in nats per validation image."""
    metrics = card(key).metrics
    return metrics["rate"], -metrics["reconstruction"]
