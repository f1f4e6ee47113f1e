"""Tiny data sets of one's own, made in a test."""

from typing import Any

import numpy as np
import pandas as pd

from cvae_core.config.descriptions import Attribute, Description
from cvae_core.config.reports import ClassCount, Decision, Duplicates, LeftOut, Report
from cvae_core.data.sealed import SPLITS, Sealed
from cvae_core.runs.run import Run
from cvae_core.training.validation import STAGE_COLUMNS, STAGE_ROWS

WORDS = ("Öl", "a/b", "zwei Wörter")
COUNTS = {"train": 12, "validation": 6, "test": 6}


def description(name: str = "mine", **changes: Any) -> Description:
    return Description(**{"name": name, "side": 16, "classes": WORDS, **COUNTS, **changes})


def report(data: Description) -> Report:
    return Report(
        kind="folder",
        found=25,
        read=24,
        sizes={"20×20": 24},
        formats={"PNG": 24},
        changed={"resized": 24},
        classes=tuple(ClassCount(name=name, train=4, validation=2, test=2) for name in data.classes),
        duplicates=Duplicates(within=1),
        decisions=(Decision(flag="--size", value="16", reason="the median side is 20"),),
        cautions=("There are few images.",),
        left_out=(LeftOut(file="Öl/broken.png", reason="cannot be read"),),
        left_out_count=1,
    )


def sealed(data: Description | None = None, *, seed: int = 0, **changes: Any) -> Sealed:
    """Return random images and labels that fit a description."""
    data, random = data or description(), np.random.default_rng(seed)
    counts = {"train": data.train, "validation": data.validation, "test": data.test}
    splits = {
        split: (
            random.integers(0, 256, (counts[split], data.shape.values), np.uint8),
            np.arange(counts[split]) % len(data.classes),
        )
        for split in SPLITS
    }
    attributes = {
        split: np.array([[_value(one, row) for one in data.attributes] for row in range(counts[split])], np.float32)
        for split in (SPLITS if data.attributes else ())
    }
    parts = {"splits": splits, "report": report(data), "source": "Bilder.zip", "attributes": attributes}
    return Sealed(**{"description": data, "flags": {"size": "16"}, **parts, **changes})


def trained(run: Run) -> np.ndarray:
    """Give a run of one epoch curves, and two stages of noise, which cannot be compressed; return the samples."""
    data = run.card().description
    ends = {"epoch": [1, 1], "split": ["train", "validation"], "seconds": [1.0, 1.0], "learning_rate": [0.1, 0.1]}
    run.write_curves(pd.DataFrame({**ends, **{name: [1.0, 1.0] for name in ("bound", "reconstruction", "rate")}}))
    rows = min(STAGE_ROWS, data.test)
    samples = np.random.default_rng(0).integers(0, 256, (2, rows, STAGE_COLUMNS, data.shape.values), np.uint8)
    pictures = {"samples": samples, "reconstructions": samples[:, :, 0]}
    run.write_stages(epoch=np.array([0.0, 1.0]), **pictures, test_indices=np.arange(rows))
    return samples


def _value(attribute: Attribute, row: int) -> float:
    return row % len(attribute.categories) if attribute.categories else row / 7
