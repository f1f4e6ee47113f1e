"""Files that are whole or not there, and that say themselves what their bytes should add up to.

Every file is written beside its name and moved over it, so that a reader sees the old or the new one. Each carries a
SHA-256 of its content: neither JSON, NumPy nor safetensors notices a flipped bit. Nothing here unpickles.
"""

import hashlib
import io
import json
import os
import threading
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cvae_core.errors import ConfigError, NotWritable, RunDamaged

TEMPORARY = ".tmp"
REMEDY = "Put back a copy of it, or delete it and make it anew."
_DIGEST = "sha256"
_CSV_DIGEST = "# sha256 "


def user_path(variable: str, folder: str) -> Path:
    """Return the path in an environment variable, `~` expanded, or a folder of the repository where it is empty."""
    given = os.environ.get(variable)
    if not given:
        return Path(__file__).resolve().parents[1] / folder
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ConfigError(
            f"{variable} cannot be {given!r}: there is no such user. Give the folder's full path."
        ) from error


def write(path: Path, content: bytes) -> None:
    """Replace a file in one step; raise NotWritable where the folder or disk refuses."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise NotWritable(
            f"{path} could not be written ({error.strerror}): make room or choose another folder."
        ) from error
    finally:
        with suppress(OSError):  # gone, as it should be, or never there
            temporary.unlink()


def read(path: Path) -> bytes:
    """Read a whole file; raise RunDamaged where it is missing or unreadable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunDamaged(f"{path} cannot be read ({error.strerror}).") from error


def version(path: Path) -> tuple[int, int, int]:
    """Return what differs whenever a file has been written anew, or zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with the digest of its content."""
    write(path, (json.dumps({**content, _DIGEST: _json_digest(content)}, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote; raise RunDamaged if it is anything else."""
    try:
        content = json.loads(read(path))
        said = content.pop(_DIGEST)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunDamaged(f"{path} is damaged: it is not the JSON that was written. {REMEDY}") from error
    _compare(path, said, _json_digest(content))
    return dict(content)


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write a compressed .npz with the digest of its arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{**arrays, _DIGEST: np.array(_arrays_digest(arrays))})
    write(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read what `write_arrays` wrote; raise RunDamaged if it is anything else."""
    try:
        with np.load(io.BytesIO(read(path)), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        said = str(arrays.pop(_DIGEST))
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,  # what zipfile says of encryption, versions and methods that were never written
    ) as error:
        raise RunDamaged(f"{path} is damaged: it is not the archive that was written. {REMEDY}") from error
    _compare(path, said, _arrays_digest(arrays))
    return arrays


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write CSV with the digest of its rows in a comment at the end."""
    rows = table.to_csv(index=False).encode()
    write(path, rows + f"{_CSV_DIGEST}{digest(rows)}\n".encode())


def read_table(path: Path) -> pd.DataFrame:
    """Read what `write_table` wrote; raise RunDamaged if it is anything else."""
    rows, marker, said = read(path).rpartition(_CSV_DIGEST.encode())
    _compare(path, said.decode(errors="replace").strip() if marker else "none", digest(rows))
    return pd.read_csv(io.BytesIO(rows))


def write_tensors(path: Path, tensors: Mapping[str, Tensor], **notes: str) -> None:
    """Write tensors and short notes as safetensors, with the digest of both."""
    path_notes = {**notes, _DIGEST: _tensors_digest(tensors, notes)}
    write(path, safetensors.torch.save({name: t.contiguous() for name, t in tensors.items()}, metadata=path_notes))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors and notes that `write_tensors` wrote; raise RunDamaged if they are anything else."""
    try:
        with safe_open(path, framework="pt") as file:
            notes = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise RunDamaged(f"{path} is damaged: it is not the safetensors file that was written. {REMEDY}") from error
    _compare(path, notes.pop(_DIGEST, "none"), _tensors_digest(tensors, notes))
    return tensors, notes


def _compare(path: Path, said: object, found: str) -> None:
    if said != found:
        raise RunDamaged(f"{path} is damaged: its content does not match its digest. {REMEDY}")


def _json_digest(content: Mapping[str, Any]) -> str:
    return digest(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def _arrays_digest(arrays: Mapping[str, np.ndarray]) -> str:
    parts = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        parts.update(f"{name} {array.dtype.str} {array.shape}".encode())
        parts.update(array.tobytes())
    return parts.hexdigest()


def _tensors_digest(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    parts = hashlib.sha256(json.dumps(dict(notes), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        parts.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        parts.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return parts.hexdigest()
