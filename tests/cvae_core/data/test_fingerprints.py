"""Fingerprints need no torch, are cached while the files are unchanged, and are verified before a training."""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cvae_core.data import datasets, download, fingerprints, idx, raw_files
from cvae_core.data.fingerprints import (
    ARCHIVE_MD5,
    MEMORY,
    MNIST_MD5,
    PUBLISHED,
    fingerprint_here,
    is_genuine,
    look,
    named,
)
from cvae_core.errors import DataDamaged, DataMissing
from cvae_core.system import files

LABELS = "t10k-labels-idx1-ubyte"
pytestmark = pytest.mark.usefixtures("forgetful")


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the cache in memory before each test."""
    monkeypatch.setattr(fingerprints, "_seen", {})


@pytest.fixture
def kmnist(other_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a Kuzushiji-MNIST with its archives, whose digests are known."""
    raw = Path(shutil.move(other_mnist, other_mnist.parents[1] / "KMNIST" / "raw"))
    md5 = {}
    for path in list(raw.iterdir()):
        packed = gzip.compress(path.read_bytes(), 1)
        path.with_suffix(".gz").write_bytes(packed)
        md5[path.name] = hashlib.md5(packed).hexdigest()
    monkeypatch.setattr(fingerprints, "ARCHIVE_MD5", {**ARCHIVE_MD5, "kmnist": md5})
    return raw


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the cache in memory, as in a new process, which has only the files on disk."""
    monkeypatch.setattr(fingerprints, "_seen", {})


def nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(*_: object) -> NoReturn:
        pytest.fail("the files are read again")

    monkeypatch.setattr(raw_files, "read", reads)


def change(path: Path) -> None:
    """Change one byte, but not the size and the modification time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x07")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.mnist
def test_mnist_here_is_the_published_one() -> None:
    assert fingerprint_here("mnist") == datasets.load("mnist").fingerprint == PUBLISHED["mnist"]
    assert is_genuine("mnist", PUBLISHED["mnist"])
    assert fingerprints._differing("mnist") == []


def test_what_is_here_has_the_fingerprint_that_is_loaded(other_mnist: Path) -> None:
    assert fingerprint_here("digits") == datasets.load("digits").fingerprint
    assert fingerprint_here("mnist") == datasets.load("mnist").fingerprint
    assert fingerprint_here("fashion") is None
    (other_mnist / LABELS).write_bytes(b"half")
    assert fingerprint_here("mnist") is None


def test_asking_needs_no_torch(other_mnist: Path) -> None:
    lines = "import sys; from cvae_core.data.fingerprints import look; look('mnist'); "
    lines += "print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_what_was_seen_is_remembered_and_read_again_after_any_change(
    other_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look("mnist")
    with monkeypatch.context() as patch:
        nobody_reads(patch)
        assert look("mnist") == before
        forget(patch)
        assert look("mnist") == before  # from the cache on disk
    change(other_mnist / LABELS)
    forget(monkeypatch)
    after = look("mnist")
    assert after != before
    assert after.fingerprint == datasets.load("mnist").fingerprint


def test_a_cache_that_came_with_the_files_is_not_trusted(other_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = look("mnist")
    memory = other_mnist.parents[1] / MEMORY
    entry = files.read_json(memory)["mnist"]
    lies = [
        {
            **entry,
            "fingerprint": PUBLISHED["mnist"],
            "files": {path: state[:2] for path, state in entry["files"].items()},
        },
        {**entry, "fingerprint": PUBLISHED["mnist"], "files": {}},
        {**entry, "fingerprint": 5},
        {**entry, "fingerprint": "a"},
        {**entry, "published": "yes"},
        [],
    ]
    for lie in lies:
        files.write_json(memory, {"mnist": lie})
        forget(monkeypatch)
        assert look("mnist") == truth
    memory.write_text("{}")
    forget(monkeypatch)
    assert look("mnist") == truth
    carried = Path(shutil.move(other_mnist.parents[1], other_mnist.parents[2] / "carried"))
    paths = {path.replace("/others/", "/carried/"): state for path, state in entry["files"].items()}
    for path in paths:
        shutil.copy2(path, f"{path}.copy")
        Path(f"{path}.copy").rename(path)
    files.write_json(carried / MEMORY, {"mnist": {**entry, "files": paths, "fingerprint": PUBLISHED["mnist"]}})
    monkeypatch.setenv("CVAE_DATA", str(carried))
    forget(monkeypatch)
    assert look("mnist") == truth


def test_where_nothing_can_be_written_it_is_remembered_while_the_process_lives(
    other_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (other_mnist.parents[1] / MEMORY).mkdir()
    before = look("mnist")
    nobody_reads(monkeypatch)
    assert look("mnist") == before


def test_mnist_of_wrong_bytes_is_told_from_the_published_one(other_mnist: Path) -> None:
    other = fingerprint_here("mnist")
    assert other is not None
    assert is_genuine("mnist", other) is False
    assert named("mnist", other) == fingerprints.named_here("mnist") == f"mnist (other images, {other[:8]})"
    assert named("mnist", PUBLISHED["mnist"]) == named("mnist", None) == "mnist"
    with pytest.raises(DataDamaged) as caught:
        datasets.download("mnist")
    for file in MNIST_MD5:
        assert str(other_mnist / file) in str(caught.value)
    assert "other images than the published ones" in str(caught.value)
    assert "python -m cvae_core download mnist" in str(caught.value)


@pytest.mark.mnist
def test_the_one_file_that_differs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file, path in raw_files.found("mnist").items():
        (raw / file).symlink_to(path)
    (raw / LABELS).unlink()
    (raw / LABELS).write_bytes(idx.header((10_000,)) + bytes(10_000))
    monkeypatch.setenv("CVAE_DATA", str(tmp_path))
    with pytest.raises(DataDamaged, match=f"published ones: {raw / LABELS}\\. Delete"):
        datasets.download("mnist")


def test_of_other_sets_the_archives_beside_them_say_whether_they_are_the_published_ones(
    kmnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = fingerprint_here("kmnist")
    assert here is not None
    assert is_genuine("kmnist", here) is True
    assert is_genuine("kmnist", "0" * 64) is False
    datasets.download("kmnist")
    whole = (kmnist / LABELS).read_bytes()
    change(kmnist / LABELS)
    changed = fingerprint_here("kmnist")
    assert changed is not None
    assert is_genuine("kmnist", changed) is False
    assert is_genuine("kmnist", here) is None  # without archives it is unknown
    with pytest.raises(DataDamaged, match=f"published ones: {kmnist / LABELS}\\. Delete"):
        datasets.download("kmnist")
    packed = gzip.compress((kmnist / LABELS).read_bytes())
    (kmnist / f"{LABELS}.gz").write_bytes(packed)
    with pytest.raises(DataDamaged, match=f"published ones: {kmnist / LABELS}.gz\\. Delete"):
        datasets.download("kmnist")
    (kmnist / f"{LABELS}.gz").unlink()
    assert is_genuine("kmnist", changed) is None
    datasets.download("kmnist")
    (kmnist / LABELS).write_bytes(whole)
    assert fingerprint_here("kmnist") == here
    assert is_genuine("kmnist", here) is None
    with pytest.raises(DataMissing):
        look("fashion")


def test_an_archive_that_may_not_be_read_says_nothing(kmnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.open

    def locked(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.suffix == ".gz":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", locked)
    here = fingerprint_here("kmnist")
    assert here == datasets.load("kmnist").fingerprint
    assert is_genuine("kmnist", here) is None


def test_the_archives_digests_are_those_of_torchvision() -> None:
    for name, kind in (("fashion", "FashionMNIST"), ("kmnist", "KMNIST")):
        resources = getattr(download.datasets(), kind).resources
        assert ARCHIVE_MD5[name] == {file.removesuffix(".gz"): md5 for file, md5 in resources}
