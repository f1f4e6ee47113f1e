"""Data sets, loaded into memory and split into training, validation and test.

MNIST, Fashion-MNIST and Kuzushiji-MNIST are read from disk in torchvision's layout. Only `download` uses the network.
scikit-learn's handwritten digits are stored next to this module, so that the lab also runs without downloads. Data sets of
one's own are read by `sealed`.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from torch import Tensor

from cvae_core.config.descriptions import BUILT_IN, Description, Shape
from cvae_core.data import catalogue, fingerprints, ink, raw_files, sealed
from cvae_core.data import download as vision
from cvae_core.data.catalogue import known
from cvae_core.data.raw_files import CLASS, DIGITS, raw
from cvae_core.data.raw_files import EMBEDDED as EMBEDDED  # re-exported for callers of `load`
from cvae_core.data.raw_files import NAMES as NAMES
from cvae_core.data.raw_files import folder as folder
from cvae_core.data.raw_files import on_disk as on_disk
from cvae_core.data.sealed import SPLITS as SPLITS
from cvae_core.errors import ConfigError, DataMissing, NotWritable

LOG = logging.getLogger(__name__)
DOWNLOAD_BYTES = {  # the four .gz files in the order above
    "mnist": 9_912_422 + 28_881 + 1_648_877 + 4_542,
    "fashion": 26_421_880 + 29_515 + 4_422_102 + 5_148,
    "kmnist": 18_165_135 + 29_497 + 3_041_136 + 5_120,
    "digits": 0,
}

Rows = slice | Tensor | Sequence[int]


@dataclass(frozen=True, eq=False)
class Split:
    """Hold images, uint8 (N, values), and labels, int64 (N,). In grey drawings, 255 is ink.

    `stored` holds the attributes, float32 (N, attributes), if the data set brings them with it.
    """

    images: Tensor
    labels: Tensor
    stored: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def intensities(self, rows: Rows = slice(None)) -> Tensor:
        """Return the images of some rows as float32 (n, values) in [0, 1]."""
        return self.images[rows].to(torch.float32).div_(255)

    @cached_property
    def attributes(self) -> Tensor:
        """Return the attributes, float32 (N, attributes); NaN is missing. Those of digits are measured when needed."""
        if self.stored is not None:
            return self.stored
        shape = Shape.of_values(self.images.shape[-1])
        assert shape is not None
        return torch.from_numpy(ink.measured(self.images.numpy(), shape))

    def part(self, rows: Rows) -> "Split":
        """Return some rows as a new split."""
        return Split(self.images[rows], self.labels[rows], None if self.stored is None else self.stored[rows])


@dataclass(frozen=True, eq=False)
class DataSet:
    """Hold the description of a data set, its three splits and the SHA-256 digest of their content."""

    description: Description
    train: Split
    validation: Split
    test: Split
    fingerprint: str

    @property
    def name(self) -> str:
        """Return the name of the data set."""
        return self.description.name

    def split(self, name: str) -> Split:
        """Return the split "train", "validation" or "test"; raise ConfigError for any other name."""
        splits = dict(zip(SPLITS, (self.train, self.validation, self.test), strict=True))
        if name in splits:
            return splits[name]
        raise ConfigError(f"No split is called {name!r}: choose one of {', '.join(SPLITS)}.")


def indices(split: Split, rows: Rows) -> Tensor:
    """Return the indices of some rows of a split; raise ConfigError if there are none or one does not exist."""
    try:
        chosen = torch.arange(len(split))[list(rows) if isinstance(rows, Sequence) else rows].reshape(-1)
    except (IndexError, ValueError, TypeError) as error:
        raise ConfigError(f"Rows cannot be {rows!r}: choose some of 0 to {len(split) - 1}.") from error
    if not len(chosen):
        raise ConfigError("Rows cannot be empty: choose at least one image.")
    return chosen


def load(name: str) -> DataSet:
    """Read a data set from disk, never from the network.

    Raise DataMissing or DataDamaged with the file or folder and the remedy, ConfigError for what cannot be a name.

    >>> len(load("digits").train), load("digits").test.images.dtype
    (1257, torch.uint8)
    """
    catalogue.require_here(name)
    if name == EMBEDDED:
        return _digits()
    if name not in CLASS:
        return _sealed(name)
    contents = raw_files.read(name)
    splits = (
        Split(
            torch.frombuffer(images, dtype=torch.uint8).reshape(len(labels), -1),
            torch.frombuffer(labels, dtype=torch.uint8).long(),
        )
        for images, labels in fingerprints.split(contents).values()
    )
    return _data_set(name, *splits)


def download(name: str) -> None:
    """Download a data set unless it is on disk already, with progress on stderr.

    Raise DataMissing if the download fails, NotWritable if the files cannot be stored, and DataDamaged if an existing
    file must be deleted first because it is damaged or differs from the published images.
    """
    if known(name) not in CLASS:
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
            f"{name} could not be stored: {error.strerror} ({error.filename or raw(name)}). Free disk space or correct "
            f"the permissions of the folder, or set CVAE_DATA to another folder."
        ) from error
    fingerprints.require_published(name, fingerprints.look(name).fingerprint)
    LOG.info("%s has been downloaded into %s", name, raw(name))


def downloaded_bytes(name: str) -> int:
    """Count the bytes that a download, by any process, has stored so far: from 0 to `DOWNLOAD_BYTES[name]`."""
    if on_disk(known(name)):
        return DOWNLOAD_BYTES[name]
    with suppress(OSError):  # torchvision writes straight into the .gz files, without a temporary name
        return min(sum(path.stat().st_size for path in raw(name).glob("*-ubyte.gz")), DOWNLOAD_BYTES[name])
    return 0


@cache
def _digits() -> DataSet:
    with np.load(DIGITS, allow_pickle=False) as stored:
        images, labels = torch.from_numpy(stored["images"]), torch.from_numpy(stored["labels"])
    whole = Split(images.flatten(1), labels.long())
    splits = (whole.part(rows) for rows in (slice(1257), slice(1257, 1437), slice(1437, None)))
    return _data_set(EMBEDDED, *splits)


def _sealed(name: str) -> DataSet:
    stored = sealed.read(name)
    attributes = {split: torch.from_numpy(values) for split, values in stored.attributes.items()}
    train, validation, test = (
        Split(torch.from_numpy(images), torch.from_numpy(labels).long(), attributes.get(split))
        for split, (images, labels) in stored.splits.items()
    )
    return DataSet(stored.description, train, validation, test, stored.fingerprint)


def _data_set(name: str, train: Split, validation: Split, test: Split) -> DataSet:
    held: dict[str, fingerprints.Split] = {
        split: (part.images.numpy().reshape(-1).data, part.labels.to(torch.uint8).numpy().data)
        for split, part in zip(SPLITS, (train, validation, test), strict=True)
    }
    return DataSet(BUILT_IN[name], train, validation, test, fingerprints.fingerprint_of(held))
