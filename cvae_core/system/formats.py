"""Tables and tensors as files with an embedded SHA-256: CSV, safetensors. Arrays are in `arrays`, which needs no torch."""

import codecs
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cvae_core.errors import RunDamaged
from cvae_core.system import files
from cvae_core.system.arrays import read_arrays as read_arrays  # used together with the other formats
from cvae_core.system.arrays import write_arrays as write_arrays
from cvae_core.system.files import DIGEST, REMEDY

_CSV_DIGEST = "# sha256 "
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


def are_finite(tensors: Iterable[Tensor]) -> bool:
    """Return whether all values of the tensors are finite."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write CSV with the digest of its rows in a comment at the end."""
    rows = table.to_csv(index=False).encode()
    files.write(path, rows + f"{_CSV_DIGEST}{files.digest(rows)}\n".encode())


def spreadsheet(table: pd.DataFrame) -> bytes:
    r"""Return a table as CSV for spreadsheets, in UTF-8 with the byte-order mark that Excel needs.

    A text that a spreadsheet would read as a formula gets a leading apostrophe, except for numbers. Integers that may be
    missing need a column of objects: otherwise pandas stores them as floats, which are exact only up to 2⁵³.

    >>> spreadsheet(pd.DataFrame({"note": ["=1+1", "-4"], "seed": [2**53 + 1, None]}, dtype=object)).decode("utf-8-sig")
    "note,seed\r\n'=1+1,9007199254740993\r\n-4,\r\n"
    """
    words = table.select_dtypes(exclude="number")
    shown = {name: pd.Series(map(_no_formula, cells), table.index, object) for name, cells in words.items()}
    # pandas quotes a carriage return inside a text only if it is part of the line terminator.
    return codecs.BOM_UTF8 + table.assign(**shown).to_csv(index=False, lineterminator="\r\n").encode()


def _no_formula(cell: object) -> object:
    begins = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if begins and not _NUMBER.fullmatch(str(cell)) else cell


def read_table(path: Path) -> pd.DataFrame:
    """Read a file that `write_table` wrote; raise RunDamaged if it has any other content."""
    rows, marker, stored = files.read(path).rpartition(_CSV_DIGEST.encode())
    files.compare(path, stored.decode(errors="replace").strip() if marker else "none", files.digest(rows))
    try:
        return pd.read_csv(io.BytesIO(rows))
    except (ValueError, MemoryError, RecursionError) as error:  # a correct digest does not imply a valid table
        raise RunDamaged(f"{path} is damaged: it is not the table that was written. {REMEDY}") from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], **notes: str) -> None:
    """Write tensors and short notes as safetensors, with the digest of both."""
    path_notes = {**notes, DIGEST: _tensors_digest(tensors, notes)}
    files.write(
        path, safetensors.torch.save({name: t.contiguous() for name, t in tensors.items()}, metadata=path_notes)
    )


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and notes from a file that `write_tensors` wrote; raise RunDamaged if it has any other content."""
    files.require_plain(path)
    try:
        with safe_open(path, framework="pt") as file:
            notes = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise RunDamaged(f"{path} is damaged: it is not the safetensors file that was written. {REMEDY}") from error
    files.compare(path, notes.pop(DIGEST, "none"), _tensors_digest(tensors, notes))
    return tensors, notes


def _tensors_digest(tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> str:
    parts = hashlib.sha256(json.dumps(dict(notes), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        parts.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        parts.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return parts.hexdigest()
