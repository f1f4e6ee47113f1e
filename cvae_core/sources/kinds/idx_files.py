"""Read IDX files of unsigned bytes, plain or compressed by gzip: images with their labels in a second file. No torch."""

import gzip
import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Literal

import numpy as np

from cvae_core.data.idx import PACKED, header
from cvae_core.errors import SourceRefused
from cvae_core.sources.kinds.arrays import Part, Rows, texts
from cvae_core.sources.limits import LINK, shown
from cvae_core.sources.wishes import Findings, Split

NAME = re.compile(r".*idx[134][-.]ubyte(\.gz)?", re.IGNORECASE)
_IMAGES, _LABELS = re.compile("images?", re.IGNORECASE), (1,)


def is_idx(path: Path) -> bool:
    """Return whether a file begins as an IDX file, also if it is compressed."""
    try:
        with _opened(path) as stream:
            return stream.read(3) == b"\0\0\x08"
    except (OSError, EOFError, zlib.error):
        return False


def parts_of_idx(source: Path, findings: Findings) -> list[Part]:
    """Return the images of a folder of IDX files, or of one file of images, with the labels beside them."""
    if source.is_file():
        rows = _rows(source)
        if len(rows.shape) == 1:
            raise SourceRefused(f"{shown(source.name)} contains labels: give the file of the images beside it.")
        return [_part(rows, source, "")]
    whole: dict[str, Path] = {}
    for path in sorted(source.iterdir()):  # a plain file comes before the same file compressed
        if NAME.fullmatch(path.name) and path.is_symlink():
            findings.leave_out(path.name, LINK)
        elif NAME.fullmatch(path.name) and path.is_file():
            whole.setdefault(path.name.removesuffix(PACKED), path)
    images = [(path, rows) for path in whole.values() if len((rows := _rows(path)).shape) > 1]
    if not images:
        raise SourceRefused("The folder has IDX files, but none of images: add the file of images.")
    splits = [_split(path.name) for path, _ in images]
    given = len(images) > 1 and "" not in splits and len(set(splits)) == len(images)
    if len(images) > 1 and not given:
        findings.cautions.append("The names of the IDX files do not tell splits apart: all images are joined.")
    return [_part(rows, path, split if given else "") for (path, rows), split in zip(images, splits, strict=True)]


def _split(name: str) -> Split | Literal[""]:
    words = set(re.split("[^a-z0-9]+", name.casefold()))
    if "train" in words:
        return "train"
    return "test" if words & {"t10k", "test"} else "validation" if words & {"val", "validation"} else ""


def _part(rows: Rows, path: Path, split: Split | Literal[""]) -> Part:
    """Return images with the labels whose file has the same name, except for "labels" and "idx1"."""
    stem = path.name.removesuffix(PACKED)
    name = re.sub("idx[34]", "idx1", _IMAGES.sub("labels", stem))
    for beside in (path.with_name(name), path.with_name(name + PACKED)):
        if name != stem and beside.is_file() and not beside.is_symlink():
            return Part(rows, texts(_rows(beside), rows.shape[0]), split)
    return Part(rows, (), split)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with io.BufferedReader(gzip.GzipFile(fileobj=file)) as stream:
                yield stream
        else:
            yield file


def _rows(path: Path) -> Rows:
    with _reading(path) as stream:
        start = stream.read(4)
        if len(start) < 4 or start[:3] != b"\0\0\x08" or start[3] not in (1, 3, 4):
            raise SourceRefused(f"{shown(path.name)} is no IDX file of unsigned bytes with 1, 3 or 4 dimensions.")
        sizes = stream.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise SourceRefused(f"{shown(path.name)} ends in its header: the file is incomplete.")
    shape = struct.unpack(f">{start[3]}I", sizes)
    before = len(header(shape))

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with _reading(path) as stream:
            stream.read(before)
            yield stream

    rows = Rows(path.name, shape, np.dtype(np.uint8), opened)
    if path.suffix != PACKED and path.stat().st_size != before + prod(shape):
        raise SourceRefused(
            f"{shown(path.name)} has {path.stat().st_size:,} bytes instead of {before + prod(shape):,}: the file is damaged."
        )
    return rows


@contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    """Open a file and turn errors of gzip into one sentence."""
    try:
        with _opened(path) as stream:
            yield stream
    except (OSError, EOFError, zlib.error) as error:
        raise SourceRefused(f"{shown(path.name)} cannot be read or unpacked: the file is damaged.") from error
