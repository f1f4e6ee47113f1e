"""A selection of points survives encoding in an address; invalid selections are recognised."""

import base64
import zlib

import numpy as np
import pytest

from app.widgets.map_selection import packed, unpacked

LONGEST = 2000  # characters of an address that all browsers and servers accept


def text_of(content: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("=")


@pytest.mark.parametrize(
    "indices", [(), (0,), (9999,), (0, 9999), tuple(range(10_000)), tuple(range(3, 5000, 7))], ids=len
)
def test_what_was_packed_is_unpacked(indices: tuple[int, ...]) -> None:
    assert unpacked(packed(indices)) == indices
    assert unpacked(packed(indices[::-1])) == indices


def test_half_of_a_map_of_5000_points_fits_into_an_address() -> None:
    half = np.random.default_rng(0).choice(5000, 2500, replace=False).tolist()
    assert len(packed(half)) < LONGEST
    assert unpacked(packed(half)) == tuple(sorted(half))


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "eNrt",
        "3,5,8",
        "é" * 8,
        "a b",
        packed([3])[:-4],
        packed([3]) + "!",
        packed([3]) + "AAAA",
        text_of(b""),
        text_of(bytes(1249)),
        text_of(bytes(1251)),
        text_of(bytes(100_000_000)),
    ],
    ids=range(12),
)
def test_what_is_no_selection_is_none(text: str) -> None:
    assert unpacked(text) is None
