"""Fonts of this machine, and font files that a test writes."""

import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cvae_core.errors import SourceRefused
from cvae_core.sources.made import fonts
from cvae_core.sources.made.font_tables import Tables


def sfnt(tables: dict[bytes, bytes]) -> bytes:
    """Return a font file with these tables."""
    at = 12 + 16 * len(tables)
    entries, body = b"", b""
    for tag, content in tables.items():
        entries += struct.pack(">4sIII", tag, 0, at + len(body), len(content))
        body += content
    return struct.pack(">4sHHHH", b"\0\1\0\0", len(tables), 0, 0, 0) + entries + body


def os2(*, weight: int = 400, width: int = 5, family: int = 0, panose: tuple[int, int] = (0, 0)) -> bytes:
    table = bytearray(78)
    struct.pack_into(">HH", table, 4, weight, width)
    table[30], table[32], table[33] = family, *panose
    return bytes(table)


def cmap(first: str, last: str, *, encoding: tuple[int, int] = (3, 1), glyph: int = 1) -> bytes:
    """Return a cmap with the characters from first to last: format 4, or 12 for (3, 10)."""
    low, high = ord(first), ord(last)
    if encoding == (3, 10):
        table = struct.pack(">HHIII", 12, 0, 28, 0, 1) + struct.pack(">III", low, high, glyph)
    else:
        segments = struct.pack(">HHH", high, 0xFFFF, 0) + struct.pack(">HH", low, 0xFFFF)
        deltas = struct.pack(">HHHH", (glyph - low) % 65536, 1, 0, 0)
        table = struct.pack(">7H", 4, 0, 0, 4, 0, 0, 0) + segments + deltas
    return struct.pack(">HHHHI", 0, 1, *encoding, 12) + table


def tables(**others: bytes) -> Tables:
    content = {b"cmap": cmap("A", "Z"), b"OS/2": os2(), **{name.encode(): table for name, table in others.items()}}
    return Tables(sfnt(content))


def test_a_font_has_the_characters_of_its_segments_and_groups() -> None:
    assert [character for character in "@AZ[" if tables().has(character)] == ["A", "Z"]
    assert not tables().has("\U0001f600")
    wide = tables(cmap=cmap("\U0001f600", "\U0001f602", encoding=(3, 10)))
    assert [wide.has(character) for character in ("\U0001f600", "\U0001f602", "\U0001f603", "A")] == [
        True,
        True,
        False,
        False,
    ]
    assert not tables(cmap=cmap("A", "A", encoding=(3, 10), glyph=0)).has("A")  # glyph 0 means missing


@pytest.mark.parametrize(
    ("stated", "serif"),
    [
        ({"panose": (2, 11)}, False),
        ({"panose": (2, 4)}, True),
        ({"family": 8}, False),
        ({"family": 1}, True),
        ({"panose": (2, 1), "family": 8}, False),
        ({}, None),
    ],
)
def test_serifs_are_what_panose_or_the_family_class_states(stated: dict[str, Any], serif: bool | None) -> None:
    assert Tables(sfnt({b"OS/2": os2(**stated)})).serif is serif


def test_numbers_that_a_font_does_not_state_are_missing() -> None:
    none = Tables(sfnt({}))
    assert all(map(math.isnan, (none.weight, none.width, none.slant))) and none.serif is None
    odd = Tables(sfnt({b"OS/2": os2(weight=5, width=0)}))  # as in fonts of before 2000
    assert math.isnan(odd.weight) and math.isnan(odd.width)
    stated = Tables(sfnt({b"OS/2": os2(weight=700, width=3), b"post": struct.pack(">Ii", 0, -12 << 16)}))
    assert (stated.weight, stated.width, stated.slant) == (700, 75, 12)


def test_symbol_fonts_are_recognised() -> None:
    assert not tables().is_symbols
    assert tables(cmap=cmap("A", "Z", encoding=(3, 0))).is_symbols
    assert Tables(sfnt({b"cmap": cmap("A", "Z"), b"OS/2": os2(panose=(5, 0))})).is_symbols
    assert Tables(sfnt({b"cmap": cmap("A", "Z"), b"OS/2": os2(family=12)})).is_symbols


def test_styles_of_a_variable_font_have_their_weights() -> None:
    axis = struct.pack(">4siiiHH", b"wght", 100 << 16, 400 << 16, 900 << 16, 0, 256)
    styles = b"".join(struct.pack(">HHi", number, 0, weight << 16) for number, weight in ((257, 100), (258, 900)))
    fvar = struct.pack(">8H", 1, 0, 16, 2, 1, 20, 2, 8) + axis + styles
    texts = "Thin".encode("utf-16-be"), "Black".encode("utf-16-be")
    records = struct.pack(">6H", 3, 1, 0x409, 257, 8, 0) + struct.pack(">6H", 3, 1, 0x409, 258, 10, 8)
    name = struct.pack(">HHH", 0, 2, 6 + 24) + records + b"".join(texts)
    assert tables(fvar=fvar, name=name).styles == [("Thin", {"wght": 100.0}), ("Black", {"wght": 900.0})]


def test_the_size_of_colour_pictures_is_that_of_the_largest_strike() -> None:
    strike = bytearray(96)
    strike[45], strike[48 + 45] = 64, 109
    assert tables(CBLC=struct.pack(">II", 0x30000, 2) + bytes(strike)).bitmap_size == 109
    assert tables(sbix=struct.pack(">HHII", 1, 0, 1, 12) + struct.pack(">HH", 160, 72)).bitmap_size == 160
    assert tables().bitmap_size == 0


@pytest.mark.parametrize(
    "content", [b"", b"no font", b"\0\1\0\0\xff\xff", sfnt({}), sfnt({b"cmap": b"\0", b"name": b""})]
)
def test_files_that_are_no_fonts_are_left_out(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ttf").write_bytes(content)
    with pytest.raises(SourceRefused, match=r"^No font in .* has all of the characters 'AB': install fonts .*--fonts"):
        fonts.outlines("AB", [tmp_path])


def test_without_a_colour_font_a_sentence_names_the_package(tmp_path: Path) -> None:
    with pytest.raises(
        SourceRefused, match=r"^No colour font with emoji is in .*: install the package fonts-noto-color-emoji"
    ):
        fonts.coloured("\U0001f600", [tmp_path])
    with pytest.raises(SourceRefused, match=r"nowhere does not exist: give fonts or folders"):
        fonts.outlines("A", [tmp_path / "nowhere"])


def test_licences_name_each_family_once() -> None:
    font = fonts.Font(
        path=Path("a.ttf"),
        family="A",
        style="Bold",
        licence="Free of charge",
        weight=700,
        width=100,
        slant=0,
        serif=None,
    )
    others = [replace(font, style="Book"), replace(font, family="B"), replace(font, family="C", licence="")]
    assert fonts.licences([font, *others]) == "A, B: Free of charge; C: no licence stated"
    assert fonts.licences([replace(font, licence="word " * 60)]).endswith("word …")
