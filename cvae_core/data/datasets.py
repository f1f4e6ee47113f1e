"""Data sets of 28×28 grey pictures in ten classes, held in memory and split in three.

MNIST, Fashion-MNIST and Kuzushiji-MNIST are read from disk in torchvision's layout; only `download` uses the network.
scikit-learn's handwritten digits lie beside this module, so that the lab runs without either.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cvae_core.data import download as vision
from cvae_core.data import fingerprints, raw_files
from cvae_core.data.masks import PIXELS
from cvae_core.data.raw_files import CLASS, known, raw
from cvae_core.data.raw_files import EMBEDDED as EMBEDDED  # asked for together with `load`
from cvae_core.data.raw_files import NAMES as NAMES
from cvae_core.data.raw_files import folder as folder
from cvae_core.data.raw_files import on_disk as on_disk
from cvae_core.errors import ConfigError, DataMissing, NotWritable

LOG = logging.getLogger(__name__)
DIGITS = Path(__file__).with_name("digits.npz")  # written by benchmarks/digits.py
SPLITS = ("train", "validation", "test")
DOWNLOAD_BYTES = {  # the four .gz files in the order above
    "mnist": 9_912_422 + 28_881 + 1_648_877 + 4_542,
    "fashion": 26_421_880 + 29_515 + 4_422_102 + 5_148,
    "kmnist": 18_165_135 + 29_497 + 3_041_136 + 5_120,
    "digits": 0,
}

Rows = slice | Tensor | Sequence[int]


@dataclass(frozen=True, eq=False)
class Split:
    """Hold pictures, uint8 (N, 784), row by row from the top, 255 is ink, and their labels, int64 (N,), 0 … 9."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def intensities(self, rows: Rows = slice(None)) -> Tensor:
        """Return the pictures of some rows as float32 (n, 784) in [0, 1]."""
        return self.images[rows].to(torch.float32).div_(255)

    def part(self, rows: Rows) -> "Split":
        """Return some rows as a split of their own."""
        return Split(self.images[rows], self.labels[rows])


@dataclass(frozen=True, eq=False)
class DataSet:
    """Hold the three splits of a data set, and the SHA-256 digest of all that they contain."""

    name: str
    train: Split
    validation: Split
    test: Split
    fingerprint: str

    def split(self, name: str) -> Split:
        """Return "train", "validation" or "test"; any other name is a ConfigError."""
        splits = dict(zip(SPLITS, (self.train, self.validation, self.test), strict=True))
        if name in splits:
            return splits[name]
        raise ConfigError(f"No split is called {name!r}: choose one of {', '.join(SPLITS)}.")


def load(name: str) -> DataSet:
    """Read a data set from disk, never from the network.

    `DataMissing` and `DataDamaged` name the file or folder and the remedy, `ConfigError` the names that exist.

    >>> len(load("digits").train), load("digits").test.images.dtype
    (1257, torch.uint8)
    """
    if known(name) == EMBEDDED:
        return _digits()
    contents = raw_files.read(name)
    splits = (
        Split(
            torch.frombuffer(images, dtype=torch.uint8).reshape(-1, PIXELS),
            torch.frombuffer(labels, dtype=torch.uint8).long(),
        )
        for images, labels in fingerprints.split(contents).values()
    )
    return _data_set(name, *splits)


def download(name: str) -> None:
    """Fetch a data set from the internet unless it is there, with progress on stderr.

    `DataMissing` says why nothing whole came, `NotWritable` why it could not be stored, `DataDamaged` which file that
    is already there has to be deleted first, be it only since it holds other images than the published ones.
    """
    if known(name) == EMBEDDED:
        return
    with suppress(DataMissing):
        fingerprints.require_published(name, fingerprints.look(name).fingerprint)
        return
    try:
        vision.download(CLASS[name], folder())
    except ConnectionError as error:
        raise DataMissing(
            f"Downloading {name} into {raw(name)} failed: {error}. Check the internet connection and repeat "
            f"python -m cvae_core download {name}, or use the embedded {EMBEDDED}."
        ) from error
    except OSError as error:
        raise NotWritable(
            f"{name} could not be stored: {error.strerror} ({error.filename or raw(name)}). Make room there or give "
            f"yourself the right to write, or set CVAE_DATA to another folder."
        ) from error
    fingerprints.require_published(name, fingerprints.look(name).fingerprint)
    LOG.info("%s is downloaded into %s", name, raw(name))


def downloaded_bytes(name: str) -> int:
    """Count the bytes that a download at work in any process has brought: from 0 to `DOWNLOAD_BYTES[name]`."""
    if on_disk(name):
        return DOWNLOAD_BYTES[name]
    with suppress(OSError):  # torchvision writes straight into the .gz files, without a temporary name
        return min(sum(path.stat().st_size for path in raw(name).glob("*-ubyte.gz")), DOWNLOAD_BYTES[name])
    return 0


@cache
def _digits() -> DataSet:
    with np.load(DIGITS, allow_pickle=False) as stored:
        images, labels = torch.from_numpy(stored["images"]), torch.from_numpy(stored["labels"])
    whole = Split(images.reshape(-1, PIXELS), labels.long())
    splits = (whole.part(rows) for rows in (slice(1257), slice(1257, 1437), slice(1437, None)))
    return _data_set(EMBEDDED, *splits)


def _data_set(name: str, train: Split, validation: Split, test: Split) -> DataSet:
    held = {
        split: (part.images.numpy().reshape(-1).data, part.labels.to(torch.uint8).numpy().data)
        for split, part in zip(SPLITS, (train, validation, test), strict=True)
    }
    return DataSet(name, train, validation, test, fingerprints.fingerprint_of(held))
