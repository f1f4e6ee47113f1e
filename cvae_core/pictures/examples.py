"""Examples of a data set: the first images of each class."""

import numpy as np

from cvae_core.data.datasets import Split
from cvae_core.pictures.grid import Sheet, ragged


def examples(split: Split, classes: int, each: int) -> Sheet:
    """Return the first `each` images of each of `classes` classes, a row per class. Rows with fewer images end blank.

    >>> from cvae_core.data import datasets
    >>> examples(datasets.load("digits").train, 10, 3).images.shape
    (10, 3, 784)
    """
    images, labels = split.images.numpy(), split.labels.numpy()
    return ragged([list(images[np.flatnonzero(labels == label)[:each]]) for label in range(classes)], each)
