"""NumPy arrays as compressed .npz files with an embedded SHA-256. No torch, and no copy of an array."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cvae_core.errors import RunDamaged
from cvae_core.system import files
from cvae_core.system.files import DIGEST, MEGABYTE, REMEDY

_MOST_BYTES = 512 * MEGABYTE  # usual limit for all arrays of a file


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write a compressed .npz with the digest of its arrays."""
    content = {**arrays, DIGEST: np.array(_digest(arrays))}
    with files.replaced(path) as file:
        np.savez_compressed(file, allow_pickle=False, **content)


def read_arrays(path: Path, most: int = _MOST_BYTES) -> dict[str, np.ndarray]:
    """Read a file that `write_arrays` wrote, with at most `most` bytes of arrays; raise RunDamaged for other content."""
    with files.opened(path, most + MEGABYTE) as file:  # compression adds little to arrays that it cannot shrink
        try:
            with np.load(file, allow_pickle=False) as archive:
                if sum(entry.file_size for entry in archive.zip.infolist()) > most:
                    raise MemoryError
                arrays = {name: archive[name] for name in archive.files}
            stored = str(arrays.pop(DIGEST))
        except Exception as error:  # zipfile, zlib and NumPy raise too many types to list
            raise RunDamaged(f"{path} is damaged: it is not the array file that was written. {REMEDY}") from error
    files.compare(path, stored, _digest(arrays))
    return arrays


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    parts = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        if array.dtype.hasobject:
            raise ValueError("Object arrays cannot be stored.")
        parts.update(f"{name} {array.dtype.str} {array.shape}".encode())
        parts.update(array.reshape(-1).view(np.uint8).data)
    return parts.hexdigest()
