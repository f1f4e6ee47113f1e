"""From images to a data set: equal images, splits, and the report. The second half of `gather`; made data sets use it too."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from cvae_core.config.descriptions import Description
from cvae_core.config.reports import ClassCount, Duplicates, Report
from cvae_core.data.sealed import Sealed, standardised
from cvae_core.errors import SourceRefused
from cvae_core.sources import splits as splitting
from cvae_core.sources.cautions import cautions
from cvae_core.sources.limits import FEWEST, require_count, require_memory, shown
from cvae_core.sources.splits import generator
from cvae_core.sources.wishes import SPLITS, Findings, Pictures, Wishes

_LISTED_SIZES = 20


def finished(name: str, pictures: Pictures, wishes: Wishes) -> Sealed:
    """Find equal images, split, and report: everything that `store` takes. Raises SourceRefused."""
    read = len(pictures.images)
    found = pictures.findings
    require_count(read)
    require_memory(read, pictures.shape.values)
    _require_enough(read, found)
    if {"padded", "cropped", "stretched"} & found.changed.keys():
        found.decide("--fit", wishes.fit, "some pictures are not square")
    groups = splitting.groups_of(pictures.images)
    kept, duplicates = np.ones(read, bool), Counter[str]()
    _conflicts(pictures, groups, wishes, kept, duplicates)
    given = splitting.decided(pictures, wishes)
    _equal_images(pictures, groups, given, wishes, kept, duplicates)
    _require_enough(int(kept.sum()), found)
    splits = _split(pictures, groups, given, wishes, kept)
    duplicates["within"] = int(splitting.repeated(groups[kept], splits[kept]).sum())
    classes, labels = _used_classes(pictures, kept)
    order = {
        place: _shuffled(np.flatnonzero(kept & (splits == place)), wishes.seed, place) for place in range(len(SPLITS))
    }
    counts = [
        ClassCount(
            name=one, **{split: int((labels[order[place]] == label).sum()) for place, split in enumerate(SPLITS)}
        )
        for label, one in enumerate(classes)
    ]
    description = Description(
        name=name,
        channels=pictures.shape.channels,
        side=pictures.shape.side,
        classes=classes,
        drawn=pictures.drawn,
        attributes=()
        if pictures.values is None
        else standardised(pictures.attributes, pictures.values[order[splitting.TRAIN]]),
        **{split: len(order[place]) for place, split in enumerate(SPLITS)},
    )
    doubled = Duplicates(**duplicates)
    found.cautions += cautions(pictures.images[kept], description, counts, doubled, read)
    return Sealed(
        description=description,
        splits={split: (pictures.images[order[place]], labels[order[place]]) for place, split in enumerate(SPLITS)},
        attributes={}
        if pictures.values is None
        else {split: pictures.values[order[place]] for place, split in enumerate(SPLITS)},
        source=shown(pictures.source),
        flags={flag.removeprefix("--"): value for flag, value in wishes.flags().items()},
        report=_report(found, read, counts, doubled),
        licence=pictures.licence,
    )


def _require_enough(usable: int, found: Findings) -> None:
    """Raise SourceRefused for too few images, with the first reason why something was left out."""
    if usable < FEWEST:
        first = next((one for one in found.left_out if one.file != "hidden files"), None)
        why = f" ({first.file} {first.reason})" if first else ""
        raise SourceRefused(f"The source has {usable:,} usable images{why}, but at least {FEWEST} are needed.")


def _conflicts(
    pictures: Pictures, groups: np.ndarray, wishes: Wishes, kept: np.ndarray, duplicates: Counter[str]
) -> None:
    """Leave out equal images of different classes, if so asked."""
    conflicts = splitting.conflicting(groups, pictures.labels)
    duplicates["conflicting"] = int(conflicts.sum())
    if not conflicts.any():
        return
    pictures.findings.decide(
        "--conflicts", wishes.conflicts, f"{conflicts.sum():,} images equal an image of another class"
    )
    if wishes.conflicts == "leave-out":
        _drop(pictures, conflicts, "equals an image of another class", kept, duplicates)


def _equal_images(
    pictures: Pictures,
    groups: np.ndarray,
    given: np.ndarray | None,
    wishes: Wishes,
    kept: np.ndarray,
    duplicates: Counter[str],
) -> None:
    """Leave out images that equal one of a later split, and all copies if so asked. The test split stays as it is."""
    if given is not None:
        duplicates["across"] = int(splitting.conflicting(groups[kept], given[kept]).sum())
        flattering = np.zeros(len(kept), bool)
        flattering[kept] = splitting.flattering(groups[kept], given[kept])
        _drop(pictures, flattering, "equals an image of a later split", kept, duplicates)
    copies = np.zeros(len(kept), bool)
    copies[kept] = splitting.repeated(groups[kept])
    if copies.any() or duplicates["across"]:
        pictures.findings.decide(
            "--duplicates",
            wishes.duplicates,
            f"{copies.sum():,} images equal another one; equal images are never in two splits",
        )
    if wishes.duplicates == "drop":
        _drop(pictures, copies, "equals an earlier image", kept, duplicates)


def _drop(pictures: Pictures, which: np.ndarray, reason: str, kept: np.ndarray, duplicates: Counter[str]) -> None:
    for index in np.flatnonzero(which & kept):
        pictures.findings.leave_out(pictures.file(int(index)), reason)
    duplicates["removed"] += int((which & kept).sum())
    kept &= ~which


def _split(
    pictures: Pictures, groups: np.ndarray, given: np.ndarray | None, wishes: Wishes, kept: np.ndarray
) -> np.ndarray:
    """Return the split of each image; those that are not kept get none, −1."""
    splits = np.full(len(kept), -1) if given is None else np.where(kept, given, -1)
    shares = splitting.shares_to_draw(given, wishes, pictures)
    open_ = np.flatnonzero(kept if given is None else splits == splitting.TRAIN)
    if shares and len(open_):
        splits[open_] = splitting.draw(pictures.labels[open_], groups[open_], shares, wishes.seed)
    splitting.require_splits(splits)
    return splits


def _used_classes(pictures: Pictures, kept: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the classes that still have images, and the labels of all images among these."""
    used = np.unique(pictures.labels[kept])
    place = np.full(len(pictures.classes), -1)
    place[used] = np.arange(len(used))
    if gone := [one for label, one in enumerate(pictures.classes) if label not in set(used.tolist())]:
        listed = ", ".join(map(repr, map(shown, gone[:6])))
        pictures.findings.cautions.append(f"{len(gone):,} classes have no usable image and are left out: {listed}.")
    return tuple(pictures.classes[label] for label in used), place[pictures.labels]


def _shuffled(indices: np.ndarray, seed: int, place: int) -> np.ndarray:
    """Return indices in an order from the seed, so that the first images of a split are of all classes."""
    return generator(seed, "order", place).permutation(indices)


def _report(found: Findings, read: int, counts: list[ClassCount], duplicates: Duplicates) -> Report:
    sizes = {f"{width}×{height}": number for (width, height), number in found.sizes.most_common(_LISTED_SIZES)}
    if rest := found.sizes.total() - sum(sizes.values()):
        sizes["other"] = rest
    return Report(
        kind=found.kind,
        found=max(found.found, read),
        read=read,
        sizes=sizes,
        formats=_sorted(found.formats),
        changed=_sorted(found.changed),
        classes=tuple(counts),
        duplicates=duplicates,
        decisions=tuple(found.decisions),
        cautions=tuple(found.cautions),
        left_out=tuple(found.left_out),
        left_out_count=found.left_out_count,
    )


def _sorted(counts: Counter[str]) -> Mapping[str, int]:
    return {name: number for name, number in counts.most_common() if number}
