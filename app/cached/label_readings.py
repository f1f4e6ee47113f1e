"""Which label an image could have: estimates of label runs and of runs that are given a label and visible pixels."""

import math

import streamlit as st
import torch

from app.cached import runs, scores
from app.cached.runs import RunKey
from cvae_core.data.datasets import DataSet, Split
from cvae_core.evaluation import label_posterior
from cvae_core.evaluation.label_posterior import CouldBecome, Evidence
from cvae_core.evaluation.sample_quality import Finding, of_part

KEPT = 40


def reader_of(key: RunKey) -> RunKey | None:
    """Return the label run with a run's images, pixels and likelihood, and the best test score; None if there is none."""
    config = runs.config(key)
    wanted = {"dataset": config.dataset, "pixels": config.pixels, "likelihood": config.likelihood, "groups": 0}
    readers = runs.run_keys(given=("label",), **wanted)

    def order(name: str) -> tuple[float, int, str]:
        score = scores.quality(name)
        return score.mean if score else math.inf, len(name), name

    found = min(runs.alike(key, readers), key=order, default=None)
    return None if found is None else readers[found]


def could_become(reader: RunKey, given: int | bytes, visible: str, seed: int) -> CouldBecome:
    """Return p(label | visible) of a test image, or of a drawing of a byte per value, by a label run."""
    return _could_become(reader, given, visible, seed, runs.images(reader))


@st.cache_data(max_entries=KEPT, show_spinner="Estimating …")
def _could_become(reader: RunKey, given: int | bytes, visible: str, seed: int, _images: DataSet) -> CouldBecome:
    image = given if isinstance(given, bytes) else _images.test.intensities(torch.tensor([given]))
    return label_posterior.could_become(runs.model(reader), image, visible, _images.train, seed=seed)


def hidden_by_label(key: RunKey, index: int, visible: str, seed: int) -> Evidence:
    """Return estimates of log p(hidden | visible, label) of a test image for each label."""
    return _hidden_by_label(key, index, visible, seed, runs.images(key).test)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def _hidden_by_label(key: RunKey, index: int, visible: str, seed: int, _test: Split) -> Evidence:
    return label_posterior.hidden_by_label(runs.model(key), _test, index, visible, seed=seed)


def findings_of(reader: RunKey, visible: str) -> list[Finding]:
    """Return the stored accuracy and log loss of a label run that reads the labels of a visible part of test images."""
    return [one for one in scores.judgements().get(reader.name, []) if one.name.startswith(of_part(visible))]
