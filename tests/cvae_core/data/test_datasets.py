"""Data are read exactly as stored, and every fault of the files is reported in one sentence."""

import gzip
import hashlib
import io
import os
import shutil
import socket
import struct
import subprocess
import sys
import tracemalloc
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import URLError

import numpy as np
import pytest
import torch

from cvae_core.data import datasets, download, fingerprints
from cvae_core.data.idx import read
from cvae_core.errors import ConfigError, DataDamaged, DataMissing, NotWritable

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FOLDERS = {"fashion": "FashionMNIST", "kmnist": "KMNIST"}

needs_mnist = pytest.mark.skipif(
    not datasets.on_disk("mnist"), reason="MNIST was not found: set CVAE_DATA to its folder"
)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def made_up(seed: int) -> dict[str, np.ndarray]:
    pixels = np.random.default_rng(seed).integers(256, size=(70_000, 28, 28), dtype=np.uint8)
    labels = (np.arange(70_000) * 7 + seed) % 10
    return {
        TRAIN_IMAGES: pixels[:60_000],
        TRAIN_LABELS: labels[:60_000],
        TEST_IMAGES: pixels[60_000:],
        TEST_LABELS: labels[60_000:],
    }


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make full-size random files of fashion and kmnist; they take 110 MB and are deleted after this module."""
    root = tmp_path_factory.mktemp("complete")
    for seed, folder in enumerate(FOLDERS.values()):
        raw = root / folder / "raw"
        raw.mkdir(parents=True)
        for name, array in made_up(seed).items():
            (raw / name).write_bytes(idx(array))
    yield root
    shutil.rmtree(root)


@pytest.fixture
def raw(complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder of links to complete files of fashion; a test may replace a link."""
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for file in (complete / "FashionMNIST" / "raw").iterdir():
        (folder / file.name).symlink_to(file)
    monkeypatch.setenv("CVAE_DATA", str(tmp_path))
    yield folder
    shutil.rmtree(folder)


def put(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def offline(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], bytes]) -> list[str]:
    """Answer every request from memory, and return the list of requested addresses."""
    asked: list[str] = []

    class Response(io.BytesIO):
        def __init__(self, url: str) -> None:
            super().__init__(answer(url))
            self.url, self.length = url, len(self.getvalue())

    def urlopen(request: Any, *_: Any, **__: Any) -> Response:
        asked.append(request.full_url)
        return Response(request.full_url)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return asked


def unreachable(url: str) -> bytes:
    raise URLError("Temporary failure in name resolution")


@needs_mnist
def test_mnist_is_the_real_one_and_validation_is_the_end_of_its_training_images() -> None:
    mnist = datasets.load("mnist")
    assert [len(mnist.train), len(mnist.validation), len(mnist.test)] == [50_000, 10_000, 10_000]
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    raw = (datasets.folder() / "MNIST" / "raw" / TRAIN_IMAGES).read_bytes()[16:]
    assert mnist.validation.images.numpy().tobytes() == raw[50_000 * 784 :]
    assert mnist.fingerprint == "7b9d006b7f676cf47f578073721f1678d80e42526b7b91ce1a17026be4b578e5"


@pytest.mark.parametrize(("seed", "name"), list(enumerate(FOLDERS)))
def test_what_is_read_is_what_lies_on_disk(
    seed: int, name: str, complete: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAE_DATA", str(complete))
    read, written = datasets.load(name), made_up(seed)
    images, labels = written[TRAIN_IMAGES].reshape(-1, 784), written[TRAIN_LABELS]
    assert read.name == name
    assert (read.train.images.numpy() == images[:50_000]).all()
    assert (read.train.labels.numpy() == labels[:50_000]).all()
    assert (read.validation.images.numpy() == images[50_000:]).all()
    assert (read.validation.labels.numpy() == labels[50_000:]).all()
    assert (read.test.images.numpy() == written[TEST_IMAGES].reshape(-1, 784)).all()
    assert (read.test.labels.numpy() == written[TEST_LABELS]).all()
    assert (read.train.images.dtype, read.train.labels.dtype) == (torch.uint8, torch.int64)


def test_the_fingerprint_tells_any_change(raw: Path, complete: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = datasets.load("fashion").fingerprint
    assert before == datasets.load("fashion").fingerprint
    content = bytearray((raw / TEST_IMAGES).read_bytes())
    content[-1] ^= 1
    put(raw / TEST_IMAGES, bytes(content))
    assert datasets.load("fashion").fingerprint != before
    monkeypatch.setenv("CVAE_DATA", str(complete))
    assert datasets.load("fashion").fingerprint == before


def test_intensities_are_the_pixels_over_255_and_leave_them_alone() -> None:
    split = datasets.Split(torch.arange(0, 255, 51, dtype=torch.uint8)[:, None].repeat(1, 784), torch.arange(5))
    torch.testing.assert_close(split.intensities()[:, 0], torch.tensor([0.0, 0.2, 0.4, 0.6, 0.8]))
    assert split.intensities().dtype == torch.float32
    assert split.images[:, 0].tolist() == [0, 51, 102, 153, 204]
    for rows in (slice(1, 4, 2), torch.tensor([1, 3]), [1, 3]):
        torch.testing.assert_close(split.intensities(rows), split.intensities()[[1, 3]])
        assert split.part(rows).labels.tolist() == [1, 3]


def test_a_split_is_asked_for_by_name() -> None:
    digits = datasets.load("digits")
    assert [digits.split(name) for name in datasets.SPLITS] == [digits.train, digits.validation, digits.test]
    with pytest.raises(ConfigError, match=r"No split is called 'valid': choose one of train, validation, test\."):
        digits.split("valid")


@pytest.mark.parametrize("function", [datasets.download, datasets.downloaded_bytes])
def test_an_unknown_name_is_answered_with_the_known_ones(function: Callable[[str], object]) -> None:
    with pytest.raises(ConfigError, match=r"'emnist': choose one of mnist, fashion, kmnist, digits, letters\."):
        function("emnist")


def test_loading_never_touches_the_network(complete: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def plugged(*_: Any, **__: Any) -> None:
        raise AssertionError("a request was sent")

    monkeypatch.setattr(socket, "socket", plugged)
    monkeypatch.setattr(urllib.request, "urlopen", plugged)
    monkeypatch.setenv("CVAE_DATA", str(complete))
    datasets.load("digits")
    datasets.load("kmnist")
    with pytest.raises(DataMissing):
        datasets.load("mnist")


def test_reading_does_not_wait_for_torchvision(complete: Path) -> None:
    lines = "import sys; from cvae_core.data.datasets import load; load('digits'); load('kmnist'); "
    lines += "print('torchvision' in sys.modules)"
    surroundings = {**os.environ, "CVAE_DATA": str(complete)}
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True, env=surroundings)
    assert done.stdout == "False\n"


def test_cvae_data_is_respected_and_ignored_where_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVAE_DATA", "elsewhere")
    assert datasets.folder() == Path.cwd() / "elsewhere"
    monkeypatch.setenv("CVAE_DATA", "~/elsewhere")
    assert datasets.folder() == Path.home() / "elsewhere"
    monkeypatch.setenv("CVAE_DATA", "")
    assert datasets.folder() == Path(datasets.__file__).resolve().parents[2] / "data"
    monkeypatch.delenv("CVAE_DATA")
    assert datasets.folder() == Path(datasets.__file__).resolve().parents[2] / "data"


def test_on_disk_wants_all_four_files(raw: Path) -> None:
    assert datasets.on_disk("digits")
    assert not datasets.on_disk("kmnist")
    assert datasets.on_disk("fashion")
    (raw / TEST_LABELS).unlink()
    assert not datasets.on_disk("fashion")


@pytest.mark.parametrize("name", ["mnist", "fashion", "kmnist"])
def test_missing_data_say_where_they_were_looked_for_and_the_remedies(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataMissing, match=f"{name} is not on this machine: .*nowhere.*set CVAE_DATA.*embedded digits"):
        datasets.load(name)
    with pytest.raises(DataMissing, match=f"python -m cvae_core download {name}, "):
        datasets.load(name)


def test_missing_data_say_what_lies_in_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    for name in ("mnist_train.csv", "mnist_test.csv"):
        (raw / name).write_text("label,1x1")
    monkeypatch.setenv("CVAE_DATA", str(tmp_path))
    with pytest.raises(
        DataMissing, match=r"no train-images-idx3-ubyte in .*raw, which holds mnist_test\.csv, mnist_train.csv"
    ):
        datasets.load("mnist")


def test_a_file_in_place_of_the_folder_holds_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "file"))
    assert not datasets.on_disk("mnist")
    with pytest.raises(DataMissing, match="mnist is not on this machine"):
        datasets.load("mnist")


def foreign_type(content: bytes) -> bytes:
    return content[:2] + b"\x0d" + content[3:]


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "truncated images": (TRAIN_IMAGES, lambda content: content[:-1], "has 47,040,015 bytes instead of 47,040,016"),
    "truncated labels": (TEST_LABELS, lambda content: content[:5000], "has 5,000 bytes instead of 10,008"),
    "truncated header": (TEST_LABELS, lambda content: content[:3], "has 3 bytes instead of 10,008"),
    "longer": (TRAIN_LABELS, lambda content: content + b"\0", "has 60,009 bytes instead of 60,008"),
    "empty images": (TEST_IMAGES, lambda content: b"", "has 0 bytes"),
    "empty labels": (TRAIN_LABELS, lambda content: b"", "has 0 bytes"),
    "foreign": (
        TRAIN_IMAGES,
        lambda content: b"<!DOCTYPE html><html></html>",
        "is not the expected IDX file of 60000 × 28 × 28",
    ),
    "wrong magic": (TEST_IMAGES, foreign_type, "is not the expected IDX file of 10000 × 28 × 28"),
    "other shape": (TEST_IMAGES, lambda content: idx(np.zeros((10_000, 32, 32))), "is not the expected IDX file"),
    "fewer images": (TRAIN_IMAGES, lambda content: idx(np.zeros((1_000, 28, 28))), "is not the expected IDX file"),
    "labels for images": (TEST_IMAGES, lambda content: idx(np.zeros(10_000)), "is not the expected IDX file"),
    "fewer labels": (
        TRAIN_LABELS,
        lambda content: idx(np.zeros(59_999)),
        "is not the expected IDX file of 60000 bytes",
    ),
    "training label 10": (TRAIN_LABELS, lambda content: content[:-1] + b"\x0a", "holds the label 10, but labels go fr"),
    "test label 255": (TEST_LABELS, lambda content: content[:-1] + b"\xff", "holds the label 255"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_file_is_named_with_its_fault_and_the_remedy(case: str, raw: Path) -> None:
    file, damage, fault = DAMAGES[case]
    put(raw / file, damage((raw / file).read_bytes()))
    with pytest.raises(
        DataDamaged, match=rf"{raw / file} {fault}.*\. Delete it and download again: .* download fashion"
    ):
        datasets.load("fashion")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_directory_or_a_pipe_in_place_of_a_file_is_damage(make: Callable[[Path], None], raw: Path) -> None:
    (raw / TEST_IMAGES).unlink()
    make(raw / TEST_IMAGES)
    assert not datasets.on_disk("fashion")
    with pytest.raises(DataDamaged, match=f"{TEST_IMAGES} cannot be read .*Delete it"):
        datasets.load("fashion")
    with pytest.raises(DataDamaged, match=f"{TEST_IMAGES} cannot be read .*Delete it"):
        datasets.download("fashion")


def test_a_file_without_the_right_to_read_it_is_damage(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.open

    def locked(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == TRAIN_LABELS:
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(DataDamaged, match=rf"{raw / TRAIN_LABELS} cannot be read \(Permission denied\)"):
        datasets.load("fashion")


def test_what_goes_wrong_after_the_check_is_damage_too(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(stream: BinaryIO, _: object) -> None:
        folder = os.open(raw, os.O_RDONLY)
        os.dup2(folder, stream.fileno())
        os.close(folder)

    monkeypatch.setattr("cvae_core.data.idx._pass_header", fail)
    with pytest.raises(DataDamaged, match=rf"{raw / TRAIN_IMAGES} cannot be read \(Is a directory\)"):
        datasets.load("fashion")
    monkeypatch.setattr("cvae_core.data.idx._pass_header", lambda stream, _: stream.seek(-7, os.SEEK_END))
    with pytest.raises(DataDamaged, match=rf"{raw / TRAIN_IMAGES} ends after 7 of 47,040,000 bytes"):
        datasets.load("fashion")


def test_pickles_of_ancient_versions_are_not_read(raw: Path) -> None:
    before = datasets.load("fashion").fingerprint
    processed = raw.parent / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(b"not a pickle")
    assert datasets.load("fashion").fingerprint == before


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    yield tmp_path / "data"
    shutil.rmtree(tmp_path)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Return the .gz files of a random kmnist, whose MD5 sums torchvision and the lab expect."""
    shapes = {TRAIN_IMAGES: (60_000, 28, 28), TRAIN_LABELS: 60_000, TEST_IMAGES: (10_000, 28, 28), TEST_LABELS: 10_000}
    files = {f"{name}.gz": gzip.compress(idx(np.full(shape, 3)), 1) for name, shape in shapes.items()}
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(download.datasets().KMNIST, "resources", sums)
    published = {name.removesuffix(".gz"): md5 for name, md5 in sums}
    monkeypatch.setattr(fingerprints, "ARCHIVE_MD5", {**fingerprints.ARCHIVE_MD5, "kmnist": published})
    return files


def test_a_download_can_be_loaded_and_is_not_repeated(
    served: dict[str, bytes], empty: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    timeouts = []

    def answer(url: str) -> bytes:
        timeouts.append(socket.getdefaulttimeout())
        return served[url.rpartition("/")[2]]

    asked = offline(monkeypatch, answer)
    datasets.download("kmnist")
    assert "100%" in capfd.readouterr().err
    assert datasets.on_disk("kmnist")
    assert datasets.load("kmnist").test.labels.tolist() == [3] * 10_000
    assert set(timeouts) == {30.0}
    assert socket.getdefaulttimeout() is None
    count = len(asked)
    datasets.download("kmnist")
    assert len(asked) == count


def test_what_was_cut_off_earlier_is_fetched_again(
    served: dict[str, bytes], empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = empty / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in served.items():
        (raw / name).write_bytes(content[: len(content) // 2])
    offline(monkeypatch, lambda url: served[url.rpartition("/")[2]])
    datasets.download("kmnist")
    assert len(datasets.load("kmnist").train) == 50_000


def test_a_truncated_download_is_missing_data(
    served: dict[str, bytes], empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, lambda url: served[url.rpartition("/")[2]][:-100])
    with pytest.raises(DataMissing, match=r"kmnist into .* failed: File not found or corrupted\. Check the internet"):
        datasets.download("kmnist")
    assert not datasets.on_disk("kmnist")


@pytest.mark.parametrize("name", ["mnist", "fashion", "kmnist"])
@pytest.mark.usefixtures("empty")
def test_without_internet_the_sentence_says_so_and_the_timeout_is_restored(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, unreachable)
    monkeypatch.setattr(socket, "getdefaulttimeout", lambda: 7.0)
    restored: list[float] = []
    monkeypatch.setattr(socket, "setdefaulttimeout", restored.append)
    with pytest.raises(
        DataMissing, match=f"Downloading {name} into .*Temporary failure.*repeat python -m .* {name}, or"
    ):
        datasets.download(name)
    assert restored == [30.0, 7.0]


@pytest.mark.parametrize(
    "error", [TimeoutError("timed out"), ConnectionResetError(104, "reset"), ValueError("odd proxy")]
)
@pytest.mark.usefixtures("empty")
def test_a_connection_that_breaks_is_missing_data(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(url: str) -> bytes:
        raise error

    offline(monkeypatch, broken)
    with pytest.raises(DataMissing, match=r"failed: .*(timed out|reset|odd proxy)\. Check the internet"):
        datasets.download("fashion")


def test_the_reason_is_one_line_without_repetition(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, unreachable)
    with pytest.raises(DataMissing) as caught:
        datasets.download("mnist")
    assert "\n" not in str(caught.value)
    assert str(caught.value).count("Temporary failure") == 1


def test_a_file_in_place_of_the_folder_cannot_be_written_into(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, unreachable)
    empty.write_text("no folder")
    with pytest.raises(NotWritable, match=r"mnist could not be stored: .*data.*set CVAE_DATA to another folder"):
        datasets.download("mnist")


def test_a_full_disk_is_not_taken_for_the_network(
    served: dict[str, bytes], empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(url: str) -> bytes:
        raise OSError(28, "No space left on device")

    offline(monkeypatch, full)
    with pytest.raises(NotWritable, match=r"No space left on device \(.*KMNIST.*\)\. Free disk space"):
        datasets.download("kmnist")


def test_a_damaged_file_is_not_hidden_by_a_download(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = offline(monkeypatch, unreachable)
    put(raw / TEST_LABELS, b"half")
    with pytest.raises(DataDamaged, match="Delete it and download again"):
        datasets.download("fashion")
    assert asked == []


def test_the_embedded_digits_need_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = offline(monkeypatch, unreachable)
    datasets.download(datasets.EMBEDDED)
    assert asked == []
    assert datasets.downloaded_bytes(datasets.EMBEDDED) == datasets.DOWNLOAD_BYTES[datasets.EMBEDDED] == 0


def test_downloaded_bytes_grow_from_zero_to_the_total(empty: Path) -> None:
    total = datasets.DOWNLOAD_BYTES["mnist"]
    assert set(datasets.DOWNLOAD_BYTES) == set(datasets.NAMES)
    assert datasets.downloaded_bytes("mnist") == 0
    raw = empty / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file, size, seen in ((TRAIN_IMAGES, 5, 5), (TRAIN_LABELS, 28_881, 28_886), (TEST_IMAGES, 2 * total, total)):
        with (raw / f"{file}.gz").open("wb") as stream:
            stream.truncate(size)
        assert datasets.downloaded_bytes("mnist") == seen


def test_what_is_there_without_its_archives_counts_as_downloaded(raw: Path) -> None:
    assert datasets.downloaded_bytes("fashion") == datasets.DOWNLOAD_BYTES["fashion"]


def test_the_digits_are_the_same_on_every_machine() -> None:
    assert datasets.load("digits").fingerprint == "3765d1eafb2b7ca37f43a8ddf62f797d5a4b5999ef7fbec92b162d33ea597e87"


def test_the_digits_are_those_of_scikit_learn_in_the_frame_of_mnist() -> None:
    from benchmarks.digits import framed  # imported here because scikit-learn takes a second

    images, labels = framed()
    splits = [datasets.load("digits").split(name) for name in datasets.SPLITS]
    assert torch.equal(torch.cat([split.images for split in splits]), torch.from_numpy(images).reshape(-1, 784))
    assert torch.cat([split.labels for split in splits]).tolist() == labels.tolist()


def test_the_digits_are_split_by_class() -> None:
    digits = datasets.load("digits")
    splits = [digits.split(name) for name in datasets.SPLITS]
    assert [len(split) for split in splits] == [1257, 180, 360]
    counts = torch.stack([split.labels.bincount(minlength=10) for split in splits])
    expected = counts.sum(0) * torch.tensor([[1257], [180], [360]]) / 1797
    assert (counts - expected).abs().max() < 1


def test_the_digits_are_centred_by_mass_in_the_frame_of_mnist() -> None:
    digits = datasets.load("digits")
    images = torch.cat([digits.split(name).intensities() for name in datasets.SPLITS]).reshape(-1, 28, 28)
    assert images.amax((1, 2)).min() > 0.85
    places = torch.arange(28.0)
    for axis in (1, 2):
        mass = images.sum(axis)
        centres = mass @ places / mass.sum(1)
        assert (centres - 14).abs().max() <= 0.5 + 1e-5
    assert images[:, 3:25, 3:25].sum() > 0.99 * images.sum()


def test_no_ink_of_the_digits_is_lost() -> None:
    from sklearn.datasets import load_digits

    digits = datasets.load("digits")
    ink = torch.cat([digits.split(name).intensities().sum(1) for name in datasets.SPLITS]).sort().values
    small = torch.from_numpy(load_digits().data).float().sum(1).div(16).mul((20 / 8) ** 2).sort().values
    torch.testing.assert_close(ink, small, rtol=0.12, atol=0)


def kaggle(name: str) -> str:
    return name.replace("-idx", ".idx")


def pack(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    path.unlink()
    return packed


def rearranged(raw: Path, how: str) -> None:
    """Write MNIST's four files in the layout of another program."""
    for number, path in enumerate(sorted(raw.iterdir())):
        if "Kaggle" in how and ("some" not in how or number % 2):
            path = path.rename(raw / kaggle(path.name))
        if "packed" in how and ("some" not in how or number < 2):
            path = pack(path)
        if "one folder higher" in how:
            path.rename(raw.parent / path.name)
        if "in the folder itself" in how:
            path.rename(raw.parent.parent / path.name)
    if "folders of the same name" in how:  # as in Kaggle's archive
        for file in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS):
            (raw / file).mkdir()


@pytest.mark.parametrize(
    "how",
    [
        "packed",
        "Kaggle",
        "Kaggle, packed",
        "Kaggle, folders of the same name",
        "some Kaggle, some packed",
        "packed, one folder higher",
        "in the folder itself",
        "Kaggle, packed, in the folder itself",
    ],
)
def test_mnist_is_read_as_other_programs_leave_it(
    how: str, other_mnist: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    expected = datasets.load("mnist")
    monkeypatch.setattr(fingerprints, "PUBLISHED", {"mnist": expected.fingerprint})
    asked = offline(monkeypatch, unreachable)
    rearranged(other_mnist, how)
    assert datasets.on_disk("mnist")
    assert datasets.downloaded_bytes("mnist") == datasets.DOWNLOAD_BYTES["mnist"]
    datasets.download("mnist")
    assert asked == []
    here = datasets.load("mnist")
    assert here.fingerprint == expected.fingerprint == fingerprints.fingerprint_here("mnist")
    assert torch.equal(here.test.labels, expected.test.labels)
    assert not datasets.on_disk("fashion")


def bomb(content: bytes) -> bytes:
    """Return a .gz file that unpacks to far more than the right size, but claims the right size at its end."""
    return gzip.compress(content + bytes(200_000_000), 1)[:-4] + struct.pack("<I", len(content))


HALF, REST = "is incomplete or has other content", "Delete it and download again"
PACKED: dict[
    str, tuple[str, Callable[[bytes], bytes], str, bool]
] = {  # and whether it is taken for a whole one at first
    "cut off": (TRAIN_IMAGES, lambda content: gzip.compress(content, 1)[:-100], HALF, False),
    "empty": (TEST_LABELS, lambda _: b"", HALF, False),
    "no archive": (TEST_LABELS, lambda content: content, HALF, False),
    "a page in its place": (TEST_LABELS, lambda _: b"<!DOCTYPE html>", HALF, False),
    "of fewer images": (TEST_IMAGES, lambda content: gzip.compress(content[:-784], 1), HALF, False),
    "of something else": (
        TEST_LABELS,
        lambda content: gzip.compress(bytes(len(content))),
        "is not the expected IDX file",
        True,
    ),
    "a flipped bit": (
        TEST_LABELS,
        lambda content: gzip.compress(content)[:-8] + b"\0\0\0\0" + gzip.compress(content)[-4:],
        r"cannot be unpacked \(.*incorrect data check\)",
        True,
    ),
    "a bomb": (TEST_LABELS, bomb, "unpacks to more than 10,008 bytes instead of 10,008", True),
    "a label 10": (TEST_LABELS, lambda content: gzip.compress(content[:-1] + b"\x0a"), "holds the label 10", True),
}


@pytest.mark.parametrize("case", PACKED)
def test_an_archive_that_is_not_what_it_should_be_is_named(
    case: str, other_mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, damage, sentence, seems_whole = PACKED[case]
    archive = other_mnist / f"{file}.gz"
    archive.write_bytes(damage((other_mnist / file).read_bytes()))
    (other_mnist / file).unlink()
    assert datasets.on_disk("mnist") == seems_whole
    error, remedy = (DataDamaged, REST) if seems_whole else (DataMissing, "download mnist, set CVAE_DATA")
    with pytest.raises(error, match=rf"{archive} {sentence}.*{remedy}"):
        datasets.load("mnist")
    asked = offline(monkeypatch, unreachable)
    with pytest.raises(error):
        datasets.download("mnist")
    assert bool(asked) != seems_whole  # a truncated file is downloaded again


def test_no_archive_fills_the_memory(other_mnist: Path) -> None:
    archive = other_mnist / f"{TEST_LABELS}.gz"
    archive.write_bytes(bomb((other_mnist / TEST_LABELS).read_bytes()))
    tracemalloc.start()
    with pytest.raises(ValueError, match="unpacks to more than"):
        read(archive, (10_000,))
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_an_archive_that_may_not_be_read_is_damage(other_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, whole = pack(other_mnist / TEST_LABELS), Path.open

    def locked(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == archive:
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", locked)
    assert not datasets.on_disk("mnist")
    with pytest.raises(DataDamaged, match=rf"{archive} cannot be read \(Permission denied\)"):
        datasets.load("mnist")
