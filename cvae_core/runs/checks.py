"""Validation of a training's files: the columns and values of curves, the arrays of stages."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cvae_core.data.conditions import LABELS
from cvae_core.data.masks import PIXELS
from cvae_core.training.validation import STAGE_COLUMNS

LARGEST, LAST_EPOCH = 1e12, 100_000  # largest nats or seconds in curves, largest number of epochs
CURVES = {"epoch", "split", "bound", "reconstruction", "rate", "seconds", "learning_rate"}
STAGES = {"epoch", "samples", "reconstructions", "test_indices"}
_TEST_IMAGES: Mapping[str, int] = {"digits": 360}
_MNIST_TEST_IMAGES = 10_000  # also of Fashion-MNIST and Kuzushiji-MNIST


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


def are_stages(arrays: Mapping[str, np.ndarray], dataset: str) -> bool:
    """Return whether these are pictures of ascending epochs with a row per label, and indices of their test images."""
    if set(arrays) != STAGES:
        return False
    epoch, indices = arrays["epoch"], arrays["test_indices"]
    if epoch.ndim != 1 or epoch.dtype.kind != "f" or not len(epoch):
        return False
    pictures = {"samples": (len(epoch), LABELS, STAGE_COLUMNS, PIXELS), "reconstructions": (len(epoch), LABELS, PIXELS)}
    return (
        all(arrays[name].shape == shape and arrays[name].dtype == np.uint8 for name, shape in pictures.items())
        and bool(np.isfinite(epoch).all() and (np.diff(epoch) > 0).all() and 0 <= epoch[0] <= epoch[-1] <= LAST_EPOCH)
        and indices.shape == (LABELS,)
        and are_test_images(indices, dataset)
    )


def number_of_tests(dataset: str) -> int:
    """Return the number of test images of a data set, which need not be on this machine."""
    return _TEST_IMAGES.get(dataset, _MNIST_TEST_IMAGES)


def are_test_images(indices: np.ndarray, dataset: str) -> bool:
    """Return whether these are indices of different test images of a data set."""
    return (
        indices.dtype == np.int64
        and indices.ndim == 1
        and len(np.unique(indices)) == len(indices) > 0
        and bool(((indices >= 0) & (indices < number_of_tests(dataset))).all())
    )
