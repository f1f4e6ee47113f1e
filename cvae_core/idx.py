"""Check and read the files of MNIST and its kin, unsigned bytes in the IDX format.

torchvision reads them too, but it takes about two seconds to import, which the first visit of the dashboard and every
training would wait for.
"""

import os
import struct
from math import prod
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor


def check(path: Path, shape: tuple[int, ...]) -> None:
    """Look whether a file holds bytes of a shape, by its header and its size.

    A ValueError says what is wrong as the rest of a sentence that starts with the path.
    """
    with path.open("rb") as stream:
        _pass_header(stream, shape)


def read(path: Path, shape: tuple[int, ...]) -> Tensor:
    """Check and read bytes of a shape, uint8; errors are those of `check`."""
    content = bytearray(prod(shape))
    with path.open("rb") as stream:
        _pass_header(stream, shape)
        length = stream.readinto(content)
    if length < len(content):  # the file was cut meanwhile
        raise ValueError(f"ends after {length:,} of {len(content):,} bytes")
    return torch.frombuffer(content, dtype=torch.uint8).reshape(shape)


def _pass_header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)  # 08: unsigned bytes
    due = len(header) + prod(shape)
    start, size = stream.read(len(header)), os.fstat(stream.fileno()).st_size
    if not header.startswith(start):
        raise ValueError(f"is not the IDX file of {' × '.join(map(str, shape))} bytes that it should be")
    if size != due:
        raise ValueError(f"has {size:,} bytes instead of {due:,}")
