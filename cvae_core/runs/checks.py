"""How a training went, as it lies on disk: which columns curves have and which arrays stages, and which they must not."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cvae_core.data.conditions import LABELS
from cvae_core.data.masks import PIXELS
from cvae_core.training.validation import STAGE_COLUMNS

LARGEST, LAST_EPOCH = (
    1e12,
    100_000,
)  # of the nats or seconds that curves have, and of the epochs that a training may have
CURVES = {"epoch", "split", "bound", "reconstruction", "rate", "seconds", "learning_rate"}
STAGES = {"epoch", "samples", "reconstructions", "test_indices"}
_TEST_IMAGES: Mapping[str, int] = {"digits": 360}
_MNIST_TEST_IMAGES = 10_000  # and those of its kin


def are_curves(table: pd.DataFrame, epochs: int | None) -> bool:
    """Say whether a table has a possible row for each of so many epochs, or of however many, and each split."""
    if set(table.columns) != CURVES or any(table[name].dtype.kind not in "if" for name in CURVES - {"split"}):
        return False
    count = len(table) // 2 if epochs is None else epochs
    moments = set(zip(table["epoch"], table["split"], strict=True))
    every = {(epoch, split) for epoch in range(1, min(count, len(table)) + 1) for split in ("train", "validation")}
    numbers = table.drop(columns="split").to_numpy(np.float64)
    possible = bool((np.abs(numbers) <= LARGEST).all())  # as NaN is not
    return len(table) == 2 * count and moments == every and possible


def are_stages(arrays: Mapping[str, np.ndarray], dataset: str) -> bool:
    """Say whether these are pictures of ascending epochs, a row per label, and of which test images."""
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


def are_test_images(indices: np.ndarray, dataset: str) -> bool:
    """Say whether these are numbers of different test images of a data set."""
    most = _TEST_IMAGES.get(dataset, _MNIST_TEST_IMAGES)
    return (
        indices.dtype == np.int64
        and indices.ndim == 1
        and len(np.unique(indices)) == len(indices) > 0
        and bool(((indices >= 0) & (indices < most)).all())
    )
