"""Sentences about what may make the results of a data set misleading. No torch."""

from collections.abc import Sequence

import numpy as np

from cvae_core.config.descriptions import Description
from cvae_core.config.reports import ClassCount, Duplicates
from cvae_core.sources.limits import shown
from cvae_core.sources.wishes import SPLITS

FEW, FEW_TO_TEST, FEW_OF_CLASS = 500, 100, 10
IMBALANCE = 10
_PIECE = 4096
_LISTED = 6


def cautions(
    images: np.ndarray, description: Description, counts: Sequence[ClassCount], duplicates: Duplicates, read: int
) -> list[str]:
    """Return a sentence for each finding that a user should know before training."""
    return [*_of_sizes(description), *_of_classes(description, counts), *_of_images(images, duplicates, read)]


def _of_sizes(description: Description) -> list[str]:
    total = description.train + description.validation + description.test
    told = []
    if total < FEW:
        told.append(
            f"There are only {total:,} images. With fewer than {FEW}, a model usually shows averages of its classes or "
            "repeats training images."
        )
    if description.test < FEW_TO_TEST:
        told.append(f"The test split has {description.test:,} images: its scores have large standard errors.")
    return told


def _of_classes(description: Description, counts: Sequence[ClassCount]) -> list[str]:
    if not description.labelled:
        return ["There is one class only: models of a label cannot be trained, all others can."]
    told = []
    for split in SPLITS:
        if missing := [one.name for one in counts if not getattr(one, split)]:
            told.append(f"The {split} split has no image of {_listed(missing)}.")
    totals = {one.name: one.train + one.validation + one.test for one in counts}
    if few := [name for name, total in totals.items() if total < FEW_OF_CLASS]:
        told.append(f"Fewer than {FEW_OF_CLASS} images: {_listed(few)}.")
    most, least = max(totals, key=lambda name: totals[name]), min(totals, key=lambda name: totals[name])
    if totals[most] >= IMBALANCE * totals[least]:
        told.append(
            f"The classes are imbalanced: {shown(most)!r} has {totals[most]:,} images, {shown(least)!r} {totals[least]:,}. "
            "Averages over the test split are mostly about the large classes."
        )
    return told


def _of_images(images: np.ndarray, duplicates: Duplicates, read: int) -> list[str]:
    told = []
    if duplicates.across:
        told.append(
            f"{duplicates.across:,} images of the given splits equal an image of another split, which would flatter test "
            "scores: only those of the later split are kept."
        )
    if duplicates.within * 10 > len(images):
        told.append(f"{duplicates.within:,} of {len(images):,} images equal another image of the same split.")
    if duplicates.conflicting:
        told.append(f"{duplicates.conflicting:,} of {read:,} images equal an image of another class: check the labels.")
    pieces = (images[start : start + _PIECE] for start in range(0, len(images), _PIECE))
    if blank := sum(int((piece.max(1) == piece.min(1)).sum()) for piece in pieces):
        told.append(f"{blank:,} images are blank: all their values are equal.")
    return told


def _listed(names: Sequence[str]) -> str:
    shown_names = ", ".join(repr(shown(name)) for name in names[:_LISTED])
    more = f" and {len(names) - _LISTED:,} more classes" if len(names) > _LISTED else ""
    return f"{'the class' if len(names) == 1 else 'the classes'} {shown_names}{more}"
