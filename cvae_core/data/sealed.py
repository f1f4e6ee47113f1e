"""Store and read data sets of one's own: a folder with a header and a file of images, each with its SHA-256. No torch.

A folder is written under a temporary name and then renamed. After a crash or a kill, there is no part of a data set.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from cvae_core.config.descriptions import BUILT_IN, LONGEST_NAME, MOST_CLASSES, SCALES, Attribute, Description
from cvae_core.config.reports import Report
from cvae_core.data import catalogue, fingerprints
from cvae_core.data.catalogue import HEADER, Header
from cvae_core.errors import ConfigError, NotWritable, RunDamaged
from cvae_core.system import files
from cvae_core.system.arrays import read_arrays, write_arrays
from cvae_core.system.type_checks import fits

LOG = logging.getLogger(__name__)
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MOST_BYTES = 2048 * files.MEGABYTE  # of all images together
_MOST_BESIDE = 64 * files.MEGABYTE  # of labels, attributes and headers inside a file of arrays


@dataclass(frozen=True, eq=False, kw_only=True)
class Sealed:
    """Hold the content of a data set that is stored in a folder of its own.

    `splits` holds, for each of "train", "validation" and "test", images, uint8 (N, values), and labels, integers (N,).
    `attributes` holds, for the same names, float32 (N, attributes): numbers or indices of categories; NaN is missing. It is
    empty for a data set without attributes.
    """

    description: Description
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]]
    report: Report
    source: str  # name of the file or folder that was read
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""

    def __post_init__(self) -> None:
        splits = {name: (images, _narrow(labels)) for name, (images, labels) in self.splits.items()}
        object.__setattr__(self, "splits", splits)

    @cached_property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the images and labels."""
        held = {name: (images.reshape(-1).data, labels.data) for name, (images, labels) in self.splits.items()}
        return fingerprints.fingerprint_of(held)


def store(sealed: Sealed) -> Path:
    """Write a data set into a new folder and return it.

    Raises ConfigError if its name is invalid or taken or if its parts do not fit together, and NotWritable.
    """
    name = sealed.description.name
    place = catalogue.require_free(name)
    if fault := _fault(sealed):
        raise ConfigError(f"The data set {name!r} cannot be stored: {fault}.")
    header = Header(
        description=sealed.description,
        fingerprint=sealed.fingerprint,
        file=f"images-{sealed.fingerprint[: fingerprints.SHORT]}.npz",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        source="".join(letter if letter.isprintable() else "?" for letter in sealed.source)[:LONGEST_NAME],
        flags=dict(sealed.flags),
        licence=sealed.licence,
        report=sealed.report,
    )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with files.folder_beside(place) as beside:
            write_arrays(beside / header.file, **_arrays(sealed))
            files.write_json(beside / HEADER, header.to_json())
            catalogue.require_free(name)
            beside.rename(place)
    except OSError as error:
        catalogue.require_free(name)  # another process may have stored a data set of this name meanwhile
        raise NotWritable(
            f"{place} could not be written ({error.strerror}): free disk space, or set CVAE_DATA to another folder."
        ) from error
    LOG.info("data set %s is stored in %s", name, place)
    return place


def read(name: str) -> Sealed:
    """Read a shipped or added data set and check its digests.

    Raises ConfigError with the existing names, or DataDamaged with the file and the remedy.
    """
    header = catalogue.header(name)
    description, path = header.description, catalogue.sealed_folder(name) / header.file
    try:
        arrays = read_arrays(path, min(_image_bytes(description), MOST_BYTES) + _MOST_BESIDE)
    except RunDamaged as error:
        raise catalogue.damaged(name, str(error)) from error
    sealed = None
    if set(arrays) == {f"{split}_{part}" for split in SPLITS for part in _parts(description)}:
        sealed = Sealed(
            description=description,
            splits={split: (arrays[f"{split}_images"], arrays[f"{split}_labels"]) for split in SPLITS},
            attributes={split: arrays[f"{split}_attributes"] for split in SPLITS if description.attributes},
            report=header.report,
            source=header.source,
            flags=header.flags,
            licence=header.licence,
        )
    if sealed is None or _fault(sealed) or sealed.fingerprint != header.fingerprint:
        raise catalogue.damaged(name, f"{path} does not hold the images that {HEADER} beside it describes.")
    return sealed


def report_of(name: str) -> Report | None:
    """Return the report that was made when a data set was added, None for a built-in one.

    Raises ConfigError with the existing names, or DataDamaged.
    """
    return None if catalogue.known(name) in BUILT_IN else catalogue.header(name).report


def standardised(attributes: Sequence[Attribute], training: np.ndarray) -> tuple[Attribute, ...]:
    """Return attributes with mean and standard deviation of the training images (N, A), without the missing values.

    Categories have none. A column whose values are all missing or equal keeps the scale 1.
    """
    return tuple(
        one if one.categories else _with_moments(one, column[~np.isnan(column)].astype(np.float64))
        for one, column in zip(attributes, training.T, strict=True)
    )


def _with_moments(attribute: Attribute, known: np.ndarray) -> Attribute:
    if not len(known):
        return attribute
    mean, scale = float(f"{known.mean():.6g}"), float(f"{known.std():.6g}")
    return replace(attribute, mean=mean, scale=1.0 if np.ptp(known) == 0 else min(max(scale, SCALES[0]), SCALES[1]))


def columns(attributes: Sequence[Attribute], values: Mapping[str, np.ndarray]) -> list[dict[str, str]]:
    """Return what attributes hold, a row of texts for each: its kind, its range or the counts of categories, and missing.

    `values` has an array (N, A) for each split. It is empty for attributes that are measured when they are needed.
    """
    held = np.concatenate(list(values.values())).T if values else [None] * len(attributes)
    return [_row(one, column) for one, column in zip(attributes, held, strict=True)]


def _row(attribute: Attribute, column: np.ndarray | None) -> dict[str, str]:
    moments = f"training mean {_signed(attribute.mean)}, standard deviation {attribute.scale:.4g}"
    row = {"attribute": attribute.name, "kind": "categories" if attribute.categories else "number"}
    if column is None:
        return {**row, "values": f"measured from the ink, {moments}", "missing": "0"}
    known = column[~np.isnan(column)]
    if attribute.categories:
        counts = np.bincount(known.astype(int), minlength=len(attribute.categories))
        words = ", ".join(f"{name} ({count:,})" for name, count in zip(attribute.categories, counts, strict=True))
    else:
        words = f"{_signed(known.min())} to {_signed(known.max())}, {moments}" if len(known) else "none"
    return {**row, "values": words, "missing": f"{len(column) - len(known):,}"}


def _signed(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def remove(name: str) -> None:
    """Delete an added data set, damaged or not. `jobs.data_sets.remove` first checks that no run uses it.

    Raises ConfigError if it is part of the lab or if its folder holds other files, and NotWritable.
    """
    if (origin := catalogue.origin(name)) != "added":
        raise ConfigError(f"The data set {name!r} is {origin} and cannot be removed: only added ones can be removed.")
    place = catalogue.sealed_folder(name)
    try:
        others = sorted(path.name for path in place.iterdir() if not _is_own(path))
        if others:
            raise ConfigError(
                f"{place} holds other files than a data set ({', '.join(others[:3])}): move them to another folder first."
            )
        with files.folder_beside(place) as beside:
            place.rename(beside / name)
    except OSError as error:
        raise NotWritable(f"{place} could not be deleted ({error.strerror}): correct its permissions.") from error
    LOG.info("data set %s is deleted", name)


def _is_own(path: Path) -> bool:
    """Return whether `store` may have written a file, or a desktop added it."""
    return path.name in (HEADER, ".DS_Store") or path.match("images-*.npz") or path.name.endswith(files.TEMPORARY)


def _parts(description: Description) -> tuple[str, ...]:
    return ("images", "labels", "attributes") if description.attributes else ("images", "labels")


def _arrays(sealed: Sealed) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for split, (images, labels) in sealed.splits.items():
        arrays |= {f"{split}_images": images, f"{split}_labels": labels}
    return arrays | {f"{split}_attributes": array for split, array in sealed.attributes.items()}


def _image_bytes(description: Description) -> int:
    return (description.train + description.validation + description.test) * description.shape.values


def _fault(sealed: Sealed) -> str:
    """Return in what the arrays of a data set differ from its description, or an empty text."""
    description = sealed.description
    counts = {"train": description.train, "validation": description.validation, "test": description.test}
    width, columns = description.shape.values, len(description.attributes)
    if tuple(sealed.splits) != SPLITS or tuple(sealed.attributes) != (SPLITS if columns else ()):
        return f"it must have the splits {', '.join(SPLITS)}, in this order"
    if _image_bytes(description) > MOST_BYTES:
        return f"its images take more than {MOST_BYTES // files.MEGABYTE:,} MB"
    for split, (images, labels) in sealed.splits.items():
        if not _is(images, np.uint8, counts[split], width) or not _is(labels, np.uint8, counts[split]):
            return f"the arrays of the split {split} differ from its description"
        if int(labels.max()) >= len(description.classes):
            return f"a label of the split {split} has no class"
    for split, values in sealed.attributes.items():
        if not _is(values, np.float32, counts[split], columns):
            return f"the attributes of the split {split} differ from its description"
        for column, attribute in zip(values.T, description.attributes, strict=True):
            known = column[~np.isnan(column)]
            if not np.isfinite(known).all():
                return f"the attribute {attribute.name} has infinite values"
            if attribute.categories and not np.isin(known, np.arange(len(attribute.categories))).all():
                return f"a value of the attribute {attribute.name} has no category"
    return ""


def _narrow(labels: np.ndarray) -> np.ndarray:
    """Return labels as uint8 if they are integers of this range, otherwise unchanged."""
    fitting = labels.dtype.kind in "iu" and labels.size and labels.min() >= 0 and labels.max() < MOST_CLASSES
    return labels.astype(np.uint8) if fitting else labels


def _is(array: np.ndarray, dtype: type, *shape: int) -> bool:
    return fits(array, np.ndarray) and array.dtype == dtype and array.shape == shape and array.flags.c_contiguous
