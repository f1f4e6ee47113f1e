"""Files are written atomically, and every flipped bit is detected."""

import io
import json
import os
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from cvae_core.errors import ConfigError, NotWritable, RunDamaged
from cvae_core.system import files, formats

JSON = {"name": "runé", "numbers": [1, 2.5, -1e-7, None, True], "inside": {"b": 1, "a": 0.1}}
ARRAYS = {"epoch": np.array([0.0, 0.0625, 1.0]), "images": np.arange(12, dtype=np.uint8).reshape(2, 2, 3)}
TABLE = pd.DataFrame({"epoch": [1, 2], "split": ["train", "validation"], "bound": [-1 / 3, -123.45678901234567]})
TENSORS = {"w": torch.tensor([[0.1, -2.0]]), "step": torch.tensor(3), "none": torch.zeros(0, 4)}
NOTES = {"place": '{"epoch": 1}', "config": "é"}

Kind = tuple[Callable[[Path], None], Callable[[Path], Any], Callable[[Any], object]]
KINDS: dict[str, Kind] = {  # how to write it, how to read it, and how to compare what was read
    "json": (lambda path: files.write_json(path, JSON), files.read_json, repr),
    "npz": (
        lambda path: formats.write_arrays(path, **ARRAYS),
        formats.read_arrays,
        lambda arrays: {name: (array.dtype.str, array.tolist()) for name, array in arrays.items()},
    ),
    "csv": (lambda path: formats.write_table(path, TABLE), formats.read_table, lambda table: table.to_dict()),
    "safetensors": (
        lambda path: formats.write_tensors(path, TENSORS, **NOTES),
        formats.read_tensors,
        lambda read: ({name: (str(t.dtype), t.shape, t.tolist()) for name, t in read[0].items()}, read[1]),
    ),
}
every = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def written(kind: str, tmp_path: Path) -> Path:
    path = tmp_path / f"file.{kind}"
    KINDS[kind][0](path)
    return path


def outcome(kind: str, path: Path) -> object:
    """Read a file; return its content in comparable form, or None if it is reported as damaged."""
    _, read, comparable = KINDS[kind]
    try:
        return comparable(read(path))
    except RunDamaged as error:
        assert str(path) in str(error)
        return None


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "file"
    files.write_json(path, JSON)
    assert files.read_json(path) == JSON
    formats.write_arrays(path, **ARRAYS)
    read = formats.read_arrays(path)
    assert {name: (array.dtype, array.tolist()) for name, array in read.items()} == {
        name: (array.dtype, array.tolist()) for name, array in ARRAYS.items()
    }
    formats.write_table(path, TABLE)
    pd.testing.assert_frame_equal(formats.read_table(path), TABLE, check_exact=True)
    formats.write_tensors(path, TENSORS, **NOTES)
    tensors, notes = formats.read_tensors(path)
    assert notes == NOTES
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool])
def test_tensors_keep_their_type_and_need_not_lie_in_one_piece(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = torch.arange(6).reshape(2, 3).to(dtype).T
    formats.write_tensors(tmp_path / "state", {"t": tensor})
    read = formats.read_tensors(tmp_path / "state")[0]["t"]
    assert read.dtype == dtype
    assert torch.equal(read, tensor)


def test_every_number_of_a_table_comes_back_exactly(tmp_path: Path) -> None:
    table = pd.DataFrame({"bound": -np.random.default_rng(1).gamma(2, 40, 5000)})
    formats.write_table(tmp_path / "curves.csv", table)
    assert (formats.read_table(tmp_path / "curves.csv") == table).all(axis=None)


@every
def test_a_flipped_bit_is_found_or_harmless(kind: str, written: Path) -> None:
    intact, whole = outcome(kind, written), written.read_bytes()
    assert intact is not None
    positions = np.random.default_rng(1).choice(8 * len(whole), 250, replace=False).tolist()
    outcomes = [outcome(kind, flipped(written, whole, position)) for position in positions]
    assert all(read is None or read == intact for read in outcomes)
    assert outcomes.count(None) > 0.5 * len(outcomes)  # the other bits are redundant or unused in a zip archive


@pytest.mark.parametrize("kind", ["npz"])
def test_a_flipped_flag_of_an_archive_is_found(written: Path) -> None:
    intact, whole = outcome("npz", written), written.read_bytes()
    for entry in range(whole.count(b"PK\x01\x02")):
        start = len(b"PK\x01\x02".join(whole.split(b"PK\x01\x02")[: entry + 1]))
        for position in range(8 * (start + 6), 8 * (start + 12)):  # version needed, flags, compression method
            assert outcome("npz", flipped(written, whole, position)) in (None, intact)


def flipped(path: Path, whole: bytes, position: int) -> Path:
    changed = bytearray(whole)
    changed[position // 8] ^= 1 << position % 8
    path.write_bytes(changed)
    return path


def outcome_of(content: bytes, path: Path) -> object:
    path.write_bytes(content)
    return outcome(path.suffix[1:], path)


@every
def test_a_file_cut_short_is_damaged(kind: str, written: Path) -> None:
    intact, whole = outcome(kind, written), written.read_bytes()
    lengths = [*range(0, len(whole) - 1, max(1, len(whole) // 60)), len(whole) - 2]
    assert [length for length in lengths if outcome_of(whole[:length], written) is not None] == []
    assert outcome_of(whole[:-1], written) in (None, intact)  # a newline at the end has no meaning


@every
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"garbage",
        b"\xff\xfe\xfd" * 50,
        b"PK\x03\x04" + b"\0" * 40,
        b"\x93NUMPY\x01\x00",
        b"null",
        b"[1, 2]",
        b'"text"',
        b"{}",
        b'{"sha256": null}',
        b"[" * 100_000,
        b"\xff" * 8 + b"{}",
        b"# sha256 ",
        b"# sha256 " + b"0" * 64 + b"\n",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_files_that_the_lab_did_not_write_are_damaged(kind: str, content: bytes, written: Path) -> None:
    written.write_bytes(content)
    assert outcome(kind, written) is None


@pytest.mark.parametrize("sha256", ["0" * 64, "", files.digest(b"")])
def test_content_that_its_digest_does_not_belong_to_is_damaged(sha256: str, tmp_path: Path) -> None:
    path, archive = tmp_path / "file", io.BytesIO()
    np.savez(archive, **ARRAYS, sha256=np.array(sha256))  # type: ignore[arg-type]
    for content, read in (
        (archive.getvalue(), formats.read_arrays),
        (json.dumps({**JSON, "sha256": sha256}).encode(), files.read_json),
        (f"a,b\n1,2\n# sha256 {sha256}\n".encode(), formats.read_table),
        (safetensors.torch.save(TENSORS, metadata={**NOTES, "sha256": sha256}), formats.read_tensors),
    ):
        path.write_bytes(content)
        with pytest.raises(RunDamaged, match="its content does not match its digest"):
            read(path)


def test_json_of_any_depth_is_read_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for depth in range(800, 1100):  # Python's limits for reading and writing are in this range
        path.write_text(f'{{"note": {"[" * depth}{"]" * depth}, "sha256": "x"}}')
        with pytest.raises(RunDamaged):
            files.read_json(path)


@pytest.mark.parametrize(
    ("read", "most"),
    [(files.read, files.MOST_BYTES), (files.read_json, files.MOST_JSON), (formats.read_table, files.MOST_BYTES)],
)
def test_a_file_that_no_memory_holds_is_damaged_and_not_read(
    read: Callable[[Path], object], most: int, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(most + 1)
    with pytest.raises(RunDamaged, match="it is larger than"):
        read(path)


@every
def test_a_file_of_another_kind_is_damaged(kind: str, written: Path) -> None:
    for other in set(KINDS) - {kind}:
        KINDS[other][0](written)
        assert outcome(kind, written) is None, other


@every
def test_a_folder_in_its_place_and_no_file_at_all_are_damage(kind: str, written: Path) -> None:
    written.unlink()
    assert outcome(kind, written) is None
    written.mkdir()
    assert outcome(kind, written) is None


class Bomb:
    exploded = False

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return setattr, (Bomb, "exploded", True)


def test_a_pickle_inside_an_archive_is_never_opened(tmp_path: Path) -> None:
    path, buffer = tmp_path / "stages.npz", io.BytesIO()
    np.savez(buffer, allow_pickle=True, epoch=np.array([Bomb()], dtype=object), sha256=np.array("0" * 64))
    path.write_bytes(buffer.getvalue())
    with pytest.raises(RunDamaged, match=r"stages\.npz is damaged"):
        formats.read_arrays(path)
    assert not Bomb.exploded


def test_objects_are_not_even_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        formats.write_arrays(tmp_path / "stages.npz", epoch=np.array([Bomb()], dtype=object))
    assert list(tmp_path.iterdir()) == []


def refuse(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("owner", [(os, "fsync"), (Path, "replace")], ids=["while writing", "while replacing"])
@pytest.mark.parametrize("was_there", [True, False])
def test_a_crash_leaves_the_old_file_and_no_other(
    owner: tuple[Any, str], was_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "card.json"
    if was_there:
        files.write(path, b"old")
    for error, raised in ((OSError(28, "No space left on device"), NotWritable), (KeyboardInterrupt(), None)):
        with monkeypatch.context() as patch:
            patch.setattr(*owner, refuse(error))
            with pytest.raises(raised or KeyboardInterrupt) as caught:
                files.write(path, b"new")
        if raised:
            assert str(caught.value).startswith(
                f"{path} could not be written (No space left on device): free disk space"
            )
        assert [file.name for file in tmp_path.iterdir()] == ["card.json"] * was_there
        assert not was_there or path.read_bytes() == b"old"


def test_bytes_reach_the_disk_before_the_name_does_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        happened.append("fsync of the folder" if is_folder else "fsync of the file")
        fsync(descriptor)

    def noted_replace(self: Path, target: Path) -> Path:
        happened.append("replace")
        assert self.read_bytes() == b"content"
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    files.write(tmp_path / "file", b"content")
    assert happened == ["fsync of the file", "replace", "fsync of the folder"]


def test_a_file_in_the_way_of_its_folder_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(NotWritable, match=r"card\.json could not be written \(.+\): free disk space or choose another"):
        files.write(tmp_path / "file" / "card.json", b"")


def test_a_name_that_is_too_long_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotWritable, match="could not be written"):
        files.write(tmp_path / ("n" * 300), b"")


def test_a_folder_of_that_name_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "card.json").mkdir()
    with pytest.raises(NotWritable, match=r"card\.json could not be written"):
        files.write(tmp_path / "card.json", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_a_folder_of_the_environment_may_begin_with_a_user_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Path(files.__file__).resolve().parents[2]
    for given, expected in (("~/x", Path.home() / "x"), ("x/y", Path.cwd() / "x/y"), ("", repository / "data")):
        monkeypatch.setenv("CVAE_SOMETHING", given)
        assert files.user_path("CVAE_SOMETHING", "data") == expected
    monkeypatch.setenv("CVAE_SOMETHING", "~nobody-of-that-name/x")
    with pytest.raises(ConfigError, match="CVAE_SOMETHING cannot be '~nobody-of-that-name/x': there is no such user"):
        files.user_path("CVAE_SOMETHING", "data")


def test_threads_of_one_process_may_write_the_same_file_and_readers_see_whole_ones(tmp_path: Path) -> None:
    path, faults = tmp_path / "cll.json", []
    files.write_json(path, {"who": 0, "much": "0" * 10_000})

    def write(who: int) -> None:
        try:
            for _ in range(40):
                files.write_json(path, {"who": who, "much": str(who) * 10_000})
                read = files.read_json(path)
                assert read["much"] == str(read["who"]) * 10_000
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert list(tmp_path.iterdir()) == [path]


def test_the_next_write_removes_temporary_files_of_dead_processes_only(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as dead:
        of_the_dead = files._mark(dead.pid)
        dead.kill()
    number, host, _ = mine = files._mark(os.getpid()).split("-")
    of_another_life = f"{number}-{host}-00000000"  # with this process's ID
    elsewhere = f"{number}-00000000-00000000"  # may be alive on another machine
    for name in (f".a.json.{of_the_dead}-1.tmp", f".b.npz.{of_the_dead}-77.tmp", f".c.{of_another_life}-1.tmp"):
        (tmp_path / name).write_text("half")
    (tmp_path / f".run.{of_the_dead}-1.tmp").mkdir()
    (tmp_path / f".run.{of_the_dead}-1.tmp" / "card.json").write_text("half")
    (tmp_path / f".d.{elsewhere}-1.tmp").write_text("half")
    os.utime(tmp_path / f".d.{elsewhere}-1.tmp", (0, 0))
    kept = {f".a.json.{'-'.join(mine)}-1.tmp", f".e.{elsewhere}-1.tmp", ".mine.tmp", "b.tmp", "a.json"}
    for name in kept:
        (tmp_path / name).write_text("kept")
    with files.folder_beside(tmp_path / "other") as beside:
        assert {path.name for path in tmp_path.iterdir()} == {*kept, beside.name}
    (tmp_path / f".a.json.{of_the_dead}-1.tmp").write_text("half")
    files.write(tmp_path / "a.json", b"whole")
    assert {path.name for path in tmp_path.iterdir()} == kept
