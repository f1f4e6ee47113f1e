"""Find equal images, and draw stratified splits in which equal images stay together. No torch."""

import hashlib
from collections.abc import Mapping

import numpy as np

from cvae_core.errors import SourceRefused
from cvae_core.sources.limits import shown
from cvae_core.sources.wishes import SPLITS, Pictures, Split, Wishes

TRAIN, VALIDATION, TEST = range(len(SPLITS))


def generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return a generator of random numbers that depend on the seed and the purpose only."""
    words = [seed, int.from_bytes(purpose.encode(), "little"), *numbers]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


def groups_of(images: np.ndarray) -> np.ndarray:
    """Return for each image the index of the first image that equals it, by SHA-256, (N,)."""
    first: dict[bytes, int] = {}
    return np.array(
        [first.setdefault(hashlib.sha256(image).digest(), index) for index, image in enumerate(images)], np.int64
    )


def conflicting(groups: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which images equal an image of another label (of a class or a split), booleans (N,)."""
    pairs = np.unique(np.stack([groups, labels], 1), axis=0)[:, 0]
    several = pairs[1:][pairs[1:] == pairs[:-1]]
    return np.isin(groups, several)


def flattering(groups: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """Return which images must go because a later split has an equal one: the test split stays as it is, booleans (N,)."""
    latest = np.full(groups.max(initial=0) + 1, -1)
    np.maximum.at(latest, groups, splits)
    return splits < latest[groups]


def repeated(groups: np.ndarray, splits: np.ndarray | None = None) -> np.ndarray:
    """Return which images equal an earlier image (of the same split, if splits are given), booleans (N,)."""
    keys = groups if splits is None else groups * len(SPLITS) + splits
    later = np.ones(len(groups), bool)
    later[np.unique(keys, return_index=True)[1]] = False
    return later


def draw(labels: np.ndarray, groups: np.ndarray, shares: Mapping[int, float], seed: int) -> np.ndarray:
    """Return a split for each image, (N,), stratified by class. Equal images get the same split.

    Every class has a training image. `shares` are the shares of the test and validation splits; the rest is for training.
    """
    splits = np.zeros(len(labels), np.int64)
    units, first, place, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    of_class, split_of_unit = labels[first], np.zeros(len(units), np.int64)
    classes, counts = np.unique(of_class, return_counts=True)
    free = counts - 1
    due: dict[int, np.ndarray] = {}
    for split, share in shares.items():
        due[split] = _apportioned(counts, share, free)
        free = free - due[split]
    for index, label in enumerate(classes):
        members = np.flatnonzero(of_class == label)
        members = members[generator(seed, "split", int(label)).permutation(len(members))]
        left = {split: int(numbers[index]) for split, numbers in due.items()}
        for unit in members:
            if split := next((split for split, most in left.items() if sizes[unit] <= most), 0):
                split_of_unit[unit] = split
                left[split] -= int(sizes[unit])
    splits[:] = split_of_unit[place]
    return splits


def _apportioned(counts: np.ndarray, share: float, most: np.ndarray) -> np.ndarray:
    """Return how many of each class are taken, by largest remainders: round(share · N) in all, at least 1, at most `most`."""
    exact = counts * share
    taken = np.minimum(np.floor(exact).astype(np.int64), most)
    missing = max(1, round(float(exact.sum()))) - int(taken.sum())
    for index in np.argsort(taken - exact, kind="stable"):
        if missing > 0 and taken[index] < most[index]:
            taken[index] += 1
            missing -= 1
    return taken


def decided(pictures: Pictures, wishes: Wishes) -> np.ndarray | None:
    """Return the splits that the source gives, or None if all are to be drawn; note the decision. Raises SourceRefused."""
    found, given = pictures.findings, pictures.splits
    if given is None:
        if wishes.splits == "given":
            raise SourceRefused(
                "The source gives no splits: name its top folders train, validation and test, or leave out --splits given."
            )
        found.decide("--splits", "drawn", "the source gives no splits")
        return None
    names = ", ".join(name for place, name in enumerate(SPLITS) if (given == place).any())
    if wishes.splits == "drawn":
        found.decide("--splits", "drawn", f"as asked, although the source gives the splits {names}")
        return None
    if not (given == TRAIN).any():
        raise SourceRefused(f"The source gives only the splits {names}: add one for training, or use --splits drawn.")
    found.decide("--splits", "given", f"the source gives the splits {names}")
    return given


def shares_to_draw(given: np.ndarray | None, wishes: Wishes, pictures: Pictures) -> dict[int, float]:
    """Return the shares of the splits that must be drawn, and note them as decisions."""
    asked: Mapping[Split, tuple[int, float]] = {
        "test": (TEST, wishes.test),
        "validation": (VALIDATION, wishes.validation),
    }
    shares = {place: share for place, share in asked.values() if given is None or not (given == place).any()}
    for name, (place, share) in asked.items():
        if place in shares:
            of = "images" if given is None else "training images, because the source gives no such split"
            pictures.findings.decide(f"--{name}", share, f"a share of the {of}")
    if shares:
        pictures.findings.decide("--seed", wishes.seed, "each class is divided in the same shares, drawn from the seed")
    return shares


def require_splits(splits: np.ndarray) -> None:
    """Raise SourceRefused if a split has no images."""
    counts = {name: int((splits == place).sum()) for place, name in enumerate(SPLITS)}
    if empty := [name for name, count in counts.items() if not count]:
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise SourceRefused(
            f"The split {shown(empty[0])} would have no images ({told}): add images, or change --validation or --test."
        )
