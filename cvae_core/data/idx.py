"""Check and read IDX files of unsigned bytes (MNIST and similar data sets), plain or compressed by gzip; no torch.

torchvision can read them too. But its import takes about two seconds, which would delay the first visit of the dashboard
and every training.
"""

import os
import stat
import struct
import zlib
from io import BufferedReader
from math import prod
from pathlib import Path

PACKED = ".gz"
Shape = tuple[int, ...]


def header(shape: Shape) -> bytes:
    """Return the header of an IDX file with this shape."""
    return struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)  # 08: unsigned bytes


def read(path: Path, shape: Shape) -> bytearray:
    """Check header and size, for a .gz file also its checksum, and return the content.

    The message of a ValueError completes a sentence that starts with the path.
    """
    with _opened(path) as stream:
        if path.suffix == PACKED:
            return _unpacked(stream, shape)
        _pass_header(stream, shape)
        content = bytearray(prod(shape))
        length = stream.readinto(content)
    if length < len(content):  # the file was truncated while it was read
        raise ValueError(f"ends after {length:,} of {len(content):,} bytes")
    return content


def seems_whole(path: Path, shape: Shape) -> bool:
    """Return whether a .gz file starts with gzip's magic number and ends with the expected size, without unpacking it."""
    with path.open("rb") as stream:
        start = stream.read(2)
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4))
        return start == b"\x1f\x8b" and int.from_bytes(stream.read(4), "little") == len(header(shape)) + prod(shape)


def _opened(path: Path) -> BufferedReader:
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would block forever
        raise ValueError("cannot be read (not a regular file)")
    return path.open("rb")


def _pass_header(stream: BufferedReader, shape: Shape) -> None:
    expected = header(shape)
    due = len(expected) + prod(shape)
    start, size = stream.read(len(expected)), os.fstat(stream.fileno()).st_size
    if not expected.startswith(start):
        raise ValueError(_unexpected(shape))
    if size != due:
        raise ValueError(f"has {size:,} bytes instead of {due:,}")


def _unpacked(stream: BufferedReader, shape: Shape) -> bytearray:
    """Unpack at most one byte more than expected, so that no archive can fill the memory."""
    expected = header(shape)
    due = len(expected) + prod(shape)
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # the gzip format
    try:
        content = unpacking.decompress(stream.read(due + due // 100 + 1024), due + 1)  # compression never adds more
    except zlib.error as error:
        raise ValueError(f"cannot be unpacked ({error})") from error
    if not expected.startswith(content[: len(expected)]):
        raise ValueError(f"{_unexpected(shape)}, compressed by gzip")
    if len(content) != due or not unpacking.eof:
        size = f"more than {due:,}" if len(content) > due else f"{len(content):,}"
        raise ValueError(f"unpacks to {size} bytes instead of {due:,}")
    return bytearray(memoryview(content)[len(expected) :])


def _unexpected(shape: Shape) -> str:
    return f"is not the expected IDX file of {' × '.join(map(str, shape))} bytes"
