"""Validation of a training's files: the columns and values of curves, the arrays of stages."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cvae_core.config.descriptions import Description
from cvae_core.training.validation import STAGE_COLUMNS, STAGE_ROWS

LARGEST, LAST_EPOCH = 1e12, 100_000  # largest nats or seconds in curves, largest number of epochs
CURVES = {"epoch", "split", "bound", "reconstruction", "rate", "seconds", "learning_rate"}
STAGES = {"epoch", "samples", "reconstructions", "test_indices"}


def are_curves(table: pd.DataFrame, epochs: int | None) -> bool:
    """Return whether a table has one possible row per epoch and split, for this number of epochs or, if None, any."""
    if set(table.columns) != CURVES or any(table[name].dtype.kind not in "if" for name in CURVES - {"split"}):
        return False
    count = len(table) // 2 if epochs is None else epochs
    moments = set(zip(table["epoch"], table["split"], strict=True))
    every = {(epoch, split) for epoch in range(1, min(count, len(table)) + 1) for split in ("train", "validation")}
    numbers = table.drop(columns="split").to_numpy(np.float64)
    possible = bool((np.abs(numbers) <= LARGEST).all())  # false for NaN
    return len(table) == 2 * count and moments == every and possible


def are_stages(arrays: Mapping[str, np.ndarray], description: Description) -> bool:
    """Return whether these are pictures of ascending epochs with a row per test image, and indices of these images."""
    if set(arrays) != STAGES:
        return False
    epoch, indices = arrays["epoch"], arrays["test_indices"]
    if epoch.ndim != 1 or epoch.dtype.kind != "f" or not len(epoch):
        return False
    rows, values = min(STAGE_ROWS, description.test), description.shape.values
    pictures = {"samples": (len(epoch), rows, STAGE_COLUMNS, values), "reconstructions": (len(epoch), rows, values)}
    return (
        all(arrays[name].shape == shape and arrays[name].dtype == np.uint8 for name, shape in pictures.items())
        and bool(np.isfinite(epoch).all() and (np.diff(epoch) > 0).all() and 0 <= epoch[0] <= epoch[-1] <= LAST_EPOCH)
        and indices.shape == (rows,)
        and are_test_images(indices, description)
    )


def are_test_images(indices: np.ndarray, description: Description) -> bool:
    """Return whether these are indices of different test images of a data set."""
    return (
        indices.dtype == np.int64
        and indices.ndim == 1
        and len(np.unique(indices)) == len(indices) > 0
        and bool(((indices >= 0) & (indices < description.test)).all())
    )
