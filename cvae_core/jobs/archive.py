"""Export a run to one file, and import it: archives are untrusted input and are checked before they are unpacked.

An archive is a zip of the run's folder. If another program packed it again, it may have parent folders, or no folder, and
entries that macOS or Windows added; these are ignored. Nothing in an archive is trusted: names are compared with a list and
sizes with limits, all in memory, before anything is unpacked. Then the files are written to a temporary folder, where
`archive_checks` opens them. At the end this folder gets the run's name. An imported run is complete and of this version of
the lab. Digests cannot show that its figures are true, so its card records its origin.
"""

import io
import logging
import re
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cvae_core.data import fingerprints
from cvae_core.errors import ArchiveRefused, LabError, NotWritable
from cvae_core.jobs.archive_checks import require_sound
from cvae_core.jobs.housekeeping import changing, vacant
from cvae_core.runs.run import STAGES, Run, run_at
from cvae_core.system import files
from cvae_core.system.files import MEGABYTE
from cvae_core.system.folders import NAME, name_of

LOG = logging.getLogger(__name__)
LIMITS: Mapping[str, int] = {  # the files of a run with their largest sizes in bytes; the first four are required
    r"card\.json": MEGABYTE,
    r"curves\.csv": 4 * MEGABYTE,
    r"stages\.npz": 64 * MEGABYTE,
    r"weights-[0-9a-f]{8}\.safetensors": 256 * MEGABYTE,
    r"(cll|draws|judgement)\.json": MEGABYTE,
    r"embedding-(tsne|pca)(-[0-9]{1,6}){0,2}(-3d)?\.npz": 128 * MEGABYTE,
}
NEEDED = tuple(LIMITS)[:4]
MAX_FILES = 32
MAX_BYTES = 512 * MEGABYTE  # of an archive, and of all files in it together
ARRAY, ARRAY_BYTES = r"[a-z0-9_]{1,32}\.npy", 128 * MEGABYTE  # in an .npz file, which is also a zip
MAX_ENTRIES = 1024  # of a zip's directory, including entries that other programs add
_ADDED = r"__MACOSX/.*|(.*/)?(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)"  # added by macOS and Windows; never read
_EXPORT = "Export the run again with python -m cvae_core export RUN --zip FILE.zip."
_ENTRY = b"PK\x01\x02"  # the signature of an entry in a zip's directory


def packed(run: Run) -> bytes:
    """Return a finished run as an archive, after the checks that importing it makes.

    Raises RunNotFound, RunDamaged, ArchiveRefused.
    """
    card = require_sound(run)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(run.folder.iterdir()):
            stale = path.name.startswith("weights-") and card.weights and path.name != card.weights.file
            if _limit(path.name) and not stale:
                archive.writestr(f"{run.name}/{path.name}", files.read(path))
    _unpacked(buffer.getvalue())
    LOG.info("run %s: packed, %d bytes", run.name, len(buffer.getvalue()))
    return buffer.getvalue()


def holds_images(run: Run) -> tuple[str, ...]:
    """Return the names of a run's files with pictures of its data set's images; none if the data set is public.

    Data sets that are built in or part of the lab are public. The stages show test images as the model reconstructs or
    completes them; the other files hold no images.
    """
    card = run.card()
    return () if fingerprints.is_public(card.config.dataset, card.data_fingerprint) else (STAGES,)


def unpack(archive: Path, root: Path, name: str | None = None) -> Run:
    """Unpack an archive into a new run under `root` after all checks; `name` replaces the run's name in the archive.

    An invalid name of the archive's folder is turned into a valid one; without a folder, the run is named after the
    archive. Raises ArchiveRefused if the archive is no run as `packed` writes it, RunInUse if a run of that name exists,
    and NotWritable. After an error nothing has changed.
    """
    with _refusing(archive):
        origin, contents = _unpacked(_read(archive))
    run = run_at(name_of(origin or archive.stem) if name is None else name, root)
    remedy = "import this one under another name with --run NAME"
    vacant(root, run.name, remedy)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with files.folder_beside(run.folder) as beside:
            arriving = Run(beside / run.name)
            for file, content in contents.items():
                files.write(arriving.folder / file, content)
            with _refusing(archive, f"{beside}/"):
                card = require_sound(arriving)
            arriving.write_card(replace(card, imported=_origin(archive), read_only=False))
            with changing(root):
                arriving.folder.rename(vacant(root, run.name, remedy))
    except OSError as error:
        raise NotWritable(f"{run.folder} could not be written ({error.strerror}): choose another --root.") from error
    LOG.info("run %s: imported", run.name)
    return run


@contextmanager
def _refusing(archive: Path, beside: str = "") -> Iterator[None]:
    """Turn any error of reading untrusted bytes into one sentence about the archive."""
    try:
        yield
    except LabError as error:
        reason = str(error).replace(beside, "").removesuffix(f" {files.REMEDY}")
        raise ArchiveRefused(f"{archive} is not imported: {reason}") from error
    except Exception as error:  # zipfile, NumPy, pandas and safetensors raise more errors than can be listed
        raise ArchiveRefused(f"{archive} is not imported: it is not a valid archive of a run. {_EXPORT}") from error


def _origin(archive: Path) -> str:
    """Return the day of the import and the archive's name, of which only letters, digits and . _ - are kept."""
    return f"{datetime.now(UTC).date()} from {re.sub(r'[^A-Za-z0-9._-]', '_', archive.name)[:64]}"


def _limit(file: str) -> int:
    """Return the largest size in bytes of a run's file of that name; 0 if a run has no such file."""
    return next((limit for kind, limit in LIMITS.items() if re.fullmatch(kind, file)), 0)


def _read(archive: Path) -> bytes:
    if archive.is_dir():  # some browsers unpack downloads
        raise ArchiveRefused("it is a folder, not a file: pack it as a .zip and import that.")
    if not archive.is_file():
        raise ArchiveRefused("there is no such file.")
    with archive.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ArchiveRefused(f"it has more than {MAX_BYTES // MEGABYTE} MB.")
    return content


def _unpacked(content: bytes) -> tuple[str, dict[str, bytes]]:
    """Return the name of the run's folder in an archive, empty if there is none, and the run's files by name."""
    with _opened(content) as archive:
        entries = [entry for entry in archive.infolist() if not re.fullmatch(_ADDED, entry.orig_filename)]
        prefix = _prefix([entry.orig_filename for entry in entries])
        above = {
            prefix[: place + 1] for place, letter in enumerate(prefix) if letter == "/"
        }  # folders have entries too

        def limit(name: str) -> int:
            folder, file = _parted(name)
            return _limit(file) if folder == prefix or NAME.fullmatch(folder.removesuffix("/")) else 0

        members = _members(archive, [entry for entry in entries if entry.orig_filename not in above], limit)
    folders = {_parted(name)[0] for name in members}
    contents = {_parted(name)[1]: member for name, member in members.items()}
    whole = all(sum(bool(re.fullmatch(kind, file)) for file in contents) == 1 for kind in NEEDED)
    if len(folders) != 1 or not whole:
        raise ArchiveRefused(
            f"it does not contain exactly one complete run: a card, weights, curves and stages in one folder. {_EXPORT}"
        )
    for file, member in contents.items():
        if file.endswith(".npz"):
            with _opened(member) as arrays:
                _members(arrays, arrays.infolist(), lambda name: ARRAY_BYTES if re.fullmatch(ARRAY, name) else 0)
        if file.endswith(".safetensors") and int.from_bytes(member[:8], "little") > MEGABYTE:  # the size of its header
            raise ArchiveRefused(f"{file} in it is not a safetensors file of a model.")
    return prefix.rstrip("/").rpartition("/")[2], contents


def _prefix(names: Sequence[str]) -> str:
    """Return the folder of the run's files as the archive writes it; empty for none, for several or for an unsafe name.

    It is only compared with other names and made into the run's name. It is never used as a path.
    """
    (folder, *others) = {_parted(name)[0] for name in names if _parted(name)[1] == "card.json"} or {""}
    parts = folder.split("/")[:-1]
    plain = all(part.isprintable() and not re.search(r"^(\.|$)|[\\:]", part) for part in parts)
    return folder if plain and not others else ""


def _parted(name: str) -> tuple[str, str]:
    """Split the name of an entry into its folder, which ends in a slash, and its file."""
    folder, slash, file = name.rpartition("/")
    return folder + slash, file


def _opened(content: bytes) -> zipfile.ZipFile:
    if content.count(_ENTRY) > MAX_ENTRIES:  # counted before zipfile creates an object for each
        raise ArchiveRefused(f"it lists more than {MAX_FILES} files.")
    return zipfile.ZipFile(io.BytesIO(content))


def _members(
    archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], limit: Callable[[str], int]
) -> dict[str, bytes]:
    """Read entries of a zip, each with a limit in bytes; the sizes of all are checked before the first is unpacked."""
    if len(entries) > MAX_FILES:
        raise ArchiveRefused(f"it lists more than {MAX_FILES} files.")
    for entry in entries:
        most, kind = limit(entry.filename), stat.S_IFMT(entry.external_attr >> 16)
        if not most and "\\" in entry.orig_filename:
            raise ArchiveRefused(
                f"it separates folders with backslashes ({entry.orig_filename[:80]!r}), which the zip format does not allow. "
                "Pack the run's folder again with another program, or import the archive that export --zip wrote."
            )
        if not most or entry.orig_filename != entry.filename:
            raise ArchiveRefused(
                f"it contains {entry.orig_filename[:80]!r}, but a run has no such file. Pack the run's folder without it, or "
                "import the archive that export --zip wrote."
            )
        if kind not in (0, stat.S_IFREG):
            raise ArchiveRefused(f"{entry.filename} in it is not a regular file.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveRefused(f"{entry.filename} in it is compressed by another method than deflate.")
        if entry.file_size > most:
            raise ArchiveRefused(f"{entry.filename} in it has {entry.file_size:,} bytes, but the limit is {most:,}.")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ArchiveRefused("it contains two files of the same name.")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ArchiveRefused(f"its files together have more than {MAX_BYTES // MEGABYTE} MB.")
    return {entry.filename: _bounded(archive, entry) for entry in entries}


def _bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Read a file of a zip, at most as many bytes as the archive states; zipfile compares its checksum at the end."""
    with archive.open(entry) as file:
        content = file.read(entry.file_size)
    if len(content) != entry.file_size:
        raise ArchiveRefused(f"{entry.filename} in it has fewer bytes than the archive states.")
    return content
