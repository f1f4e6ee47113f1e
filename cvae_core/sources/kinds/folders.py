"""List and read the files of a folder or of a zip. A zip is read in place and never unpacked to disk.

Worker processes import this module: no torch, no pandas.
"""

import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from cvae_core.errors import SourceRefused
from cvae_core.sources.layout import HIDDEN, around
from cvae_core.sources.limits import DEEPEST, FILE_BYTES, LINK, MOST_FILES, RATIO, RATIO_BYTES, SOURCE_BYTES, shown
from cvae_core.sources.pictures import Unreadable
from cvae_core.sources.wishes import Findings
from cvae_core.system.files import MEGABYTE

_ENTRY = b"PK\x01\x02"  # the signature of an entry in a zip's directory
_PIECE = 16 * MEGABYTE


class Listed(NamedTuple):
    """The files of a source: paths with slashes, all folders, and the bytes of all files."""

    paths: Sequence[str]
    folders: Sequence[str]
    total: int


class Folder:
    """A folder of files. Links in it are not followed."""

    def __init__(self, root: Path):
        self.root = root

    def listed(self, findings: Findings) -> Listed:
        """List the files. Raises SourceRefused for more than the limits."""
        paths, folders, total, hidden = [], [], 0, 0
        for path, entry in self._walk("", 0, findings):
            if HIDDEN.fullmatch(path):
                hidden += 1
            elif entry.is_symlink():
                findings.leave_out(path, LINK)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                paths.append(path)
                total += entry.stat(follow_symlinks=False).st_size
            _require_few(len(paths) + len(folders) + hidden)
        return listed(paths, folders, total, hidden, findings)

    def _walk(self, above: str, depth: int, findings: Findings) -> Iterator[tuple[str, os.DirEntry[str]]]:
        try:
            entries = sorted(os.scandir(self.root / above), key=lambda entry: entry.name)
        except OSError as error:
            findings.leave_out(above or str(self.root), f"cannot be opened ({error.strerror})")
            return
        for entry in entries:
            path = f"{above}/{entry.name}" if above else entry.name
            yield path, entry
            if entry.is_dir(follow_symlinks=False) and not HIDDEN.fullmatch(path):
                if depth == DEEPEST:
                    raise SourceRefused(f"The source has more than {DEEPEST} folders inside each other: move them up.")
                yield from self._walk(path, depth + 1, findings)

    def content(self, path: str) -> bytes:
        """Return the content of a file. Raises Unreadable."""
        try:
            found = (self.root / path).lstat()
            if not stat.S_ISREG(found.st_mode):  # opening a pipe would block forever
                raise Unreadable("is not a regular file")
            if found.st_size > FILE_BYTES:
                raise Unreadable(f"has more than {FILE_BYTES // MEGABYTE} MB")
            with (self.root / path).open("rb") as file:
                return file.read(FILE_BYTES)
        except OSError as error:
            raise Unreadable(f"cannot be opened ({error.strerror})") from None
        except ValueError:  # a zero byte in the name
            raise Unreadable("has a name that no file can have") from None

    @cached_property
    def resolved(self) -> Path:
        """The folder without links."""
        return self.root.resolve()

    def size(self, path: str) -> int | None:
        """Return the bytes of a regular file within the folder, None if there is none."""
        try:
            full = (self.root / path).resolve()
            return full.stat().st_size if full.is_relative_to(self.resolved) and full.is_file() else None
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Do nothing: no file stays open."""


class Zip:
    """A zip of files. Its directory is checked completely before any file in it is read."""

    def __init__(self, root: Path):
        self.root = root

    @cached_property
    def archive(self) -> zipfile.ZipFile:
        """The open archive."""
        return zipfile.ZipFile(self.root)

    def listed(self, findings: Findings) -> Listed:
        """List the files. Raises SourceRefused for hostile entries and for more than the limits."""
        self.require_few_entries()
        with self.refusing():
            entries = self.archive.infolist()
        paths, folders, total, hidden = [], set[str](), 0, 0
        for entry in entries:
            name = entry.orig_filename
            if HIDDEN.fullmatch(name.rstrip("/")):
                hidden += not entry.is_dir()
                continue
            _require_harmless(entry)
            folders.update(around(name.rstrip("/") if entry.is_dir() else name.rpartition("/")[0]))
            if not entry.is_dir():
                paths.append(name)
                total += entry.file_size
            _require_few(len(paths) + len(folders) + hidden)
        if len(set(paths)) < len(paths):
            raise SourceRefused("The zip contains two files of the same name: pack it again.")
        self.require_no_bomb(total)
        return listed(paths, sorted(folders), total, hidden, findings)

    def require_no_bomb(self, total: int) -> None:
        """Raise SourceRefused if the files of the archive have so many bytes that it was made to fill a memory or a disk."""
        if total > RATIO_BYTES and total > RATIO * self.root.stat().st_size:
            raise SourceRefused(
                f"{shown(self.root.name)} unpacks to {total // MEGABYTE:,} MB, more than {RATIO} times its size, which no "
                "archive of images does."
            )

    def require_few_entries(self) -> None:
        """Count the entries before zipfile creates an object for each; raise SourceRefused for too many or too many bytes."""
        _require_few_bytes(self.root.stat().st_size)
        count, rest = 0, b""
        with self.root.open("rb") as file:
            while piece := file.read(_PIECE):
                count += (rest + piece).count(_ENTRY)
                rest = piece[1 - len(_ENTRY) :]
        if count > MOST_FILES:
            raise SourceRefused(f"The zip lists more than {MOST_FILES:,} files: take a part of them.")

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turn any error of opening the archive into one sentence."""
        try:
            yield
        except (SourceRefused, Unreadable):
            raise
        except Exception as error:  # zipfile raises more types than can be listed
            raise SourceRefused(f"{shown(self.root.name)} is damaged or no zip: pack it again.") from error

    def content(self, path: str) -> bytes:
        """Return the content of a file, at most as many bytes as the zip states. Raises Unreadable."""
        try:
            entry = self.archive.getinfo(path)
            if entry.file_size > FILE_BYTES:
                raise Unreadable(f"has more than {FILE_BYTES // MEGABYTE} MB")
            with self.archive.open(entry) as file:
                return file.read(entry.file_size)
        except Unreadable:
            raise
        except Exception:  # zipfile and zlib raise more types than can be listed
            raise Unreadable("is damaged in the zip") from None

    def size(self, path: str) -> int | None:
        """Return the bytes of a file in the zip, None if there is none."""
        entry = self.archive.NameToInfo.get(path)
        return None if entry is None or entry.is_dir() else entry.file_size

    def close(self) -> None:
        """Close the archive if it was opened."""
        if "archive" in self.__dict__:
            self.archive.close()


Files = Folder | Zip


def files_of(root: Path) -> Files:
    """Return the reader of a folder or a zip."""
    return Folder(root) if root.is_dir() else Zip(root)


def listed(paths: list[str], folders: Sequence[str], total: int, hidden: int, findings: Findings) -> Listed:
    """Return a listing after the checks that folder and zip share."""
    if hidden:
        findings.leave_out(
            "hidden files", f"are ignored, as are __MACOSX, Thumbs.db and desktop.ini ({hidden:,})", hidden
        )
    _require_few_bytes(total)
    return Listed(sorted(paths), folders, total)


def _require_few(entries: int) -> None:
    if entries > MOST_FILES:
        raise SourceRefused(f"The source has more than {MOST_FILES:,} files and folders: take a part of them.")


def _require_few_bytes(total: int) -> None:
    if total > SOURCE_BYTES:
        raise SourceRefused(
            f"The files of the source have {total / 2**30:.1f} GB, but the limit is {SOURCE_BYTES // 2**30} GB: take a part."
        )


def _require_harmless(entry: zipfile.ZipInfo) -> None:
    name, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
    parts = name.rstrip("/").split("/")
    if "\\" in name:
        raise SourceRefused(
            f"The zip separates folders with backslashes ({shown(name)!r}), which the zip format does not allow: pack it "
            "again with another program."
        )
    if "\0" in name or entry.filename != name:
        raise SourceRefused(f"The zip contains the name {shown(name)!r}, which no file can have: pack it again.")
    if (
        not all(parts)
        or {".", ".."} & set(parts)
        or (len(parts[0]) == 2 and parts[0][1] == ":")
        or len(parts) > DEEPEST
    ):
        raise SourceRefused(
            f"The zip contains the path {shown(name)!r}, which leads outside or is too deep: pack it again."
        )
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SourceRefused(f"{shown(name)} in the zip is a link or a device: pack the files themselves.")
    if entry.flag_bits & 1:
        raise SourceRefused("The zip is encrypted: pack it without a password.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SourceRefused(f"{shown(name)} in the zip is compressed by another method than deflate: pack it again.")
