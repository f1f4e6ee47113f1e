"""From arrays of images (.npz, IDX) to the images of a data set. No torch."""

from collections.abc import Generator, Iterator, Sequence

import numpy as np
from PIL import Image

from cvae_core.config.descriptions import Shape
from cvae_core.errors import SourceRefused
from cvae_core.sources.deciding import channels_of, side_of
from cvae_core.sources.kinds.arrays import Part, Rows, require_images
from cvae_core.sources.layout import classes_of
from cvae_core.sources.limits import class_name, require_count, require_memory, shown
from cvae_core.sources.pictures import COLOURFUL, fit_into, in_channels
from cvae_core.sources.wishes import SPLITS, Findings, Pictures, Progress, Wishes

_UNITS = "scaled from numbers between 0 and 1"
_DEEP = "scaled from 16 bits"


def pictures_of_parts(parts: Sequence[Part], wishes: Wishes, findings: Findings) -> Generator[Progress, None, Pictures]:
    """Decide the shape, then read all parts. Raises SourceRefused."""
    sizes = [require_images(part.images) for part in parts]
    total = findings.found = sum(part.images.shape[0] for part in parts)
    require_count(total)
    if len({bool(part.labels) for part in parts}) > 1:
        raise SourceRefused("Some of the arrays of images have labels and others have none: add the missing labels.")
    scale, coloured, seen = _scale(parts), 0, 0
    if scale:
        findings.changed[scale] += total
    for part, size in zip(parts, sizes, strict=True):
        for piece in _pieces(part, size, scale) if size[2] > 1 and wishes.colour == "auto" else ():
            coloured += int((np.ptp(piece.reshape(len(piece), -1, 3), axis=2).max(1) > COLOURFUL).sum())
            seen += len(piece)
            yield Progress("looking for colour", seen, total)
    largest = sorted(
        max(size[:2]) for part, size in zip(parts, sizes, strict=True) for _ in range(part.images.shape[0])
    )
    shape = Shape(channels_of(coloured, total, wishes, findings), side_of(largest, wishes, findings))
    require_memory(total, shape.values)
    images, done = np.empty((total, shape.values), np.uint8), 0
    for part, size in zip(parts, sizes, strict=True):
        findings.sizes[size[1], size[0]] += part.images.shape[0]
        findings.formats[f"array of {part.images.dtype}"] += part.images.shape[0]
        for piece in _pieces(part, size, scale):
            _fill(images[done : done + len(piece)], piece, shape, wishes, findings)
            done += len(piece)
            yield Progress("reading images", done, total)
    return _labelled(images, shape, parts, wishes, findings)


def _scale(parts: Sequence[Part]) -> str:
    """Return how numbers become bytes, the same for all arrays of a source: see `_scale_of`. Raises SourceRefused."""
    arrays = [part.images for part in parts]
    ranges = [_range(rows) for rows in arrays]
    scales = {_scale_of(rows, *limits) for rows, limits in zip(arrays, ranges, strict=True)}
    if len(scales) == 1:
        return scales.pop()
    if len({rows.dtype for rows in arrays}) == 1 and arrays[0].dtype.kind != "f":  # some arrays are darker than others
        return _scale_of(arrays[0], min(low for low, _ in ranges), max(high for _, high in ranges))
    told = ", ".join(f"{shown(rows.name)} {low:g} … {high:g}" for rows, (low, high) in zip(arrays, ranges, strict=True))
    raise SourceRefused(f"The arrays of images have different ranges ({told}): convert all to 0 … 255 or to 0 … 1.")


def _range(rows: Rows) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for piece in rows.pieces():
        low, high = min(low, float(piece.min())), max(high, float(piece.max()))
        if not np.isfinite([low, high]).all():
            raise SourceRefused(f"{shown(rows.name)} has values that are not finite: replace them.")
    return low, high


def _scale_of(rows: Rows, low: float, high: float) -> str:
    """Return how numbers of a range become bytes, for the report; empty: as they are. Raises SourceRefused for others."""
    if low >= 0 and high <= 1:
        return _UNITS
    if low >= 0 and high <= 255:
        return ""
    if low >= 0 and high <= 65535 and rows.dtype.kind in "ui":
        return _DEEP
    raise SourceRefused(f"{shown(rows.name)} has values from {low:g} to {high:g}: convert them to 0 … 255 or to 0 … 1.")


def _pieces(part: Part, size: tuple[int, int, int], scale: str) -> Iterator[np.ndarray]:
    """Yield bytes (n, height, width[, 3]), without transparency."""
    height, width, channels = size
    first = part.images.shape[1:] == (channels, height, width)  # channels come first, unless they also come last
    for piece in part.images.pieces():
        if scale == _DEEP:
            content = ((piece.astype(np.int64) + 128) // 257).astype(np.uint8)
        elif scale == _UNITS:
            content = np.rint(piece.astype(np.float32) * 255).astype(np.uint8)
        else:
            content = piece if piece.dtype == np.uint8 else np.rint(piece).astype(np.uint8)
        if channels == 1:
            yield content.reshape(-1, height, width)
        elif channels == 4:
            opacity = content[..., 3:].astype(np.float32) / 255
            yield np.rint(content[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
        else:
            yield content.transpose(0, 2, 3, 1) if first and part.images.shape[-1] != 3 else content


def _fill(out: np.ndarray, piece: np.ndarray, shape: Shape, wishes: Wishes, findings: Findings) -> None:
    for row, pixels in zip(out, piece, strict=True):
        fitted = np.ascontiguousarray(pixels)
        if pixels.shape[:2] != (shape.side, shape.side):
            picture = Image.fromarray(fitted)
            picture, done = fit_into(picture, picture.size, shape.side, wishes.fit)
            fitted = np.asarray(picture)
            findings.changed.update(done)
        row[:], _, done = in_channels(fitted, shape.channels)
        findings.changed.update(done)


def _labelled(images: np.ndarray, shape: Shape, parts: Sequence[Part], wishes: Wishes, findings: Findings) -> Pictures:
    texts = [label for part in parts for label in part.labels] or [""] * len(images)
    if "" in texts and any(texts):
        raise SourceRefused("Some labels are empty texts: give each image a class.")
    classes = classes_of(texts, wishes.classes, findings)
    numbers = [int(text) for text in set(texts) if text.isascii() and text.isdecimal()]
    if numbers and min(numbers) > 0:
        findings.cautions.append(f"The labels of the source start at {min(numbers)}. They stay the names of classes.")
    place = {text: classes.index(class_name(text)) if text else 0 for text in set(texts)}
    given = [SPLITS.index(part.split) if part.split else -1 for part in parts]
    return Pictures(
        shape=shape,
        images=images,
        labels=np.array([place[text] for text in texts], np.int64),
        classes=classes,
        drawn=False,
        splits=np.repeat(given, [part.images.shape[0] for part in parts]) if -1 not in given else None,
        findings=findings,
    )
