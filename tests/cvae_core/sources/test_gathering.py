"""Sources become data sets: what people stumble over elsewhere is either right here, or said."""

import gzip
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvae_core.cli import main
from cvae_core.config.reports import report_from_json
from cvae_core.data import catalogue, idx
from cvae_core.errors import SourceRefused
from cvae_core.sources import workers
from cvae_core.sources.gather import Findings, Progress, Wishes, gather
from cvae_core.sources.layout import arranged
from tests.sources import encoded, folder, images, pictures, pixels, read, told, zipped
from tests.waiting import until

TWENTY = {"a": 10, "b": 10}


def names(found: Any) -> tuple[str, ...]:
    return tuple(found.description.classes)


def totals(found: Any) -> dict[str, int]:
    return {one.name: one.train + one.validation + one.test for one in found.report.classes}


def test_classes_are_sorted_by_the_numbers_in_their_names(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", pictures({"1": 4, "10": 4, "2": 4}))
    assert names(read(source)) == ("1", "2", "10")
    assert "--classes natural" in told(read(source))
    assert names(read(source, classes="text")) == ("1", "10", "2")


def test_images_keep_their_classes(tmp_path: Path) -> None:
    files = pictures({"1": 5, "10": 5, "2": 5})
    found = read(folder(tmp_path / "s", files))
    of = {pixels(seed).tobytes(): name.partition("/")[0] for seed, name in enumerate(files)}
    for array, labels in found.splits.values():
        assert [found.description.classes[label] for label in labels] == [of[image.tobytes()] for image in array]


def test_an_empty_class_folder_is_no_class(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", pictures(TWENTY))
    (source / "c").mkdir()
    found = read(source)
    assert names(found) == ("a", "b")
    assert "The folder 'c' contains no picture and is no class." in found.report.cautions


def test_the_time_to_list_folders_grows_with_their_number_and_not_with_its_square() -> None:
    findings, began = Findings(kind="folder"), time.process_time()
    empty = [f"empty {index}" for index in range(5_000)]
    assert len(arranged([f"{index}/x.png" for index in range(5_000)], empty, findings)) == 5_000
    assert time.process_time() - began < 2
    assert findings.cautions[-1] == "4,980 more folders contain no picture and are no classes."


def test_without_splits_each_class_is_divided_in_the_same_shares(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", pictures({"a": 20, "b": 40}))
    found = read(source, validation=0.1, test=0.2)
    assert [(one.train, one.validation, one.test) for one in found.report.classes] == [(14, 2, 4), (28, 4, 8)]
    assert "--splits drawn the source gives no splits" in told(found)
    again, other = read(source, validation=0.1, test=0.2), read(source, validation=0.1, test=0.2, seed=1)
    assert (again.splits["test"][0] == found.splits["test"][0]).all()
    assert not (other.splits["test"][0] == found.splits["test"][0]).all()


def test_given_splits_are_kept(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", pictures({"train/a": 6, "train/b": 6, "Test/a": 2, "Test/b": 3, "val/b": 2}))
    found = read(source)
    assert [len(labels) for _, labels in found.splits.values()] == [12, 2, 5]
    assert "--splits given" in told(found)
    assert {image.tobytes() for image in found.splits["test"][0]} == {pixels(seed).tobytes() for seed in range(12, 17)}
    assert len(read(source, splits="drawn").splits["test"][0]) == 3


def test_a_missing_split_is_drawn_from_the_training_images(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", pictures({"train/a": 10, "train/b": 10, "test/a": 2, "test/b": 2}))
    found = read(source, validation=0.2)
    assert [len(labels) for _, labels in found.splits.values()] == [16, 4, 4]
    assert "--validation 0.2 a share of the training images" in told(found)


def test_train_in_the_name_of_a_file_or_of_a_class_is_no_split(tmp_path: Path) -> None:
    files = {f"{name}/train_{index}_test.png": encoded(pixels(100 * place + index))
             for place, name in enumerate(("bus", "car", "train")) for index in range(6)}  # fmt: skip
    found = read(folder(tmp_path / "s", files))
    assert names(found) == ("bus", "car", "train")
    assert "--splits drawn" in told(found)


def test_a_single_folder_called_train_is_no_split(tmp_path: Path) -> None:
    found = read(folder(tmp_path / "s", pictures({"train/a": 10, "train/b": 10})))
    assert names(found) == ("a", "b")
    assert "Everything lies in the folder 'train', whose name is not used." in found.report.cautions
    assert "the only one" in told(read(folder(tmp_path / "t", pictures({"train": 12}))))


def test_labels_of_arrays_need_not_start_at_zero(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", x=np.stack([pixels(seed) for seed in range(20)]), y=np.repeat([1, 10], 10))
    found = read(tmp_path / "s.npz")
    assert names(found) == ("1", "10")
    assert "The labels of the source start at 1." in told(found)
    assert set(found.splits["train"][1].tolist()) == {0, 1}


def test_labels_of_splits_are_matched_by_name_and_not_by_place(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", pictures({"train/a": 6, "train/b": 6, "train/c": 6, "test/c": 4, "val/b": 1}))
    found = read(source)
    assert set(found.splits["test"][1].tolist()) == {2}
    arrays = {"train_images": [pixels(seed) for seed in range(9)], "train_labels": np.repeat([[3], [5], [7]], 3, 0),
              "val_images": [pixels(20)], "val_labels": [[7]], "test_images": [pixels(30)], "test_labels": [[7]]}  # fmt: skip
    np.savez(tmp_path / "medmnist.npz", **{name: np.asarray(array) for name, array in arrays.items()})
    found = read(tmp_path / "medmnist.npz")
    assert names(found) == ("3", "5", "7")
    assert found.splits["test"][1].tolist() == [2]
    assert "--splits given" in told(found)


def test_a_class_that_the_test_split_lacks_is_mentioned(tmp_path: Path) -> None:
    found = read(folder(tmp_path / "s", pictures({"train/a": 6, "train/b": 6, "test/a": 3, "val/a": 3})))
    assert "The test split has no image of the class 'b'." in found.report.cautions


def test_a_colour_picture_among_grey_ones_becomes_grey_and_is_counted(tmp_path: Path) -> None:
    files = {**pictures(TWENTY), "a/red.png": encoded(pixels(99, 16, 16, 3))}
    found = read(folder(tmp_path / "s", files))
    assert found.description.channels == 1
    assert found.report.changed["made grey"] == 1
    assert "--colour grey 1 of 21 images looked at have colour" in told(found)
    assert read(tmp_path / "s", colour="rgb").description.channels == 3


def test_hidden_files_are_no_pictures(tmp_path: Path) -> None:
    files = pictures(TWENTY)
    extra = {"__MACOSX/a/._0.png": b"x", "a/.DS_Store": b"x", ".git/a.png": files["a/0.png"], "b/Thumbs.db": b"x"}
    for source in (folder(tmp_path / "s", files | extra), zipped(tmp_path / "s.zip", files | extra)):
        found = read(source)
        assert names(found) == ("a", "b")
        assert found.report.read == 20
        assert "hidden files are ignored" in told(found)


def test_one_class_is_said_to_have_no_label(tmp_path: Path) -> None:
    found = read(folder(tmp_path / "s", pictures({"a": 12})))
    assert names(found) == ("a",)
    assert "There is one class only" in told(found)
    files = {f"{seed}.png": encoded(pixels(seed)) for seed in range(12)}
    assert names(read(folder(tmp_path / "flat", files))) == ("all",)


def test_three_images_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="The source has 3 usable images, but at least 10 are needed"):
        read(folder(tmp_path / "s", pictures({"a": 3})))


def test_the_same_picture_under_two_classes_is_left_out_unless_asked(tmp_path: Path) -> None:
    files = pictures(TWENTY)
    files["b/same.png"] = encoded(pixels(0), compress_level=0)  # other bytes, the same image as a/0.png
    source = folder(tmp_path / "s", files)
    found = read(source)
    assert totals(found) == {"a": 9, "b": 10}
    assert (found.report.duplicates.conflicting, found.report.duplicates.removed) == (2, 2)
    assert "a/0.png equals an image of another class" in told(found)
    assert totals(read(source, conflicts="keep")) == {"a": 10, "b": 11}


@pytest.mark.parametrize("seed", range(4))
def test_equal_images_are_never_in_two_splits(seed: int, tmp_path: Path) -> None:
    files = pictures({"a": 20})
    files |= {f"a/again{index}.png": files[f"a/{index}.png"] for index in range(10)}
    source = folder(tmp_path / "s", files)
    found = read(source, seed=seed)
    sets = [{image.tobytes() for image in array} for array, _ in found.splits.values()]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    assert (found.report.duplicates.within, found.report.duplicates.across) == (10, 0)
    assert "10 of 30 images equal another image" in told(found)
    assert totals(read(source, seed=seed, duplicates="drop")) == {"a": 20}


def test_training_images_that_a_given_test_split_repeats_are_left_out(tmp_path: Path) -> None:
    files = pictures({"train/a": 12, "test/a": 4, "val/a": 2})
    files["train/a/leak.png"], files["val/a/leak.png"] = files["test/a/0.png"], files["test/a/1.png"]
    found = read(folder(tmp_path / "s", files))
    assert [len(labels) for _, labels in found.splits.values()] == [12, 2, 4]
    assert (found.report.duplicates.across, found.report.duplicates.removed) == (4, 2)
    assert "would flatter test scores" in told(found)
    assert "train/a/leak.png equals an image of a later split" in told(found)


def test_names_with_blanks_umlauts_and_many_letters(tmp_path: Path) -> None:
    files = pictures({"ä b": 6, "n" * 100: 6})
    files[f"ä b/{'x' * 240}.png"] = encoded(pixels(50))
    files[f"ä b/{'y' * 240}.png"] = b"no picture"
    for source in (folder(tmp_path / "s", files), zipped(tmp_path / "s.zip", files)):
        found = read(source)
        assert set(names(found)) == {"ä b", "n" * 100}
        assert max(len(one.file) for one in found.report.left_out) == 80
    with pytest.raises(SourceRefused, match="has 300 characters, but at most 100 are possible"):
        read(zipped(tmp_path / "long.zip", pictures({"n" * 300: 12})))
    with pytest.raises(SourceRefused, match="Two classes are both called 'ä'"):
        read(zipped(tmp_path / "forms.zip", pictures({"\u00e4": 6, "a\u0308": 6})))
    assert "differ only in upper and lower case" in told(
        read(zipped(tmp_path / "cases.zip", pictures({"A": 6, "a": 6})))
    )


def test_class_names_of_a_table_may_have_slashes(tmp_path: Path) -> None:
    files = {f"{seed}.png": encoded(pixels(seed)) for seed in range(12)}
    rows = [f"{name},{'T-shirt/top' if seed < 6 else 'bag'}" for seed, name in enumerate(files)]
    source = folder(tmp_path / "s", {**files, "table.csv": "\n".join(["file,label", *rows]).encode()})
    assert names(read(source / "table.csv")) == ("bag", "T-shirt/top")
    assert names(read(source)) == ("bag", "T-shirt/top")  # the only table of a folder without folders of classes


def test_a_table_brings_classes_splits_and_attributes(tmp_path: Path) -> None:
    files = {f"p/{seed}.png": encoded(pixels(seed)) for seed in range(20)}
    rows = [
        f"p/{seed}.png;{'ab'[seed % 2]};{'train' if seed < 14 else 'test'};{seed / 2 or ''};"
        f"{('thin', 'thick')[seed % 2]};id{seed}"
        for seed in range(20)
    ]
    header = "picture;kind;split;slant;weight;id"
    source = folder(
        tmp_path / "s", {**files, "t.csv": "\n".join([header, *rows, "p/none.png;a;test;1;thin;x"]).encode()}
    )
    found = read(source / "t.csv", labels="kind")
    assert names(found) == ("a", "b")
    assert [(one.name, tuple(one.categories)) for one in found.description.attributes] == [
        ("slant", ()),
        ("weight", ("thick", "thin")),
    ]
    values = {image.tobytes(): row for split in found.splits
              for image, row in zip(found.splits[split][0], found.attributes[split], strict=True)}  # fmt: skip
    assert values[pixels(5).tobytes()].tolist() == [2.5, 0]
    assert np.isnan(values[pixels(0).tobytes()][0])
    assert len(found.splits["test"][0]) == 6
    assert "The column 'id' is not used" in told(found)
    assert "p/none.png does not exist in the source" in told(found)
    with pytest.raises(SourceRefused, match="no column 'colour' of classes: its columns are picture, kind"):
        read(source / "t.csv", labels="colour")


def test_a_table_beside_folders_of_classes_is_read_only_if_asked_for(tmp_path: Path) -> None:
    files = pictures(TWENTY)
    table = "\n".join(
        ["file,tone", *(f"{name},{'dark' if place % 2 else 'light'}" for place, name in enumerate(files))]
    )
    source = zipped(tmp_path / "s.zip", {**files, "t.csv": table.encode()})
    assert names(read(source)) == ("a", "b")
    assert "t.csv is not read" in told(read(source))
    assert names(read(source, labels="tone")) == ("dark", "light")


def test_idx_files_are_found_in_pairs(tmp_path: Path) -> None:
    for word, start, count in (("train", 0, 20), ("t10k", 50, 5)):
        array = np.stack([pixels(start + seed) for seed in range(count)])
        labels = bytes(range(1, count + 1)) if count < 10 else bytes([1, 2, 3, 4, 5] * 4)
        (tmp_path / f"{word}-images-idx3-ubyte").write_bytes(idx.header(array.shape) + array.tobytes())
        (tmp_path / f"{word}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx.header((count,)) + labels))
    found = read(tmp_path)
    assert names(found) == ("1", "2", "3", "4", "5")
    assert len(found.splits["test"][0]) == 5
    assert {image.tobytes() for image in found.splits["test"][0]} == {pixels(50 + seed).tobytes() for seed in range(5)}
    alone = read(tmp_path / "train-images-idx3-ubyte")
    assert sum(len(labels) for _, labels in alone.splits.values()) == 20


ARRAYS: dict[str, tuple[np.ndarray, tuple[int, ...], str]] = {
    "flat": (np.stack([pixels(seed).reshape(-1) for seed in range(12)]), (1, 16), ""),
    "channels last": (np.stack([pixels(seed, 16, 16, 3) for seed in range(12)]), (3, 16), ""),
    "channels first": (np.stack([pixels(seed, 3, 16, 16) for seed in range(12)]), (3, 16), ""),
    "one channel": (np.stack([pixels(seed)[..., None] for seed in range(12)]), (1, 16), ""),
    "units": (np.stack([pixels(seed) for seed in range(12)]) / 255, (1, 16), "scaled from numbers between 0 and 1"),
    "booleans": (np.stack([pixels(seed) > 128 for seed in range(12)]), (1, 16), "scaled from numbers between 0 and 1"),
    "16 bits": (np.stack([pixels(seed) for seed in range(12)]).astype(np.uint16) * 257, (1, 16), "scaled from 16 bits"),
    "large": (np.stack([pixels(seed, 90, 120) for seed in range(12)]), (1, 32), "resized"),
    "opaque": (
        np.stack([np.dstack([pixels(seed, 16, 16, 3), np.full((16, 16), 255, np.uint8)]) for seed in range(12)]),
        (3, 16),
        "",
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_of_every_layout_are_read(case: str, tmp_path: Path) -> None:
    array, shape, changed = ARRAYS[case]
    np.savez_compressed(tmp_path / "s.npz", images=array)
    found = read(tmp_path / "s.npz")
    assert (found.description.channels, found.description.side) == shape
    assert not changed or found.report.changed[changed] == 12
    if case in ("flat", "one channel", "units", "16 bits"):
        assert {image.tobytes() for image in images(found)} == {pixels(seed).tobytes() for seed in range(12)}
    if case in ("channels last", "opaque"):
        assert {image.transpose(1, 2, 0).tobytes() for image in images(found)} == {
            pixels(seed, 16, 16, 3).tobytes() for seed in range(12)
        }
    if case == "channels first":
        assert {image.tobytes() for image in images(found)} == {pixels(seed, 3, 16, 16).tobytes() for seed in range(12)}


@pytest.mark.parametrize(("kind", "scale"), [(np.uint8, 1), (np.uint16, 200)])
def test_arrays_of_one_file_are_scaled_alike(kind: type, scale: int, tmp_path: Path) -> None:
    train = np.stack([pixels(seed) for seed in range(12)]) * kind(scale)
    dark = np.eye(256, dtype=kind).reshape(-1, 16, 16)[:3] * kind(scale)  # alone, it would be scaled by another factor
    np.savez(tmp_path / "s.npz", train_images=train, test_images=dark)
    assert read(tmp_path / "s.npz").splits["test"][0].max() == 1


def test_dark_ink_on_light_paper_is_inverted_and_photographs_are_not(tmp_path: Path) -> None:
    dark = {f"a/{seed}.png": encoded(255 - pixels(seed)) for seed in range(12)}
    found = read(folder(tmp_path / "dark", dark))
    assert found.description.drawn
    assert found.report.changed["inverted"] == 12
    assert {image.tobytes() for image in images(found)} == {pixels(seed).tobytes() for seed in range(12)}
    assert read(folder(tmp_path / "light", pictures({"a": 12}))).report.changed == {}
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 16), np.uint8)
    photographs = read(folder(tmp_path / "photographs", {f"a/{i}.png": encoded(one) for i, one in enumerate(noise)}))
    assert not photographs.description.drawn
    assert "inverted" not in photographs.report.changed
    with pytest.raises(SourceRefused, match="--ink is for grey images only"):
        read(tmp_path / "light", colour="rgb", ink="dark")


@pytest.mark.parametrize(
    ("side", "size", "expected"), [(5, None, 16), (31, None, 32), (64, None, 64), (90, None, 32), (90, 48, 48)]
)
def test_the_side_follows_from_the_pictures(side: int, size: int | None, expected: int, tmp_path: Path) -> None:
    source = folder(tmp_path / "s", {f"{seed}.png": encoded(pixels(seed, side, side)) for seed in range(10)})
    found = read(source, size=size)
    assert found.description.side == expected
    assert f"--size {expected}" in told(found)


@pytest.mark.parametrize(
    "wrong", [{"size": 30}, {"size": 12}, {"validation": 0.0}, {"test": 0.9}, {"validation": float("nan")}]
)
def test_impossible_flags_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SourceRefused, match="--"):
        Wishes(**wrong)


def test_worker_processes_read_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tmp_path / "s", {**pictures({"a": 70, "b": 70}), "a/broken.png": b"x"})
    here = read(source)
    monkeypatch.setattr(workers, "SMALL_FILES", 0)

    def interrupt() -> None:  # as Ctrl-C in a terminal does, which reaches workers before they are ready
        until(multiprocessing.active_children)
        for worker in multiprocessing.active_children():
            assert worker.pid
            os.kill(worker.pid, signal.SIGINT)

    with ThreadPoolExecutor(1) as apart:
        interrupted = apart.submit(interrupt)
        packed = read(
            zipped(
                tmp_path / "s.zip",
                {path.relative_to(source).as_posix(): path.read_bytes() for path in source.rglob("*.png")},
            )
        )
    interrupted.result()
    assert packed.fingerprint == here.fingerprint
    assert packed.report.left_out == here.report.left_out


def test_the_death_of_a_worker_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(workers, "SMALL_FILES", 0)
    monkeypatch.setattr(workers, "_in_pool", dies)
    with pytest.raises(SourceRefused, match="ended unexpectedly, probably for lack of memory"):
        read(folder(tmp_path / "s", pictures({"a": 12})))


def test_workers_import_neither_torch_nor_pandas() -> None:
    code = "import sys, cvae_core.sources.workers; print({'torch', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_reading_can_be_given_up_and_tells_its_progress(tmp_path: Path) -> None:
    items = gather("mine", folder(tmp_path / "s", pictures({"a": 70})), Wishes())
    counts = [
        (item.done, item.total) for item in items if isinstance(item, Progress) and item.doing == "reading pictures"
    ]
    assert counts == [(64, 70), (70, 70)]
    given_up = gather("mine", tmp_path / "s", Wishes())
    next(given_up)
    given_up.close()  # type: ignore[attr-defined]


def test_the_report_is_plain_json(tmp_path: Path) -> None:
    source = folder(tmp_path / "s", {**pictures(TWENTY), os.fsdecode(b"a/\xff\x1b.png"): b"x", "a/\u202e.png": b"x"})
    report = read(source).report
    assert report_from_json(json.loads(json.dumps(report.to_json()))) == report


@pytest.fixture
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_a_preview_stores_nothing(own_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder(tmp_path / "s", pictures({"a": 50, "b": 50}))
    words = ["data", "add", "mine", str(source), "--preview", str(tmp_path / "p.json")]
    assert main.main(words) == 0, capsys.readouterr().err
    assert not own_data.exists()
    found = json.loads((tmp_path / "p.json").read_text())
    assert found["description"]["classes"] == ["a", "b"]
    assert [one["label"] for one in found["pictures"]].count(0) == 32
    assert report_from_json(found["report"]).read == 100
    source = arrays(tmp_path / "s.npz")
    before = source.read_bytes()
    assert main.main(["data", "add", "mine", str(source), "--preview", str(source)]) == 2
    assert source.read_bytes() == before
    assert "give a file whose name ends with .json" in capsys.readouterr().err


def arrays(path: Path, **more: np.ndarray) -> Path:
    np.savez(path, x=np.stack([pixels(seed) for seed in range(20)]), y=np.arange(20) % 2, **more)
    return path


def test_nothing_is_ignored_silently(tmp_path: Path) -> None:
    found = read(arrays(tmp_path / "s.npz", x_test=np.zeros((3, 16, 16), np.uint8)))
    with pytest.raises(SourceRefused, match="--labels needs a table"):
        read(tmp_path / "s.npz", labels="x")
    assert "The array 'x_test' is not used." in found.report.cautions
    place = folder(tmp_path / "s", pictures({"a": 20}))
    rows = [f"a/{row}.png,{row % 2},{'train' if row else '?'},{row if row > 2 else ''}" for row in range(20)]
    (place / "t.csv").write_text("\n".join(["file,label,split,weight", *rows]))
    said = read(place / "t.csv").report.cautions
    assert "The column 'split' gives no splits: not all its texts are names of splits." in said
    assert "The attribute 'weight' has no value for 3 images." in said


def test_a_data_set_is_stored_after_its_report(
    own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder(tmp_path / "s", pictures(TWENTY))
    monkeypatch.chdir(source)
    assert main.main(["data", "add", "mine", ".", "--size", "28"]) == 0
    out = capsys.readouterr().out
    assert out.index("decided: --size 28") < out.index("is stored in")
    assert catalogue.described("mine").classes == ("a", "b")
    assert (catalogue.header("mine").source, catalogue.header("mine").flags) == ("s", {"size": "28"})
    assert main.main(["data", "add", "mine", str(source)]) == 2  # the name is taken
    assert main.main(["data", "add", "numbers", str(tmp_path / "nowhere")]) == 2
    assert "There is no" in capsys.readouterr().err
    assert [path.name for path in (own_data / "sets").iterdir()] == ["mine"]
    (source / "a" / "link.png").symlink_to("/etc/passwd")
    assert "a/link.png is a link" in told(read(source))
