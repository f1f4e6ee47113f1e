"""A run as one file for a colleague, and back: what comes from elsewhere is measured before it is opened.

An archive is a zip with one folder, the run's. Packed again elsewhere, it may have folders above that or none, and entries
that macOS or Windows added, which are left out unread. Of somebody else's nothing is believed: names are compared with a
list and sizes with limits before anything is unpacked, all in memory; then the files go to a folder beside, where
`soundness` opens them, and which takes the run's name at the very end. What passes is whole and of this version of the lab.
Whether its figures are true no digest says, so its card keeps where it came from.
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

from cvae_core.errors import ArchiveRefused, LabError, NotWritable
from cvae_core.jobs.archive_checks import require_sound
from cvae_core.jobs.housekeeping import changing, vacant
from cvae_core.runs.run import Run, run_at
from cvae_core.system import files
from cvae_core.system.files import MEGABYTE
from cvae_core.system.folders import NAME, name_of

LOG = logging.getLogger(__name__)
LIMITS: Mapping[str, int] = {  # what a run may have, and how many bytes of it; the first four it must have
    r"card\.json": MEGABYTE,
    r"curves\.csv": 4 * MEGABYTE,
    r"stages\.npz": 64 * MEGABYTE,
    r"weights-[0-9a-f]{8}\.safetensors": 256 * MEGABYTE,
    r"(cll|draws|judgement)\.json": MEGABYTE,
    r"embedding-(tsne|pca)(-[0-9]{1,6}){0,2}(-3d)?\.npz": 128 * MEGABYTE,
}
NEEDED = tuple(LIMITS)[:4]
MAX_FILES = 32
MAX_BYTES = 512 * MEGABYTE  # of an archive, and of all that is in it
ARRAY, ARRAY_BYTES = r"[a-z0-9_]{1,32}\.npy", 128 * MEGABYTE  # in an .npz, which is a zip too
MAX_ENTRIES = 1024  # of a zip's directory, with what other programs add
_ADDED = r"__MACOSX/.*|(.*/)?(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)"  # by macOS and Windows; never read
_EXPORT = "Export the run again with python -m cvae_core export RUN --zip FILE.zip."
_ENTRY = b"PK\x01\x02"  # begins every entry of a zip's directory


def packed(run: Run) -> bytes:
    """Return a finished run as an archive, checked as it will be where it arrives.

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


def take_in(archive: Path, root: Path, name: str | None = None) -> Run:
    """Unpack an archive into a new run under `root`, called as it was or otherwise, after all checks.

    A folder's name that a run cannot have becomes one; without a folder, the run is called after the archive. Raises
    ArchiveRefused where it is not a run as `packed` writes it, RunInUse where there is one of that name, and
    NotWritable; then everything is as it was before.
    """
    with _refusing(archive):
        origin, contents = _unpacked(_read(archive))
    run = run_at(name_of(origin or archive.stem) if name is None else name, root)
    remedy = "give another name to this one with --run NAME"
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
    """Turn whatever a stranger's bytes do to a reader into one sentence about the archive."""
    try:
        yield
    except LabError as error:
        reason = str(error).replace(beside, "").removesuffix(f" {files.REMEDY}")
        raise ArchiveRefused(f"{archive} is not imported: {reason}") from error
    except Exception as error:  # zipfile, NumPy, pandas and safetensors fail in more ways than can be listed
        raise ArchiveRefused(f"{archive} is not imported: it is not a run as this lab packs one. {_EXPORT}") from error


def _origin(archive: Path) -> str:
    """Say when and out of which file a run came, in letters that mean nothing else wherever they are shown."""
    return f"{datetime.now(UTC).date()} from {re.sub(r'[^A-Za-z0-9._-]', '_', archive.name)[:64]}"


def _limit(file: str) -> int:
    """Return how many bytes a run's file of that name may have; 0 where a run has none such."""
    return next((limit for kind, limit in LIMITS.items() if re.fullmatch(kind, file)), 0)


def _read(archive: Path) -> bytes:
    if archive.is_dir():  # as a browser leaves it that unpacks what it downloads
        raise ArchiveRefused("there is no such file, but a folder: pack it as a .zip and import that.")
    if not archive.is_file():
        raise ArchiveRefused("there is no such file.")
    with archive.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ArchiveRefused(f"it has more than {MAX_BYTES // MEGABYTE} MB.")
    return content


def _unpacked(content: bytes) -> tuple[str, dict[str, bytes]]:
    """Return the folder of the run in an archive, which is empty where there is none, and its files by name."""
    with _opened(content) as archive:
        entries = [entry for entry in archive.infolist() if not re.fullmatch(_ADDED, entry.orig_filename)]
        prefix = _prefix([entry.orig_filename for entry in entries])
        above = {
            prefix[: place + 1] for place, letter in enumerate(prefix) if letter == "/"
        }  # folders have entries, too

        def limit(name: str) -> int:
            folder, file = _parted(name)
            return _limit(file) if folder == prefix or NAME.fullmatch(folder.removesuffix("/")) else 0

        members = _members(archive, [entry for entry in entries if entry.orig_filename not in above], limit)
    folders = {_parted(name)[0] for name in members}
    contents = {_parted(name)[1]: member for name, member in members.items()}
    whole = all(sum(bool(re.fullmatch(kind, file)) for file in contents) == 1 for kind in NEEDED)
    if len(folders) != 1 or not whole:
        raise ArchiveRefused(
            f"it does not hold one whole run: a card, weights, curves and stages in one folder. {_EXPORT}"
        )
    for file, member in contents.items():
        if file.endswith(".npz"):
            with _opened(member) as arrays:
                _members(arrays, arrays.infolist(), lambda name: ARRAY_BYTES if re.fullmatch(ARRAY, name) else 0)
        if (
            file.endswith(".safetensors") and int.from_bytes(member[:8], "little") > MEGABYTE
        ):  # what its list of names has
            raise ArchiveRefused(f"{file} in it is not a safetensors file of a model.")
    return prefix.rstrip("/").rpartition("/")[2], contents


def _prefix(names: Sequence[str]) -> str:
    """Return what stands before the names of the one run's files: nothing, or folders as people call them.

    It serves comparisons and the run's name alone and is never a path.
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
    if content.count(_ENTRY) > MAX_ENTRIES:  # counted before zipfile makes an object of each
        raise ArchiveRefused(f"it lists more than {MAX_FILES} files.")
    return zipfile.ZipFile(io.BytesIO(content))


def _members(
    archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], limit: Callable[[str], int]
) -> dict[str, bytes]:
    """Read entries of a zip whose every name has a limit in bytes: all are measured before the first is unpacked."""
    if len(entries) > MAX_FILES:
        raise ArchiveRefused(f"it lists more than {MAX_FILES} files.")
    for entry in entries:
        most, kind = limit(entry.filename), stat.S_IFMT(entry.external_attr >> 16)
        if not most and "\\" in entry.orig_filename:
            raise ArchiveRefused(
                f"it separates folders by backslashes ({entry.orig_filename[:80]!r}), which the zip format does not allow. "
                "Pack the run's folder again with another program, or import the archive that export --zip wrote."
            )
        if not most or entry.orig_filename != entry.filename:
            raise ArchiveRefused(
                f"it holds {entry.orig_filename[:80]!r}, and a run has no such file. Pack the run's folder without it, or "
                "import the archive that export --zip wrote."
            )
        if kind not in (0, stat.S_IFREG):
            raise ArchiveRefused(f"{entry.filename} in it is not a plain file.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveRefused(f"{entry.filename} in it is packed as the lab never packs.")
        if entry.file_size > most:
            raise ArchiveRefused(f"{entry.filename} in it has {entry.file_size:,} bytes, {most:,} are the most.")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ArchiveRefused("it holds two files of one name.")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ArchiveRefused(f"its files have more than {MAX_BYTES // MEGABYTE} MB.")
    return {entry.filename: _bounded(archive, entry) for entry in entries}


def _bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Read a file of a zip, no more of it than it says it has; zipfile compares its checksum at the end."""
    with archive.open(entry) as file:
        content = file.read(entry.file_size)
    if len(content) != entry.file_size:
        raise ArchiveRefused(f"{entry.filename} in it has fewer bytes than it says.")
    return content
