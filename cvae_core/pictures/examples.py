"""Examples of a data set: the first images of each class."""

import numpy as np

from cvae_core.data.datasets import Split
from cvae_core.pictures.grid import Sheet


def examples(split: Split, classes: int, each: int) -> Sheet:
    """Return the first `each` images of each of `classes` classes, a row per class. Rows with fewer images end with zeros.

    >>> from cvae_core.data import datasets
    >>> examples(datasets.load("digits").train, 10, 3).images.shape
    (10, 3, 784)
    """
    images, labels = split.images.numpy(), split.labels.numpy()
    rows = np.zeros((classes, each, images.shape[1]), np.uint8)
    for label in range(classes):
        found = images[np.flatnonzero(labels == label)[:each]]
        rows[label, : len(found)] = found
    return Sheet(rows)
