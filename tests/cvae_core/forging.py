"""Forged files with correct digests."""

import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cvae_core.system import files


def signed_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps({**content, "sha256": files._json_digest(content)}).encode()


def signed_arrays(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    digest = hashlib.sha256()
    for name in sorted(arrays):  # also of objects, which the lab does not store
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    np.savez_compressed(buffer, **{**arrays, "sha256": np.array(digest.hexdigest())})  # type: ignore[arg-type]
    return buffer.getvalue()


def signed_table(table: pd.DataFrame) -> bytes:
    rows = table.to_csv(index=False).encode()
    return rows + f"# sha256 {files.digest(rows)}\n".encode()
