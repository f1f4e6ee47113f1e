"""Images that differ from the published ones of their name are detected, reported, and not trained on without a flag."""

import hashlib
import os
from pathlib import Path

import pytest

from cvae_core.cli import main
from cvae_core.data import datasets, fingerprints, idx
from cvae_core.data.fingerprints import MEMORY
from cvae_core.data.raw_files import SHAPES
from cvae_core.errors import ConfigError
from cvae_core.jobs import sweep
from cvae_core.runs.run import all_runs
from cvae_core.system import files
from tests.measuring import Measured

pytestmark = pytest.mark.promise
PLACES = [pytest.param(0, marks=pytest.mark.soak), pytest.param(0.5, marks=pytest.mark.soak), 1]  # of a file's bytes


def change(path: Path, place: float) -> None:
    """Change one byte of a file, but not its size and modification time."""
    before, start = path.stat(), len(idx.header(SHAPES[path.name]))
    with path.open("r+b") as file:
        file.seek(start + int(place * (before.st_size - start - 1)))
        old = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([(old + 1) % 10]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def published(other_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an MNIST that counts as the published one."""
    md5 = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in other_mnist.iterdir()}
    monkeypatch.setattr(fingerprints, "MNIST_MD5", md5)
    monkeypatch.setattr(fingerprints, "PUBLISHED", {"mnist": datasets.load("mnist").fingerprint})
    return other_mnist


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("file", SHAPES)
def test_no_byte_of_mnist_changes_unnoticed(
    file: str,
    place: float,
    published: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    measured: Measured,
) -> None:
    root, train = tmp_path / "runs", ["train", "label", "--width", "4", "--root", str(tmp_path / "runs")]
    assert main.main(["download", "mnist"]) == 0
    assert fingerprints.named_here("mnist") == "mnist"
    change(published / file, place)
    monkeypatch.setattr(fingerprints, "_seen", {})  # in another process, which has the first one's cache
    for words in (["download", "mnist"], train, ["classifier", "mnist", "--root", str(root)]):
        capsys.readouterr()
        assert main.main(words) == 2
        assert f"other images than the published ones: {published / file}. Delete" in capsys.readouterr().err
    assert fingerprints.named_here("mnist").startswith("mnist (other images, ")
    assert all_runs(root) == []
    measured("images", files_changed=1, unnoticed=0, trained_on_unasked=len(all_runs(root)))


def test_what_is_remembered_makes_no_images_the_published_ones(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    memory = published.parents[1] / MEMORY
    fingerprints.look("mnist")
    lie = files.read_json(memory)
    change(published / "t10k-labels-idx1-ubyte", 0)
    files.write_json(memory, lie)  # as if it belonged to these files
    monkeypatch.setattr(fingerprints, "_seen", {})
    assert fingerprints.named_here("mnist").startswith("mnist (other images, ")
    assert main.main(["train", "label", "--root", str(tmp_path / "runs")]) == 2
    measured("images", memories_forged=1, unnoticed=0)


SLOW = {
    "dots": f"{'a.' * 200_000}a = 1",
    "brackets": f"seed = {'[' * 400_000}",
    "digits": f"seed = {'9' * 400_000}",
    "tables": "\n".join(f"[{'a.' * 500}a{number}]" for number in range(400)),
    "spaces": " " * 400_000,
    "comments": "# a\n" * 100_000,
}


@pytest.mark.parametrize("kind", SLOW)
def test_a_sweep_that_would_take_long_to_read_is_refused_unread(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    read: list[str] = []
    monkeypatch.setattr(sweep.tomllib, "loads", read.append)
    (tmp_path / "grid.toml").write_text(SLOW[kind])
    for refuse in (
        lambda: sweep.plan(tmp_path / "grid.toml", tmp_path),
        lambda: sweep.planned(SLOW[kind], "grid", tmp_path),  # from a page
    ):
        with pytest.raises(ConfigError, match="is not a sweep: it has more than 8,192 bytes"):
            refuse()
    assert read == []
    measured("sweeps", inputs=2, read=len(read))
