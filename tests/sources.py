"""Tiny sources of images for tests."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cvae_core.data.sealed import Sealed
from cvae_core.sources.gather import Wishes, gather

SIDE = 16


def pixels(seed: int, *shape: int) -> np.ndarray:
    """Return noise, a different one for each seed, whose border is black."""
    drawn = np.random.default_rng(seed).integers(64, 256, shape or (SIDE, SIDE), np.uint8)
    drawn[0] = drawn[-1] = drawn[:, 0] = drawn[:, -1] = 0
    return drawn


def encoded(array: np.ndarray | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return a picture as the content of a file."""
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def photographed(upright: Image.Image, orientation: int) -> bytes:
    """Return a JPEG as a camera stores it that was held in one of the eight EXIF orientations."""
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # Image.Transpose that a camera has made
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, "JPEG", exif=exif)


def pictures(classes: Mapping[str, int], start: int = 0) -> dict[str, bytes]:
    """Return files of distinct pictures: so many in a folder for each class, named 0.png, 1.png, …"""
    names = [f"{label}/{index}.png" for label, count in classes.items() for index in range(count)]
    return {name: encoded(pixels(start + seed)) for seed, name in enumerate(names)}


def folder(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def zipped(path: Path, files: Mapping[str, bytes], extra: Sequence[tuple[zipfile.ZipInfo, bytes]] = ()) -> Path:
    """Write files, and entries as they are given, into a zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for info, content in extra:
            archive.writestr(info, content)
    return path


def read(source: Path, **wishes: Any) -> Sealed:
    """Return what is read from a source."""
    *_, found = gather("mine", source, Wishes(**wishes))
    assert isinstance(found, Sealed)
    return found


def images(found: Sealed) -> np.ndarray:
    """Return all images of a data set, (N, channels, side, side)."""
    joined = np.concatenate([array for array, _ in found.splits.values()])
    return joined.reshape(-1, *found.description.shape.maps)


def told(found: Sealed) -> str:
    """Return all sentences of a report."""
    report = found.report
    left_out = [f"{one.file} {one.reason}" for one in report.left_out]
    decided = [f"{one.flag} {one.value} {one.reason}" for one in report.decisions]
    return "\n".join([*report.cautions, *left_out, *decided])
