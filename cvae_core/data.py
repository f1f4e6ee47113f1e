"""Data sets of 28×28 grey pictures in ten classes, held in memory and split in three.

MNIST, Fashion-MNIST and Kuzushiji-MNIST are read from disk in torchvision's layout; only `download` uses the network.
scikit-learn's handwritten digits lie beside this module, so that the lab runs without either.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from cvae_core import idx, vision
from cvae_core.errors import ConfigError, DataDamaged, DataMissing, NotWritable
from cvae_core.files import user_path
from cvae_core.quadrants import PIXELS, SIDE

LOG = logging.getLogger(__name__)
NAMES = ("mnist", "fashion", "kmnist", "digits")
EMBEDDED = "digits"
DIGITS = Path(__file__).with_name("digits.npz")  # written by benchmarks/digits.py
SPLITS = ("train", "validation", "test")
HELD_OUT = 10_000  # images for validation, the last ones of the 60,000 for training

_CLASS = {"mnist": "MNIST", "fashion": "FashionMNIST", "kmnist": "KMNIST"}  # of torchvision, and its folder
_SHAPES = {
    "train-images-idx3-ubyte": (60_000, SIDE, SIDE),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, SIDE, SIDE),
    "t10k-labels-idx1-ubyte": (10_000,),
}
DOWNLOAD_BYTES = {  # the four .gz files in the order above
    "mnist": 9_912_422 + 28_881 + 1_648_877 + 4_542,
    "fashion": 26_421_880 + 29_515 + 4_422_102 + 5_148,
    "kmnist": 18_165_135 + 29_497 + 3_041_136 + 5_120,
    "digits": 0,
}

Rows = slice | Tensor | Sequence[int]
Result = TypeVar("Result")


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


def folder() -> Path:
    """Return where data sets lie: `$CVAE_DATA`, else `data` in the repository."""
    return user_path("CVAE_DATA", "data")


def on_disk(name: str) -> bool:
    """Tell, without reading them, whether the files of a data set are there; the embedded one always is."""
    try:
        return _known(name) == EMBEDDED or all((_raw(name) / file).is_file() for file in _SHAPES)
    except OSError:  # a folder that may not be looked into
        return False


def load(name: str) -> DataSet:
    """Read a data set from disk, never from the network.

    `DataMissing` and `DataDamaged` name the file or folder and the remedy, `ConfigError` the names that exist.

    >>> len(load("digits").train), load("digits").test.images.dtype
    (1257, torch.uint8)
    """
    if _known(name) == EMBEDDED:
        return _digits()
    files = _each(name, idx.read)
    train, test = (_split(name, files, part) for part in ("train", "t10k"))
    return _data_set(name, train.part(slice(None, -HELD_OUT)), train.part(slice(-HELD_OUT, None)), test)


def training_images(name: str) -> int:
    """Return how many images a data set has for training, whether it is on this machine or not."""
    embedded = _known(name) == EMBEDDED
    return len(_digits().train) if embedded else _SHAPES["train-images-idx3-ubyte"][0] - HELD_OUT


def download(name: str) -> None:
    """Fetch a data set from the internet unless it is there, with progress on stderr.

    `DataMissing` says why nothing whole came, `NotWritable` why it could not be stored, `DataDamaged` which file that
    is already there has to be deleted first.
    """
    if _known(name) == EMBEDDED:
        return
    with suppress(DataMissing):
        _each(name, idx.check)
        return
    try:
        vision.download(_CLASS[name], folder())
    except ConnectionError as error:
        raise DataMissing(
            f"Downloading {name} into {_raw(name)} failed: {error}. Check the internet connection and repeat "
            f"python -m cvae_core download {name}, or use the embedded {EMBEDDED}."
        ) from error
    except OSError as error:
        raise NotWritable(
            f"{name} could not be stored: {error.strerror} ({error.filename or _raw(name)}). Make room there or give "
            f"yourself the right to write, or set CVAE_DATA to another folder."
        ) from error
    _each(name, idx.check)
    LOG.info("%s is downloaded into %s", name, _raw(name))


def downloaded_bytes(name: str) -> int:
    """Count the bytes that a download at work in any process has brought: from 0 to `DOWNLOAD_BYTES[name]`."""
    if on_disk(name):
        return DOWNLOAD_BYTES[name]
    with suppress(OSError):  # torchvision writes straight into the .gz files, without a temporary name
        return min(sum(path.stat().st_size for path in _raw(name).glob("*.gz")), DOWNLOAD_BYTES[name])
    return 0


def _known(name: str) -> str:
    if name not in NAMES:
        raise ConfigError(f"No data set is called {name!r}: choose one of {', '.join(NAMES)}.")
    return name


def _raw(name: str) -> Path:
    return folder() / _CLASS[name] / "raw"


def _damaged(name: str, path: Path, fault: str) -> DataDamaged:
    return DataDamaged(f"{path} {fault}. Delete it and download again: python -m cvae_core download {name}")


def _each(name: str, look: Callable[[Path, tuple[int, ...]], Result]) -> dict[str, Result]:
    """Look at each file of a data set; `DataMissing` and `DataDamaged` say which one cannot be."""
    found, missing = {}, []
    for file, shape in _SHAPES.items():
        path = _raw(name) / file
        try:
            found[file] = look(path, shape)
        except (FileNotFoundError, NotADirectoryError):
            missing.append(file)
        except OSError as error:
            raise _damaged(name, path, f"cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise _damaged(name, path, str(error)) from error
    if missing:
        raise DataMissing(
            f"{name} is not on this machine: no {missing[0]} in {_raw(name)}. Get it with python -m cvae_core download "
            f"{name}, set CVAE_DATA to the folder that holds {_CLASS[name]}/raw, or use the embedded {EMBEDDED}."
        )
    return found


def _split(name: str, files: Mapping[str, Tensor], part: str) -> Split:
    file = f"{part}-labels-idx1-ubyte"
    if (highest := int(files[file].max())) > 9:
        raise _damaged(name, _raw(name) / file, f"holds the label {highest}, but labels go from 0 to 9")
    return Split(files[f"{part}-images-idx3-ubyte"].reshape(-1, PIXELS), files[file].long())


@cache
def _digits() -> DataSet:
    with np.load(DIGITS, allow_pickle=False) as stored:
        images, labels = torch.from_numpy(stored["images"]), torch.from_numpy(stored["labels"])
    whole = Split(images.reshape(-1, PIXELS), labels.long())
    splits = (whole.part(rows) for rows in (slice(1257), slice(1257, 1437), slice(1437, None)))
    return _data_set(EMBEDDED, *splits)


def _data_set(name: str, train: Split, validation: Split, test: Split) -> DataSet:
    return DataSet(name, train, validation, test, _fingerprint(train, validation, test))


def _fingerprint(*splits: Split) -> str:
    digest = hashlib.sha256()
    for name, split in zip(SPLITS, splits, strict=True):
        for part, tensor in (("images", split.images), ("labels", split.labels)):
            digest.update(f"{name} {part} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
