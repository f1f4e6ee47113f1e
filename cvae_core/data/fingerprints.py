"""Fingerprints: identify the images on this machine and compare them with the published ones; no torch.

The fingerprint of a data set is the SHA-256 of its three splits. It is cached in FOLDER/.fingerprints.json by path, size,
times and inode of the files, so that unchanged files are not read again. The key contains the change time of the inode, which
archives and copies cannot preserve. A copy of the cache is ignored: its files have another change time.

The cache is used for plans and display only: training and evaluation compute the fingerprint of the images that they have
read. For a shipped or added data set, plans use the fingerprint in its header.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cvae_core.config.descriptions import BUILT_IN
from cvae_core.data import catalogue, idx, raw_files
from cvae_core.data.raw_files import CLASS, EMBEDDED, SHAPES
from cvae_core.errors import DataDamaged, LabError, NotWritable, RunDamaged
from cvae_core.system import files
from cvae_core.system.type_checks import fits

MEMORY = ".fingerprints.json"
HELD_OUT = 10_000  # images for validation, the last ones of the 60,000 for training
SHORT = 8  # digits of a fingerprint to display
IN_A_SHELL = "train on these images with --other-images"
PUBLISHED: Mapping[str, str] = {  # fingerprints
    "mnist": "7b9d006b7f676cf47f578073721f1678d80e42526b7b91ce1a17026be4b578e5",
    EMBEDDED: "3765d1eafb2b7ca37f43a8ddf62f797d5a4b5999ef7fbec92b162d33ea597e87",
}
MNIST_MD5: Mapping[str, str] = {  # of the unpacked files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
ARCHIVE_MD5: Mapping[str, Mapping[str, str]] = {  # of the .gz files, as torchvision has them
    "fashion": {
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "kmnist": {
        "train-images-idx3-ubyte": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte": "7320c461ea6c1c855c0b718fb2a4b134",
    },
}
Split = tuple[
    bytes | bytearray | memoryview, bytes | bytearray | memoryview
]  # images and labels, a byte per pixel and label


@dataclass(frozen=True)
class Seen:
    """Hold the fingerprint of files, and whether their .gz archives are the published ones (None: unknown)."""

    fingerprint: str
    published: bool | None


_seen: dict[str, tuple[Mapping[str, list[int]], Seen]] = {}  # by data set: state of the files, and their fingerprint


def fingerprint_of(splits: Mapping[str, Split]) -> str:
    """Return the SHA-256 of named splits, in the order of the mapping."""
    digest = hashlib.sha256()
    for name, (images, labels) in splits.items():
        count = len(labels)
        wide = bytearray(8 * count)  # digested as int64, the type of labels in training
        wide[::8] = labels
        digest.update(f"{name} images torch.uint8 ({count}, {len(images) // count})\n".encode())
        digest.update(images)
        digest.update(f"{name} labels torch.int64 ({count},)\n".encode())
        digest.update(wide)
    return digest.hexdigest()


def split(contents: Mapping[str, bytearray]) -> dict[str, Split]:
    """Return the three splits of a data set from the contents of its four files."""
    (images, labels), (test, test_labels) = (
        (memoryview(contents[f"{part}-images-idx3-ubyte"]), memoryview(contents[f"{part}-labels-idx1-ubyte"]))
        for part in ("train", "t10k")
    )
    cut = len(labels) - HELD_OUT
    pixels = len(images) // len(labels)
    return {
        "train": (images[: cut * pixels], labels[:cut]),
        "validation": (images[cut * pixels :], labels[cut:]),
        "test": (test, test_labels),
    }


def fingerprint_here(dataset: str) -> str | None:
    """Return the fingerprint of a data set's images on this machine, or None if they are missing or damaged."""
    with suppress(LabError, OSError):
        return look(dataset).fingerprint
    return None


def is_genuine(dataset: str, fingerprint: str) -> bool | None:
    """Return whether a fingerprint is that of the published data set, or None if this machine cannot tell."""
    if dataset in PUBLISHED:
        return fingerprint == PUBLISHED[dataset]
    with suppress(LabError, OSError):
        here = look(dataset)
        if here.published:
            return here.fingerprint == fingerprint
        if here.fingerprint == fingerprint:
            return here.published
    return None


def is_public(dataset: str, fingerprint: str) -> bool:
    """Return whether images are those of a data set that is built in or part of the lab.

    Other images under the name of a built-in data set are not public.
    """
    genuine = is_genuine(dataset, fingerprint)
    return genuine is not False if dataset in BUILT_IN else genuine is True


def named(dataset: str, fingerprint: str | None) -> str:
    """Return the display name of images. The name of a data set alone means the published images.

    If the published fingerprint is not known, it means the images on this machine. For other images, and for an added data
    set that is not on this machine, the name contains the first digits of their fingerprint.
    """
    genuine = fingerprint is None or is_genuine(dataset, fingerprint)
    if genuine or (genuine is None and fingerprint == fingerprint_here(dataset)):
        return dataset
    state = "other images" if catalogue.exists(dataset) else "not on this machine"
    return f"{dataset} ({state}, {str(fingerprint)[:SHORT]})"


def named_here(dataset: str) -> str:
    """Return the display name of the images of a data set on this machine."""
    return named(dataset, fingerprint_here(dataset))


def require_published(dataset: str, fingerprint: str | None, otherwise: str = IN_A_SHELL) -> None:
    """Raise DataDamaged with the paths of the files if images are known to differ from the published ones.

    `otherwise` is the part of the message that states how to train on these images nevertheless.
    """
    if dataset not in CLASS or fingerprint is None or is_genuine(dataset, fingerprint) is not False:
        return  # the embedded images are part of the lab, and added ones have no published original
    paths = ", ".join(map(str, _differing(dataset))) or str(raw_files.folder())
    raise DataDamaged(
        f"The files of {dataset} here hold other images than the published ones: {paths}. Delete these files and download "
        f"again, python -m cvae_core download {dataset}, or {otherwise}."
    )


def require_published_here(*datasets: str, otherwise: str = IN_A_SHELL) -> None:
    """Raise DataDamaged if the images on this machine are known to differ from the published ones."""
    for dataset in dict.fromkeys(datasets):
        require_published(dataset, fingerprint_here(dataset), otherwise)


def look(dataset: str) -> Seen:
    """Return the fingerprint of the images on this machine, from the cache if the files are unchanged.

    Raise DataMissing or DataDamaged for the files, ConfigError for an unknown name.
    """
    if catalogue.known(dataset) == EMBEDDED:
        return Seen(PUBLISHED[EMBEDDED], True)
    if dataset not in CLASS:
        return Seen(catalogue.header(dataset).fingerprint, True if catalogue.origin(dataset) == "shipped" else None)
    state = _state(dataset)
    remembered = _seen.get(dataset)
    if remembered and remembered[0] == state:
        return remembered[1]
    memory = _memory()
    seen = _from_json(memory.get(dataset), state)
    if seen is None:
        contents = raw_files.read(dataset)
        seen = Seen(fingerprint_of(split(contents)), _archives_match(dataset, contents))
        if state != _state(dataset):  # the files are being written
            return seen
        with suppress(NotWritable):
            files.write_json(raw_files.folder() / MEMORY, {**memory, dataset: {"files": state, **asdict(seen)}})
    _seen[dataset] = state, seen
    return seen


def _state(dataset: str) -> dict[str, list[int]]:
    """Return size, times and inode of each file of a data set, by path. They change whenever a file changes."""
    state = {}
    with suppress(OSError):
        for path in {*raw_files.found(dataset).values(), *raw_files.archives(dataset).values()}:
            now = path.stat()
            state[str(path)] = [now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino]
    return state


def _memory() -> dict[str, Any]:
    with suppress(RunDamaged):
        return files.read_json(raw_files.folder() / MEMORY)
    return {}


def _from_json(entry: object, state: Mapping[str, list[int]]) -> Seen | None:
    """Return the cached entry for files in this state, or None."""
    if not isinstance(entry, dict) or set(entry) != {"files", "fingerprint", "published"} or entry["files"] != state:
        return None
    seen = Seen(entry["fingerprint"], entry["published"])
    return seen if fits(seen, Seen) and re.fullmatch("[0-9a-f]{64}", seen.fingerprint) else None


def _archives_match(dataset: str, contents: Mapping[str, bytearray]) -> bool | None:
    """Return whether files come from the published archives, or None if the archives are missing or unknown."""
    if dataset not in ARCHIVE_MD5:
        return None
    if _differing(dataset, contents):
        return False
    return True if len(raw_files.archives(dataset)) == len(SHAPES) else None


def _differing(dataset: str, contents: Mapping[str, bytearray] | None = None) -> list[Path]:
    """List the files of a data set that are known to differ from the published ones."""
    contents, here, differing = contents or raw_files.read(dataset), raw_files.found(dataset), []
    if dataset == "mnist":
        for file, content in contents.items():
            if hashlib.md5(idx.header(SHAPES[file]) + content, usedforsecurity=False).hexdigest() != MNIST_MD5[file]:
                differing.append(here[file])
    for file, archive in raw_files.archives(dataset).items() if dataset in ARCHIVE_MD5 else ():
        with archive.open("rb") as stream:
            md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if md5 != ARCHIVE_MD5[dataset][file]:
            differing.append(archive)
        elif archive != here[file] and idx.read(archive, SHAPES[file]) != contents[file]:
            differing.append(here[file])
    return differing
