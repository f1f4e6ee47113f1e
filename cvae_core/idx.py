"""Check and read the files of MNIST and its kin, unsigned bytes in the IDX format.

torchvision reads them too, but it takes about two seconds to import, which the first visit of the dashboard and every
training would wait for.
"""

import os
import stat
import struct
from io import BufferedReader
from math import prod
from pathlib import Path

import torch
from torch import Tensor


def check(path: Path, shape: tuple[int, ...]) -> None:
    """Look whether a file holds bytes of a shape, by its header and its size.

    A ValueError says what is wrong as the rest of a sentence that starts with the path.
    """
    with _opened(path) as stream:
        _pass_header(stream, shape)


def read(path: Path, shape: tuple[int, ...]) -> Tensor:
    """Check and read bytes of a shape, uint8; errors are those of `check`."""
    content = bytearray(prod(shape))
    with _opened(path) as stream:
        _pass_header(stream, shape)
        length = stream.readinto(content)
    if length < len(content):  # the file was cut meanwhile
        raise ValueError(f"ends after {length:,} of {len(content):,} bytes")
    return torch.frombuffer(content, dtype=torch.uint8).reshape(shape)


def _opened(path: Path) -> BufferedReader:
    if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe, say, would take for ever
        raise ValueError("cannot be read (it is no file)")
    return path.open("rb")


def _pass_header(stream: BufferedReader, shape: tuple[int, ...]) -> None:
    header = struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)  # 08: unsigned bytes
    due = len(header) + prod(shape)
    start, size = stream.read(len(header)), os.fstat(stream.fileno()).st_size
    if not header.startswith(start):
        raise ValueError(f"is not the IDX file of {' × '.join(map(str, shape))} bytes that it should be")
    if size != due:
        raise ValueError(f"has {size:,} bytes instead of {due:,}")
