"""Read images and labels from arrays: .npz with `x`/`y`, `images`/`labels`, or MedMNIST's six arrays. No torch.

Arrays are read in pieces, so that one of many gigabytes needs little memory. Headers are checked before data are read, and
arrays of Python objects, which NumPy would unpickle, are refused.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import isqrt, prod
from pathlib import Path
from typing import IO, Literal, NamedTuple

import numpy as np

from cvae_core.config.descriptions import MOST_IMAGES
from cvae_core.errors import SourceRefused
from cvae_core.sources.kinds.folders import Zip
from cvae_core.sources.limits import FILE_BYTES, LABEL_BYTES, SOURCE_BYTES, require_count, shown
from cvae_core.sources.wishes import Findings, Split
from cvae_core.system.files import MEGABYTE

PIECE = 16 * MEGABYTE
_HEADER = 10_000  # bytes, NumPy's own limit
_MOST_ARRAYS = 64
_MEDMNIST: Mapping[str, Split] = {"train": "train", "val": "validation", "test": "test"}
_PAIRS = (("x", "y"), ("images", "labels"))


@dataclass(frozen=True)
class Rows:
    """An array whose first dimension counts images; it is read in pieces."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    opened: Callable[[], AbstractContextManager[IO[bytes]]]  # a stream that begins with the first image

    def pieces(self) -> Iterator[np.ndarray]:
        """Yield arrays of some images each. Raises SourceRefused if data are missing or left over."""
        count, *rest = self.shape
        row = prod(rest) * self.dtype.itemsize
        step = max(1, PIECE // max(1, row))
        with self.opened() as stream:
            for start in range(0, count, step):
                taken = min(step, count - start)
                content = stream.read(taken * row)
                if len(content) < taken * row:
                    raise SourceRefused(f"{shown(self.name)} ends before its last image: the file is incomplete.")
                yield np.frombuffer(content, self.dtype).reshape(taken, *rest)
            if stream.read(1):
                raise SourceRefused(f"{shown(self.name)} has more bytes than its header states: the file is damaged.")


class Part(NamedTuple):
    """Images, their classes as texts (empty: without), and the split that the source gives to them."""

    images: Rows
    labels: Sequence[str]
    split: Split | Literal[""]


def parts_of_npz(path: Path, findings: Findings) -> list[Part]:
    """Return what a .npz contains, without reading images. Raises SourceRefused."""
    reader = Zip(path)
    reader.require_few_entries()
    try:
        with reader.refusing():
            entries = reader.archive.infolist()
            if len(entries) > _MOST_ARRAYS or any(entry.flag_bits & 1 for entry in entries):
                raise SourceRefused(f"{shown(path.name)} is encrypted or has more than {_MOST_ARRAYS} arrays.")
            reader.require_no_bomb(sum(entry.file_size for entry in entries))
            arrays = {
                entry.filename.removesuffix(".npy"): entry for entry in entries if entry.filename.endswith(".npy")
            }
            chosen = _chosen(arrays)
            for name in sorted(arrays.keys() - {name for *pair, _ in chosen for name in pair}):
                findings.cautions.append(f"The array {shown(name)!r} is not used.")
            return [_part(path, arrays, *keys) for keys in chosen]
    finally:
        reader.close()


def _chosen(arrays: Mapping[str, object]) -> list[tuple[str, str, Split | Literal[""]]]:
    """Return the names of the arrays of images and of labels, with their splits."""
    if "train_images" in arrays:
        found = {word: split for word, split in _MEDMNIST.items() if f"{word}_images" in arrays}
        return [(f"{word}_images", f"{word}_labels", split if len(found) > 1 else "") for word, split in found.items()]
    for images, labels in _PAIRS:
        if images in arrays:
            return [(images, labels, "")]
    listed = ", ".join(map(shown, list(arrays)[:10])) or "none"
    raise SourceRefused(
        f"The file has no arrays x and y, images and labels, or train_images and train_labels (its arrays: {listed}): "
        "rename them."
    )


def _part(
    path: Path, arrays: Mapping[str, zipfile.ZipInfo], images: str, labels: str, split: Split | Literal[""]
) -> Part:
    rows = _rows(path, arrays[images])
    if labels not in arrays:
        return Part(rows, (), split)
    return Part(rows, texts(_rows(path, arrays[labels]), rows.shape[0]), split)


def _rows(path: Path, entry: zipfile.ZipInfo) -> Rows:
    """Read the header of an array."""
    name = entry.filename
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SourceRefused(f"{shown(name)} is compressed by another method than deflate: save it with numpy.savez.")
    try:
        with zipfile.ZipFile(path) as archive, archive.open(entry) as stream:
            head = io.BytesIO(stream.read(_HEADER + 16))
        version = np.lib.format.read_magic(head)
        shape, fortran, dtype = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version](head)
        start = head.tell()
    except Exception as error:  # NumPy, zipfile and the parser raise more types than can be listed
        raise SourceRefused(f"{shown(name)} is damaged or no NumPy array: save it again with numpy.savez.") from error
    if dtype.hasobject or dtype.kind not in "buifUS":
        raise SourceRefused(f"{shown(name)} has elements of type {shown(str(dtype))}: numbers or texts are needed.")
    if fortran and len(shape) > 1:
        raise SourceRefused(f"{shown(name)} is stored column by column: convert it with numpy.ascontiguousarray.")
    if not shape or min(shape) < 0 or start + prod(shape) * dtype.itemsize != entry.file_size:
        raise SourceRefused(f"{shown(name)} does not have as many bytes as its header states: the file is damaged.")

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(entry) as stream:
                stream.read(start)
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise SourceRefused(f"{shown(name)} is damaged: save it again with numpy.savez.") from error

    return Rows(name, shape, dtype, opened)


def require_images(rows: Rows) -> tuple[int, int, int]:
    """Return height, width and channels of an array's images; raise SourceRefused if it does not hold images."""
    count, *rest = rows.shape
    require_count(count)
    size = _as_height_width_channels(tuple(rest))
    if size is None or min(size) == 0 or rows.dtype.kind not in "buif" or count == 0:
        raise SourceRefused(
            f"{shown(rows.name)} has the shape {rows.shape} and the type {rows.dtype}: images are needed as numbers of shape "
            "(N, height, width), (N, height, width, 1, 3 or 4), (N, 1 or 3, height, width), or (N, side²)."
        )
    if prod(rest) * rows.dtype.itemsize > FILE_BYTES or prod(rows.shape) * rows.dtype.itemsize > SOURCE_BYTES:
        raise SourceRefused(f"{shown(rows.name)} of shape {rows.shape} is too large: make the images smaller.")
    return size


def _as_height_width_channels(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    match shape:
        case (values,) if isqrt(values) ** 2 == values:
            return isqrt(values), isqrt(values), 1
        case (height, width):
            return height, width, 1
        case (height, width, 1 | 3 | 4 as channels):
            return height, width, channels
        case (1 | 3 as channels, height, width):
            return height, width, channels
    return None


def texts(rows: Rows, count: int) -> Sequence[str]:
    """Return labels as texts: whole numbers as they are written, so that labels are matched by value and not by place."""
    if prod(rows.shape) != count or rows.shape[0] != count:
        raise SourceRefused(
            f"{shown(rows.name)} has the shape {rows.shape}, but {count:,} images need one label each, of shape ({count},)."
        )
    if count > MOST_IMAGES or count * rows.dtype.itemsize > LABEL_BYTES:
        raise SourceRefused(
            f"{shown(rows.name)} has too many or too long labels: at most {MOST_IMAGES:,} are possible."
        )
    labels = np.concatenate([piece.reshape(-1) for piece in rows.pieces()] or [np.zeros(0, rows.dtype)])
    if labels.dtype.kind == "U":
        return labels.tolist()
    if labels.dtype.kind == "S":
        return [label.decode("utf-8", "backslashreplace") for label in labels.tolist()]
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.round(labels)).all()):
        raise SourceRefused(
            f"{shown(rows.name)} has labels that are no whole numbers: give one number or text per image."
        )
    return list(map(str, map(int, labels.tolist())))
