"""Check and read the files of MNIST and its kin, unsigned bytes in the IDX format, plain or packed by gzip; no torch.

torchvision reads them too, but it takes about two seconds to import, which the first visit of the dashboard and every
training would wait for.
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
    """Return the bytes with which a file of that shape begins."""
    return struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape)  # 08: unsigned bytes


def read(path: Path, shape: Shape) -> bytearray:
    """Read the bytes of a shape after checking header and size, in a .gz file also its checksum.

    A ValueError says what is wrong as the rest of a sentence that starts with the path.
    """
    with _opened(path) as stream:
        if path.suffix == PACKED:
            return _unpacked(stream, shape)
        _pass_header(stream, shape)
        content = bytearray(prod(shape))
        length = stream.readinto(content)
    if length < len(content):  # the file was cut meanwhile
        raise ValueError(f"ends after {length:,} of {len(content):,} bytes")
    return content


def seems_whole(path: Path, shape: Shape) -> bool:
    """Say whether a .gz file begins as one and ends with the size of a file of that shape, without unpacking it."""
    with path.open("rb") as stream:
        start = stream.read(2)
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4))
        return start == b"\x1f\x8b" and int.from_bytes(stream.read(4), "little") == len(header(shape)) + prod(shape)


def _opened(path: Path) -> BufferedReader:
    if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe, say, would take for ever
        raise ValueError("cannot be read (it is no file)")
    return path.open("rb")


def _pass_header(stream: BufferedReader, shape: Shape) -> None:
    expected = header(shape)
    due = len(expected) + prod(shape)
    start, size = stream.read(len(expected)), os.fstat(stream.fileno()).st_size
    if not expected.startswith(start):
        raise ValueError(_foreign(shape))
    if size != due:
        raise ValueError(f"has {size:,} bytes instead of {due:,}")


def _unpacked(stream: BufferedReader, shape: Shape) -> bytearray:
    """Unpack at most one byte more than there should be, so that no archive fills the memory."""
    expected = header(shape)
    due = len(expected) + prod(shape)
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # the gzip format
    try:
        content = unpacking.decompress(stream.read(due + due // 100 + 1024), due + 1)  # packing never adds that much
    except zlib.error as error:
        raise ValueError(f"cannot be unpacked ({error})") from error
    if not expected.startswith(content[: len(expected)]):
        raise ValueError(f"{_foreign(shape)}, packed by gzip")
    if len(content) != due or not unpacking.eof:
        size = f"more than {due:,}" if len(content) > due else f"{len(content):,}"
        raise ValueError(f"unpacks to {size} bytes instead of {due:,}")
    return bytearray(memoryview(content)[len(expected) :])


def _foreign(shape: Shape) -> str:
    return f"is not the IDX file of {' × '.join(map(str, shape))} bytes that it should be"
