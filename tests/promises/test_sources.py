"""Hostile and clumsy sources end in one sentence, or their fault is in the report; nothing is left behind."""

import gzip
import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cvae_core.cli import main
from cvae_core.data import idx
from cvae_core.data.sealed import Sealed
from cvae_core.errors import SourceRefused
from cvae_core.sources import gather as gathering
from cvae_core.sources import limits
from cvae_core.sources.gather import Wishes, gather
from cvae_core.sources.kinds import folders
from tests.measuring import Measured
from tests.promises.hostile import NAMES, any_name
from tests.sources import encoded, folder, pictures, pixels, told, zipped

pytestmark = pytest.mark.promise
FILES = pictures({"a": 6, "b": 6})
IMAGES = np.stack([pixels(seed) for seed in range(12)])
LABELS = np.repeat([0, 1], 6)
Make = Callable[[Path], Path]


def outcome(source: Path, **wishes: Any) -> str:
    """Read a source; return the sentence of the refusal, or all sentences of the report."""
    before = everything(source.parent)
    try:
        *_, found = gather("mine", source, Wishes(**wishes))
    except SourceRefused as error:
        text = str(error)
        assert text.endswith(".")
        assert text.isprintable()
        assert len(text) < 600
    else:
        assert isinstance(found, Sealed)
        text = told(found)
    assert everything(source.parent) == before
    return text


def everything(place: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_size for path in place.rglob("*")}


def entry(name: str, mode: int = stat.S_IFREG | 0o644, method: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    info.external_attr, info.compress_type = mode << 16, method
    return info


def with_entry(info: zipfile.ZipInfo, content: bytes = b"x") -> Make:
    return lambda place: zipped(place / "s.zip", FILES, [(info, content)])


def changed_zip(change: Callable[[bytes], bytes]) -> Make:
    def make(place: Path) -> Path:
        path = zipped(place / "s.zip", FILES)
        path.write_bytes(change(path.read_bytes()))
        return path

    return make


def arrays(**parts: Any) -> Make:
    def make(place: Path) -> Path:
        place.mkdir(exist_ok=True)
        np.savez(place / "s.npz", **parts)
        return place / "s.npz"

    return make


def raw_arrays(parts: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Make:
    def make(place: Path) -> Path:
        place.mkdir(exist_ok=True)
        with zipfile.ZipFile(place / "s.npz", "w", method) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return place / "s.npz"

    return make


def npy(array: np.ndarray, header: bytes | None = None) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    if header is None:
        return buffer.getvalue()
    padded = header + b" " * (64 - (len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(padded)) + padded + array.tobytes()


IDX_LABELS = "s-labels-idx1-ubyte"


def idx_files(images: bytes, labels: bytes | None = None, packed: bool = False) -> Make:
    def make(place: Path) -> Path:
        place.mkdir(parents=True, exist_ok=True)
        end = ".gz" if packed else ""
        (place / f"s-images-idx3-ubyte{end}").write_bytes(images)
        if labels is not None:
            (place / IDX_LABELS).write_bytes(labels)
        return place / f"s-images-idx3-ubyte{end}"

    return make


GOOD_IDX = idx.header(IMAGES.shape) + IMAGES.tobytes()
GOOD_IDX_LABELS = idx.header((12,)) + LABELS.astype(np.uint8).tobytes()


def table(text: str | bytes, name: str = "t.csv") -> Make:
    def make(place: Path) -> Path:
        content = text if isinstance(text, bytes) else text.encode()
        return folder(place / "s", {**FILES, name: content}) / name

    return make


ROWS = "".join(f"{name},{name[0]}\n" for name in FILES)


def in_folder(more: Mapping[str, bytes], files: Mapping[str, bytes] = FILES) -> Make:
    return lambda place: folder(place / "s", {**files, **more})


def with_link(target: str, name: str = "a/link.png") -> Make:
    def make(place: Path) -> Path:
        source = folder(place / "s", FILES)
        (source / name).symlink_to(target)
        return source

    return make


def through_a_link(place: Path) -> Path:
    """Return a table that names a picture outside its folder, reached by a link."""
    source = table(f"file,label\n{ROWS}up/secret.png,a\n")(place)
    folder(place / "outside", {"secret.png": encoded(pixels(99))})
    (source.parent / "up").symlink_to(place / "outside")
    return source


def with_pipe(place: Path) -> Path:
    source = folder(place / "s", FILES)
    os.mkfifo(source / "a" / "pipe.png")
    return source


def linked(file: Path, place: Path) -> Path:
    """Make a link to a file in a folder, and return the folder."""
    place.mkdir(exist_ok=True)
    (place / file.name).symlink_to(file)
    return place


def sparse(place: Path, name: str) -> Path:
    """Return a file of eight terabytes that takes no space."""
    source = single(name, b"PK\3\4")(place)
    os.truncate(source, 2**43)
    return source


def pipe(place: Path) -> Path:
    place.mkdir()
    os.mkfifo(place / "s.zip")
    return place / "s.zip"


def single(name: str, content: bytes) -> Make:
    return lambda place: folder(place, {name: content}) / name


def damaged(path: Path, content: bytes) -> Path:
    """Change some bytes in a file."""
    path.write_bytes(path.read_bytes().replace(content, b"\xff" * len(content)))
    return path


def bomb(place: Path) -> Path:
    """Return a zip whose files are blank and together have two megabytes."""
    blank = b"\0" * 2**17
    path = zipped(place / "s.zip", {})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(16):
            archive.writestr(f"a/{index}.png", blank)
    return path


def encrypted(content: bytes) -> bytes:
    return content.replace(b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0", 1)


def deep(depth: int) -> dict[str, bytes]:
    return {f"a/{'d/' * depth}x.png": FILES["a/0.png"]}


BIG = encoded(Image.new("1", (30_000, 3_000)))
CASES: dict[str, tuple[Make, str]] = {  # a source, and words of the refusal or of the report
    # zip
    "zip: dots": (with_entry(entry("../x.png")), "leads outside or is too deep"),
    "zip: dots inside": (with_entry(entry("a/../../x.png")), "leads outside"),
    "zip: a dot": (with_entry(entry("./x.png")), "leads outside"),
    "zip: absolute": (with_entry(entry("/etc/x.png")), "leads outside"),
    "zip: drive": (with_entry(entry("C:/x.png")), "leads outside"),
    "zip: two slashes": (with_entry(entry("a//x.png")), "leads outside"),
    "zip: backslashes": (with_entry(entry("a\\x.png")), "separates folders with backslashes"),
    "zip: too deep": (lambda place: zipped(place / "s.zip", FILES | deep(40)), "too deep"),
    "zip: link": (with_entry(entry("a/x.png", stat.S_IFLNK | 0o777), b"/etc/passwd"), "is a link or a device"),
    "zip: device": (with_entry(entry("a/x.png", stat.S_IFCHR | 0o666)), "is a link or a device"),
    "zip: pipe": (with_entry(entry("a/x.png", stat.S_IFIFO | 0o666)), "is a link or a device"),
    "zip: other compression": (with_entry(entry("a/x.png", method=zipfile.ZIP_LZMA)), "another method than deflate"),
    "zip: bzip2": (with_entry(entry("a/x.png", method=zipfile.ZIP_BZIP2)), "another method than deflate"),
    "zip: encrypted": (changed_zip(encrypted), "is encrypted"),
    "zip: a bomb": (bomb, "more than 200 times its size"),
    "zip: a zip in it": (with_entry(entry("a/x.zip"), b"PK\3\4"), "a/x.zip is not a picture"),
    "zip: truncated": (changed_zip(lambda content: content[:-40]), "is damaged or no zip"),
    "zip: only its start": (changed_zip(lambda content: content[:100]), "is damaged or no zip"),
    "zip: empty": (lambda place: zipped(place / "s.zip", {}), "has no pictures"),
    "zip: a directory elsewhere": (changed_zip(lambda old: old[:-6] + b"\xff\xff\xff\x7f" + old[-2:]), "is damaged"),
    "zip: flipped picture": (changed_zip(lambda content: content.replace(b"IDAT", b"IDAS", 1)), "is damaged in the zip"),
    "zip: no pictures": (lambda place: zipped(place / "s.zip", {"a/readme": b"x"}), "a/readme is not a picture"),
    "zip: only hidden files": (lambda place: zipped(place / "s.zip", {"__MACOSX/a/0.png": b"x"}), "has no pictures"),
    "zip: by another name": (single("s.zip", b"Rar!\x1a\x07\0"), "is none of the kinds"),
    "zip: in fact a pipe": (pipe, "is no regular file"),
    "tar": (single("s.tar.gz", gzip.compress(b"x" * 600)), "is none of the kinds"),
    "one picture": (single("s.png", FILES["a/0.png"]), "is none of the kinds"),
    "text": (single("s.txt", b"hello"), "is none of the kinds"),
    "empty file": (single("s", b""), "is none of the kinds"),
    "nothing": (lambda place: place / "nowhere", "There is no"),
    "zip: terabytes": (lambda place: sparse(place, "s.zip"), "have 8192.0 GB"),
    "npz: terabytes": (lambda place: sparse(place, "s.npz"), "have 8192.0 GB"),
    # folder
    "folder: empty": (lambda place: folder(place / "s", {"readme": b"x"}), "readme is not a picture"),
    "folder: no files": (lambda place: (place / "s").mkdir(parents=True) or place / "s", "has no pictures"),
    "folder: link to a file": (with_link("/etc/passwd"), "a/link.png is a link"),
    "folder: link to a folder": (with_link("/", "c"), "c is a link"),
    "folder: link to itself": (with_link(".", "a/again"), "a/again is a link"),
    "folder: pipe": (with_pipe, "a/pipe.png is not a regular file"),
    "folder: too deep": (in_folder(deep(40)), "folders inside each other"),
    "folder: files beside classes": (in_folder({"x.png": FILES["a/0.png"]}), "x.png lies outside the folders of classes"),
    "folder: files beside splits": (
        lambda place: folder(place / "s", {**pictures({"train/a": 12, "test/a": 4}), "x.png": b""}),
        "x.png lies outside the folders",
    ),
    "folder: no training": (
        lambda place: folder(place / "s", pictures({"val/a": 12, "test/a": 4})),
        "gives only the splits validation, test",
    ),
    "folder: eleven copies": (
        lambda place: folder(place / "s", {f"a/{index}.png": FILES["a/0.png"] for index in range(11)}),
        "The split validation would have no images",
    ),
    "folder: two equal classes": (
        lambda place: folder(place / "s", {**FILES, **{f"c/{name[2:]}": FILES[name] for name in FILES if name[0] == "a"}}),
        "equals an image of another class",
    ),
    "folder: a class of control characters": (in_folder({"c\x1b[2J/x.png": FILES["a/0.png"]}), "cannot be printed"),
    "folder: a class of blanks": (in_folder({" /x.png": FILES["a/0.png"]}), "empty name"),
    "folder: undecodable": (in_folder({os.fsdecode(b"\xff\xfe/x.png"): FILES["a/0.png"]}), "cannot be printed"),
    "folder: a table too many": (in_folder({"t.csv": b"a,b\n1,2\n"}), "t.csv is not read"),
    "folder: one image of a class": (in_folder({"c/x.png": encoded(pixels(77))}), "Fewer than 10 images"),
    # pictures in a folder
    **{
        f"picture: {fault}": (in_folder({"a/x.png": content}), f"a/x.png {reason}")
        for fault, content, reason in (
            ("empty", b"", "is not a picture"),
            ("text", b"hello", "is not a picture"),
            ("HTML", b"<html><script>", "is not a picture"),
            ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a picture"),
            ("pickle", b"\x80\x04\x95", "is not a picture"),
            ("PDF", b"%PDF-1.7", "is not a picture"),
            ("PostScript", b"%!PS-Adobe-3.0 EPSF", "is not a picture"),
            ("BMP", encoded(IMAGES[0], "BMP"), "is not a picture"),
            ("TIFF", encoded(IMAGES[0], "TIFF"), "is not a picture"),
            ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n", "is not a picture"),
            ("icon", encoded(IMAGES[0], "ICO"), "is not a picture"),
            ("bomb", BIG, "has more than 89 million pixels"),
            ("PNG of no size", FILES["a/0.png"][:16] + b"\0" * 8 + FILES["a/0.png"][24:], ""),
            ("PNG of false size", FILES["a/0.png"][:16] + b"\0\0\x0f\xff" * 2 + FILES["a/0.png"][24:], ""),
            ("PNG without pixels", FILES["a/0.png"][:33], ""),
            ("PNG with a false checksum", FILES["a/0.png"].replace(b"IHDR", b"IHDS"), ""),
            ("truncated PNG", FILES["a/0.png"][:-60], "is damaged or incomplete"),
            ("truncated JPEG", encoded(pixels(1, 90, 90), "JPEG")[:900], "is damaged or incomplete"),
            ("truncated GIF", encoded(IMAGES[0], "GIF")[:100], ""),
            ("truncated WebP", encoded(IMAGES[0], "WEBP")[:40], ""),
        )
    },
    # arrays
    "npz: text": (single("s.npz", b"hello"), "is damaged or no zip"),
    "npz: empty": (single("s.npz", b""), "is damaged or no zip"),
    "npz: no arrays": (raw_arrays({}), "has no arrays x and y"),
    "npz: other names": (arrays(pictures=IMAGES), "its arrays: pictures"),
    "npz: labels only": (arrays(y=LABELS), "has no arrays x and y"),
    "npz: objects": (raw_arrays({"x.npy": npy(np.array([{}, "a"], object))}), "elements of type object"),
    "npz: objects as labels": (arrays(x=IMAGES, y=np.array([None] * 12)), "elements of type object"),
    "npz: records": (arrays(x=np.zeros(12, [("a", "i4")])), "elements of type"),
    "npz: complex": (arrays(x=IMAGES.astype(complex)), "elements of type complex128"),
    "npz: dates": (arrays(x=IMAGES, y=np.zeros(12, "datetime64[s]")), "elements of type datetime64"),
    "npz: texts as images": (arrays(x=np.array([["a"] * 16] * 12)), "images are needed as numbers"),
    "npz: one dimension": (arrays(x=np.zeros(12)), "images are needed as numbers"),
    "npz: no dimension": (arrays(x=np.zeros(())), "does not have as many bytes"),
    "npz: five dimensions": (arrays(x=np.zeros((12, 2, 2, 2, 2))), "images are needed as numbers"),
    "npz: two channels": (arrays(x=np.zeros((12, 16, 16, 2))), "images are needed as numbers"),
    "npz: not square": (arrays(x=np.zeros((12, 250))), "images are needed as numbers"),
    "npz: no images": (arrays(x=IMAGES[:0]), "images are needed as numbers"),
    "npz: images of no size": (arrays(x=np.zeros((12, 0, 0))), "images are needed as numbers"),
    "npz: column by column": (arrays(x=np.asfortranarray(IMAGES)), "stored column by column"),
    "npz: not finite": (arrays(x=np.full((12, 16, 16), np.nan)), "not finite"),
    "npz: infinite": (arrays(x=np.full((12, 16, 16), np.inf)), "not finite"),
    "npz: negative": (arrays(x=IMAGES.astype(int) - 300), "values from -300"),
    "npz: too bright": (arrays(x=IMAGES * 300.0), "values from 0 to"),
    "npz: different ranges": (
        arrays(train_images=IMAGES / 1.0, test_images=IMAGES[:3] / 255), "images.npy 0 … 255, test_images.npy 0 … 1): convert"
    ),
    "npz: labels too few": (arrays(x=IMAGES, y=LABELS[:3]), "need one label each"),
    "npz: labels of many classes": (arrays(x=IMAGES, y=np.zeros((12, 14))), "need one label each"),
    "npz: broken labels": (arrays(x=IMAGES, y=LABELS + 0.5), "no whole numbers"),
    "npz: NaN as labels": (arrays(x=IMAGES, y=LABELS * np.nan), "no whole numbers"),
    "npz: empty labels": (arrays(x=IMAGES, y=np.array([""] * 6 + ["a"] * 6)), "empty texts"),
    "npz: labels of control characters": (arrays(x=IMAGES, y=np.array(["a\x1b"] * 6 + ["a"] * 6)), "cannot be printed"),
    "npz: long labels": (arrays(x=IMAGES, y=np.array(["a" * 300] * 6 + ["b"] * 6)), "has 300 characters"),
    "npz: labels in one split": (
        arrays(train_images=IMAGES, train_labels=LABELS, test_images=IMAGES[:2]), "others have none"
    ),
    "npz: without a test": (arrays(train_images=IMAGES, train_labels=LABELS), "--splits drawn"),
    "npz: header of a bomb": (
        raw_arrays({"x.npy": npy(IMAGES, b"{'descr': '|u1', 'fortran_order': False, 'shape': (200000, 9999, 9999), }")}),
        "does not have as many bytes",
    ),
    "npz: negative shape": (
        raw_arrays({"x.npy": npy(IMAGES, b"{'descr': '|u1', 'fortran_order': False, 'shape': (-12, 16, 16), }")}),
        "does not have as many bytes",
    ),
    "npz: brackets": (raw_arrays({"x.npy": npy(IMAGES, b"(" * 5000)}), "is damaged or no NumPy array"),
    "npz: code": (raw_arrays({"x.npy": npy(IMAGES, b"__import__('os').system('true')")}), "is damaged or no NumPy array"),
    "npz: long header": (raw_arrays({"x.npy": npy(IMAGES, b"{" + b" " * 20_000)}), "is damaged or no NumPy array"),
    "npz: no header": (raw_arrays({"x.npy": b"hello"}), "is damaged or no NumPy array"),
    "npz: of a future version": (raw_arrays({"x.npy": b"\x93NUMPY\t\0" + npy(IMAGES)[8:]}), "is damaged or no NumPy array"),
    "npz: truncated array": (raw_arrays({"x.npy": npy(IMAGES)[:-9]}), "does not have as many bytes"),
    "npz: longer array": (raw_arrays({"x.npy": npy(IMAGES) + b"x"}), "does not have as many bytes"),
    "npz: other compression": (raw_arrays({"x.npy": npy(IMAGES)}, zipfile.ZIP_LZMA), "another method than deflate"),
    "npz: flipped bits": (
        lambda place: damaged(raw_arrays({"x.npy": npy(IMAGES)}, zipfile.ZIP_STORED)(place), IMAGES.tobytes()[:64]),
        "x.npy is damaged",
    ),
    "npz: many arrays": (arrays(x=IMAGES, **{f"a{index}": LABELS for index in range(70)}), "more than 64 arrays"),
    "npz: a bomb": (
        raw_arrays({"x.npy": npy(np.zeros((12, 16, 16), np.uint8)), "y.npy": b"\0" * 2**21}), "more than 200 times"
    ),
    # IDX
    "idx: of other numbers": (idx_files(b"\0\0\x0d\3" + GOOD_IDX[4:]), "is no IDX file"),
    "idx: of two dimensions": (idx_files(b"\0\0\x08\2" + GOOD_IDX[4:]), "1, 3 or 4 dimensions"),
    "idx: truncated": (idx_files(GOOD_IDX[:-1]), "instead of"),
    "idx: longer": (idx_files(GOOD_IDX + b"x"), "instead of"),
    "idx: only a header": (idx_files(GOOD_IDX[:10]), "ends in its header"),
    "idx: a huge header": (idx_files(b"\0\0\x08\3" + b"\xff" * 12), "instead of"),
    "idx: labels alone": (idx_files(GOOD_IDX_LABELS), "contains labels"),
    "idx: labels too few": (idx_files(GOOD_IDX, idx.header((3,)) + b"\0\1\2"), "need one label each"),
    "idx: images as labels": (idx_files(GOOD_IDX, GOOD_IDX), "need one label each"),
    "idx: broken labels": (idx_files(GOOD_IDX, b"hello"), "is no IDX file"),
    "idx: packed": (idx_files(gzip.compress(GOOD_IDX), packed=True), "--splits drawn"),
    "idx: packed and truncated": (idx_files(gzip.compress(GOOD_IDX)[:-30], packed=True), "damaged"),
    "idx: packed and too short": (idx_files(gzip.compress(GOOD_IDX[:-5]), packed=True), "ends before its last image"),
    "idx: packed and too long": (idx_files(gzip.compress(GOOD_IDX + b"x"), packed=True), "more bytes than its header"),
    "idx: packed with a false checksum": (
        idx_files(gzip.compress(GOOD_IDX)[:-8] + b"\0" * 8, packed=True), "cannot be read or unpacked"
    ),
    "idx: a packed bomb": (idx_files(gzip.compress(b"\0\0\x08\3" + b"\xff" * 12), packed=True), "a data set has at most"),
    "idx: a folder of links": (
        lambda place: linked(idx_files(GOOD_IDX)(place / "elsewhere"), place / "s"), "none of images"
    ),
    "idx: labels that are a link": (
        lambda place: linked(idx_files(GOOD_IDX, GOOD_IDX_LABELS)(place / "elsewhere").with_name(IDX_LABELS),
                             idx_files(GOOD_IDX)(place / "s").parent),
        "There is one class only",
    ),
    "idx: a folder of labels": (
        lambda place: idx_files(GOOD_IDX_LABELS)(place).parent, "none of images"
    ),
    # tables
    "csv: empty": (table(""), "cannot be read"),
    "csv: only a header": (table("file,label\n"), "has no rows"),
    "csv: not UTF-8": (table(b"file,label\n\xff\xfe,a\n"), "cannot be read"),
    "csv: a zip": (table(b"PK\3\4\0\0\0\0"), "has no rows"),
    "csv: no files": (table("file,label\nx,y\n"), "names files that exist"),
    "csv: absolute": (table(f"file,label\n{ROWS}/etc/passwd,a\n"), "may lie outside its folder"),
    "csv: dots": (table(f"file,label\n{ROWS}../../etc/passwd,a\n"), "may lie outside its folder"),
    "csv: dots inside": (table(f"file,label\n{ROWS}a/../../x,a\n"), "may lie outside its folder"),
    "csv: home": (table(f"file,label\n{ROWS}~/x,a\n"), "may lie outside its folder"),
    "csv: drive": (table(f"file,label\n{ROWS}C:\\x,a\n"), "may lie outside its folder"),
    "csv: address": (table(f"file,label\n{ROWS}file:///etc/passwd,a\n"), "file:///etc/passwd does not exist"),
    "csv: missing file": (table(f"file,label\n{ROWS}a/77.png,a\n"), "a/77.png does not exist"),
    "csv: a folder": (table(f"file,label\n{ROWS}a,a\n"), "a does not exist"),
    "csv: empty file name": (table(f"file,label\n{ROWS},a\n"), "row 14 names no file"),
    "csv: each file in two classes": (
        table(f"file,label\n{ROWS}{ROWS.replace(',', ',other ')}"), "has 0 usable images (a/0.png equals an image of another"
    ),
    "csv: empty class": (table(f"file,label\n{ROWS.replace('a/0.png,a', 'a/0.png,')}"), "a/0.png has no class"),
    "csv: without classes": (table(f"file,tone\n{ROWS}"), "--labels none"),
    "csv: damaged in a zip": (
        lambda place: damaged(
            zipped(place / "s.zip", {**{name[2:]: FILES[name] for name in FILES}, "t.csv": b"file,label"}), b"file,label"
        ),
        "t.csv is damaged in the zip",
    ),
    "csv: through a link": (through_a_link, "up/secret.png does not exist"),
    "csv: only absolute": (table("file,label\n/etc/passwd,a\n"), "names files that exist below its folder"),
    "csv: a quote": (table(f'file,label\n"{ROWS}'), "cannot be read"),
    "csv: ragged": (table(f"file,label\n{ROWS}a/1.png,a,b,c,d\n"), "cannot be read"),
    "csv: many columns": (table("," * 2_000 + "\n"), "more than 1,000 columns"),
    "csv: zero bytes": (table(f"file,label\n{ROWS}a/\0.png,a\n"), "does not exist"),
    "csv: formulas": (table(f"file,label,=1+1\n{ROWS.replace(chr(10), ',=cmd()' + chr(10))}"), "--labels label"),
    "csv: columns of one name": (table(f"file,label,label\n{ROWS.replace(chr(10), ',x' + chr(10))}"), "--labels label"),
    "csv: an attribute without values": (table(f"file,label,tone\n{ROWS.replace(chr(10), ',' + chr(10))}"), "are missing"),
    "csv: an attribute of control characters": (
        table(f"file,label,tone\n{ROWS.replace(chr(10), ',x' + chr(27) + chr(10))}"), "cannot be printed"
    ),
    "csv: infinite numbers": (table(f"file,label,tone\n{ROWS.replace(chr(10), ',1e999' + chr(10))}"), "--labels label"),
}  # fmt: skip


def test_every_fault_ends_in_a_sentence_or_is_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    monkeypatch.setattr(folders, "RATIO_BYTES", 2**20)  # so that bombs can be small here
    wrong = {}
    for number, (fault, (make, words)) in enumerate(CASES.items()):
        text = outcome(make(tmp_path / str(number)))
        if words not in text:
            wrong[fault] = text
    assert wrong == {}
    measured("sources", faults=len(CASES))


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", ["zip", "table"])
def test_no_name_leads_out_of_a_source(kind: str, every: int, tmp_path: Path, measured: Measured) -> None:
    tried = 0

    def read(name: str) -> None:
        nonlocal tried
        place = tmp_path / str(tried)
        tried += 1
        if kind == "zip":
            text = outcome(zipped(place / "s.zip", FILES, [(entry(f"a/{name}" if tried % 2 else name), b"x")]))
        else:
            quoted = '"' + name.replace('"', '""') + '"'
            text = outcome(table(f"file,label\n{ROWS}{quoted},a\n".encode("utf-8", "replace"))(place))
        assert "root:" not in text

    for name in NAMES[::every]:
        read(name)
    settings(max_examples=40 // every, deadline=None, database=None, suppress_health_check=list(HealthCheck))(
        given(any_name)(read)
    )()
    measured("sources", names=tried)


def test_no_header_of_an_array_is_believed(tmp_path: Path, measured: Measured) -> None:
    tried = 0
    headers = st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda descr, order, shape: (
                f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
            ),
            st.sampled_from(["|u1", "<f8", "|O", "<U9", ">i2", "|b1", "<M8[s]", "|V7", "", "u1,u1"]),
            st.sampled_from([True, False, None, 1]),
            st.lists(st.sampled_from([-1, 0, 1, 3, 12, 16, 2**31, 2**63, 2**70, 1.5]), max_size=5).map(tuple),
        ),
    )

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(headers)
    def refuses(header: bytes) -> None:
        nonlocal tried
        tried += 1
        outcome(raw_arrays({"x.npy": npy(IMAGES, header)})(tmp_path / str(tried)))

    refuses()
    measured("sources", headers=tried)


@pytest.mark.parametrize(
    ("where", "limit", "value", "words"),
    [
        (limits, "MOST_IMAGES", 11, "12 images, but a data set has at most 11"),
        (folders, "MOST_FILES", 11, "more than 11 files"),
        (folders, "MOST_FILES", 13, "more than 13 files and folders"),
        (limits, "MEMORY_BYTES", 100, "but the limit is 0 GB"),
        (folders, "FILE_BYTES", 40, "has more than 0 MB"),
        (folders, "SOURCE_BYTES", 40, "take a part"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_limits_hold_before_pictures_are_read(
    where: Any, limit: str, value: int, words: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(tmp_path / "s", FILES) if kind == "folder" else zipped(tmp_path / "s.zip", FILES)
    monkeypatch.setattr(where, limit, value)
    assert words in outcome(source)


def test_limits_of_tables_and_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {f"{index}/x.png": encoded(pixels(index)) for index in range(201)}
    assert "201 classes, but a data set has at most 200" in outcome(folder(tmp_path / "many", many))
    monkeypatch.setattr(gathering, "TABLE_BYTES", 10)
    assert "t.csv has more than 0 MB" in outcome(table(f"file,label\n{ROWS}")(tmp_path / "long"))


def test_the_command_ends_with_two_and_stores_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    source = zipped(tmp_path / "s.zip", FILES)
    lines = [["mine", str(with_entry(entry("../x.png"))(tmp_path / "hostile"))]]
    lines += [["mine", ""], ["", str(source)]]
    lines += [[name, str(source)] for name in NAMES[::4] if name and not name.startswith("-")]
    for words in lines:
        assert main.main(["data", "add", *words]) == 2, words
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "Traceback" not in error
    assert not (tmp_path / "data").exists()
    assert not list(tmp_path.rglob("x.png"))
