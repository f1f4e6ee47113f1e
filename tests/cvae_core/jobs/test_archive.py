"""An exported run is imported unchanged, and a refused archive leaves no files."""

import io
import json
import shutil
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from cvae_core.data import datasets, noise
from cvae_core.data.batches import held_out, shown_rows
from cvae_core.errors import ArchiveRefused, ConfigError, LabError, NotWritable, RunDamaged, RunInUse, RunNotFound
from cvae_core.evaluation.latent_space import Layout, embed
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.evaluation.results import CURVE
from cvae_core.evaluation.sample_quality import Finding, store_judgement
from cvae_core.jobs import archive as archives
from cvae_core.jobs import queue
from cvae_core.jobs.archive import packed, unpack
from cvae_core.models.conditional_vae import completed
from cvae_core.runs import sameness
from cvae_core.runs.run import Run, all_runs, run_at
from cvae_core.system import files
from tests import own_data
from tests.cvae_core.forging import signed_arrays, signed_json, signed_table
from tests.cvae_core.results import store, store_embedding
from tests.jobs import a_job

Contents = dict[str, bytes]
NAME = "digits-label"


@pytest.fixture(scope="module")
def complete(trained_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a tiny run with every kind of result; do not write to it."""
    root = tmp_path_factory.mktemp("complete")
    run = Run(shutil.copytree(trained_root / NAME, root / NAME))
    *_, scored = evaluate(run.model(), datasets.load("digits").test, samples=3, images=20)
    store(run, list(scored.cells))
    weights, test = run.weights_digest(), datasets.load("digits").test
    files.write_json(run.folder / CURVE, {"weights": weights, "cells": [vars(cell) for cell in scored.cells]})
    store_judgement(run, [Finding(name="samples of 3 read as 3", value=0.5, of=10)], weights)
    for layout in (Layout(method="pca", points=60), Layout(method="pca")):
        store_embedding(run, layout, embed(run.model(), test, layout))
    return run


@pytest.fixture(scope="module")
def contents(complete: Run) -> Contents:
    """Return the files of a valid archive by name; its card has a digest of the weights only, as in an older version."""
    with zipfile.ZipFile(io.BytesIO(packed(complete))) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    return {**found, f"{NAME}/card.json": signed_json({**card_of(found), "parts": {}})}


def everything(root: Path) -> dict[str, str]:
    """Return all paths under a folder, including hidden ones, with the digests of files."""
    return {str(path): files.digest(path.read_bytes()) if path.is_file() else "" for path in sorted(root.rglob("*"))}


@pytest.mark.parametrize("name", ["digits-vae", "digits-label", "digits-baseline-1", "digits-quadrant-1"])
def test_a_run_arrives_as_it_was_and_draws_what_it_drew(name: str, root: Path, tmp_path: Path) -> None:
    there, test = run_at(name, root), datasets.load("digits").test
    archive = tmp_path / "theirs.zip"
    archive.write_bytes(packed(there))
    here = unpack(archive, tmp_path / "new" / "root")
    assert here == run_at(name, tmp_path / "new" / "root")
    assert [run.name for run in all_runs(tmp_path / "new" / "root")] == [name]
    drawn = []
    for run in (there, here):
        model, (_, c) = run.model(), held_out(run.card().config, test, shown_rows(test, 10))
        drawn.append(completed(model.likelihood(model.draw(c, noise.normal((2, 1, model.latent), 0, "x")), c), c))
    assert torch.equal(*drawn)
    assert replace(here.card(), imported="") == there.card()


@pytest.mark.parametrize(
    ("flavour", "settings"),
    [("attributes", {}), ("label+quadrant", {"visible": "1"}), ("quadrant", {"visible": "brush"})],
)
@pytest.mark.usefixtures("small_baseline")
def test_a_run_with_any_part_of_a_condition_arrives_as_it_was(
    flavour: str, settings: Mapping[str, str], tiny: Callable[..., Any], untrained: Callable[..., Run], tmp_path: Path
) -> None:
    there = untrained(tiny(flavour, **settings), "run", root=tmp_path / "there", epochs=1)
    own_data.trained(there)
    archive = tmp_path / "theirs.zip"
    archive.write_bytes(packed(there))
    here = unpack(archive, tmp_path / "here")
    assert replace(here.card(), imported="", parts={}) == there.card()
    assert here.weights_digest() == there.weights_digest()
    assert sameness.of(here.card()) == sameness.of(there.card())
    assert here.model().config.attributes == there.card().config.attributes


def test_nothing_of_a_run_is_lost_and_nothing_else_is_packed(complete: Run, contents: Contents, tmp_path: Path) -> None:
    run = Run(shutil.copytree(complete.folder, tmp_path / "runs" / NAME))
    expected = {path.name for path in run.folder.iterdir() if path.name != ".lock"}
    assert {"cll.json", "draws.json", "judgement.json", "embedding-pca.npz", "embedding-pca-60.npz"} < expected
    for litter in (".lock", "weights-00000000.safetensors", "state.safetensors", "notes.txt", ".card.json.1-2.tmp"):
        (run.folder / litter).write_text("x")
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed(run))
    here = unpack(archive, tmp_path / "root")
    assert {path.name for path in here.folder.iterdir()} == expected
    for name in expected - {"card.json"}:
        assert (here.folder / name).read_bytes() == (run.folder / name).read_bytes()
    assert (here.folder.stat().st_mode & 0o777) == (tmp_path / "root").stat().st_mode & 0o777


def test_an_imported_run_is_marked_as_such_and_is_nobodys_pretrained_one(complete: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(complete.folder, tmp_path / "runs" / NAME))
    run.write_card(replace(run.card(), read_only=True, imported="2015-12-07 from mine.zip"))
    archive = tmp_path / "my *best* run`.zip"
    archive.write_bytes(packed(run))
    card = unpack(archive, tmp_path / "root").card()
    assert not card.read_only
    day, origin = card.imported.split(" from ")
    assert len(day) == 10
    assert origin == "my__best__run_.zip"


def test_an_imported_run_can_have_another_name_and_never_takes_one_that_is_used(complete: Run, tmp_path: Path) -> None:
    root, archive = tmp_path / "root", tmp_path / "a.zip"
    archive.write_bytes(packed(complete))
    assert unpack(archive, root, "theirs").name == "theirs"
    (root / NAME).mkdir()  # as left by a training that has just started
    (root / NAME / ".lock").write_text("")
    before = everything(root)
    for name in (None, NAME, "theirs"):
        with pytest.raises(RunInUse, match=r"There is a run '.*' in .*: import this one under another name with --run"):
            unpack(archive, root, name)
    for name in ("../x", "A", ""):
        with pytest.raises(ConfigError, match="A run cannot be called"):
            unpack(archive, root, name)
    assert everything(root) == before
    with queue.turn(root, a_job("waits")), pytest.raises(RunInUse, match="There is a run 'waits'"):
        unpack(archive, root, "waits")


def test_a_root_that_cannot_be_written_is_one_sentence(complete: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed(complete))
    with pytest.raises(NotWritable, match="choose another --root"):
        unpack(archive, tmp_path / "file")


def test_only_whole_and_finished_runs_are_packed(complete: Run, tmp_path: Path) -> None:
    def copied(name: str) -> Run:
        return Run(shutil.copytree(complete.folder, tmp_path / name))

    stopped, damaged, scored, stale = (copied(name) for name in ("stopped", "damaged", "scored", "stale"))
    stopped.write_card(replace(stopped.card(), status="stopped"))
    with pytest.raises(
        ArchiveRefused, match="Run 'stopped' is stopped: only finished runs can be exported and imported"
    ):
        packed(stopped)
    (damaged.folder / "stages.npz").write_bytes(b"PK")
    with pytest.raises(RunDamaged, match=r"stages\.npz is damaged"):
        packed(damaged)
    next(scored.folder.glob("weights-*")).unlink()
    with pytest.raises(RunNotFound, match="without its weights"):
        packed(scored)
    files.write_json(stale.folder / "cll.json", {"weights": "0" * 64, "cells": []})
    with pytest.raises(ArchiveRefused, match=r"cll\.json has content that this"):
        packed(stale)


def zipped(entries: Mapping[str, bytes], *more: tuple[zipfile.ZipInfo | str, bytes], method: int = 8) -> bytes:
    """Zip entries by name, and further entries that may have the same names."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in [*entries.items(), *more]:
            info = name if isinstance(name, zipfile.ZipInfo) else named(name)
            archive.writestr(info, content, method)
    return buffer.getvalue()


def named(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name  # without the changes that the constructor makes
    info.external_attr = mode << 16
    return info


def directory_says(archive: bytes, name: str, offset: int, layout: str, value: int) -> bytes:
    """Change a field of a file's entry in the central directory of a zip."""
    start = archive.index(b"PK\x01\x02")
    while archive[start + 46 : start + 46 + len(name)] != name.encode():
        start = archive.index(b"PK\x01\x02", start + 4)
    changed = bytearray(archive)
    struct.pack_into(f"<{layout}", changed, start + offset, value)
    return bytes(changed)


FLAGS, METHOD, SIZE, HEADER_AT = (8, "H"), (10, "H"), (24, "I"), (42, "I")  # fields of an entry: offset and format


def arrays_of(contents: Contents, file: str) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(contents[f"{NAME}/{file}"])) as archive:
        return {name: archive[name] for name in archive.files if name != "sha256"}


def card_of(contents: Contents) -> dict[str, Any]:
    return {name: value for name, value in json.loads(contents[f"{NAME}/card.json"]).items() if name != "sha256"}


def weights_of(contents: Contents) -> dict[str, torch.Tensor]:
    return safetensors.torch.load(contents[f"{NAME}/{card_of(contents)['weights']['file']}"])


Forger = Callable[[Contents], bytes]
FORGED: dict[str, tuple[Forger, str]] = {}  # how the archive is forged, and the expected message
PICTURE = "![x](http://elsewhere.example/x.png)"  # in Markdown
NO_ARCHIVE = (
    "it is not a valid archive of a run. Export the run again with python -m cvae_core export RUN --zip FILE.zip"
)
BACKSLASHES = "which the zip format does not allow. Pack the run's folder again with another program"
NO_SUCH_FILE, NOT_WRITTEN_BY_US = "but a run has no such file", "has content that this version of the lab never writes"


def more(name: str) -> Forger:
    return lambda contents: zipped(contents, (named(name), b"{}"))


for place in (
    "../cll.json", "../../cll.json", f"{NAME}/../cll.json", f"{NAME}/../../etc/cll.json", f"{NAME}/../other/cll.json",
    "/cll.json", "/etc/passwd", f"/{NAME}/cll.json", f"//{NAME}/cll.json", f"{NAME}//cll.json", f"./{NAME}/cll.json",
    f"{NAME}/./cll.json", f"{NAME}/.", f"{NAME}/..", "..", ".", f"{NAME}\\cll.json", "..\\cll.json", f"{NAME}/..\\cll.json",
    "C:\\cll.json", "C:cll.json", "C:/cll.json", "\\\\host\\share\\cll.json", f"{NAME}:x/cll.json", f"{NAME}/cll.json:x",
    "~/cll.json", "~root/.bashrc", f"{NAME}/cll.json\0.png", f"{NAME}/\0", f"{NAME}/CLL.json", f"{NAME}/cll.json ",
    f"{NAME}/cll.json.", f"{NAME}/cll.json\n", f"{NAME}/ｃll.json", f"{NAME}/cll\u202e.json", f"{NAME}/%2e%2e/cll.json",
    f"{NAME}/inside/cll.json", f"{NAME}/inside/", "inside/", "cll.json", f"{NAME.upper()}/cll.json", ".cache/cll.json",
    f"{NAME}/.lock", f"{NAME}/.cll.json.1-1.tmp", f"{NAME}/state.safetensors", f"{NAME}/weights-00000000.pt",
    f"{NAME}/weights-0000000g.safetensors", f"{NAME}/model.pkl", f"{NAME}/run.py", f"{NAME}/__init__.py",
    f"{NAME}/embedding-umap.npz", f"{NAME}/embedding-tsne-1-2-3.npz", f"{NAME}/embedding-tsne-.npz", f"{NAME}/" + "a" * 300,
    "-rf/cll.json", "__MACOSX", "MACOSX/._/card.json", ".DS_Store/cll.json", f"{'a' * 65}/cll.json",
    "$HOME/cll.json", "a/b/c/d/e/cll.json",
    "\u2024\u2024/cll.json",
):  # fmt: skip
    FORGED[f"a file called {place!r}"] = (more(place), BACKSLASHES if "\\" in place else NO_SUCH_FILE)


def forged(said: str) -> Callable[[Forger], Forger]:
    """Return the parameters of a test: a way to forge an archive, and the expected message."""

    def keep(forger: Forger) -> Forger:
        FORGED[forger.__name__.replace("_", " ")] = (forger, said)
        return forger

    return keep


def without(contents: Contents, file: str) -> Contents:
    return {name: content for name, content in contents.items() if file not in name}


def instead(contents: Contents, file: str, content: bytes) -> bytes:
    return zipped({**contents, f"{NAME}/{file}": content})


def with_card(contents: Contents, **changes: Any) -> bytes:
    return instead(contents, "card.json", signed_json({**card_of(contents), **changes}))


def with_weights(contents: Contents, content: bytes, **config: Any) -> bytes:
    """Replace the weights and their entry in the card, with correct digests."""
    digest = files.digest(content)
    named = {"file": f"weights-{digest[:8]}.safetensors", "sha256": digest, "dtype": "float16"}
    card = card_of(contents)
    card = signed_json({**card, "weights": named, "config": {**card["config"], **config}})
    rest = without(contents, "weights-") | {f"{NAME}/card.json": card, f"{NAME}/{named['file']}": content}
    return zipped(
        {name: content for name, content in rest.items() if name.rpartition("/")[2] in ALONE or "weights-" in name}
    )


ALONE = ("card.json", "curves.csv", "stages.npz")  # files that do not name the weights


for file in (*ALONE, "weights-"):
    FORGED[f"no {file}"] = (
        lambda contents, file=file: zipped(without(contents, file)),
        "does not contain exactly one complete run",
    )
for folder in ("..", "../x", "./x", "/x", "x//x", "x\\y", "C:", ".hidden", "", "x\u202ey", "x\ny", "x\0y"):
    FORGED[f"all in the folder {folder!r}"] = (
        lambda contents, folder=folder: zipped({name.replace(NAME, folder, 1): c for name, c in contents.items()}),
        BACKSLASHES if "\\" in folder else NO_SUCH_FILE,
    )
for kind, mode in {
    "link": stat.S_IFLNK, "pipe": stat.S_IFIFO, "socket": stat.S_IFSOCK, "folder": stat.S_IFDIR, "disk": stat.S_IFBLK,
    "terminal": stat.S_IFCHR,
}.items():  # fmt: skip
    FORGED[f"a {kind}"] = (
        lambda contents, mode=mode: zipped(
            without(contents, "cll.json"), (named(f"{NAME}/cll.json", mode | 0o777), b"/etc/passwd")
        ),
        "is not a regular file",
    )
for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
    FORGED[f"packed by method {method}"] = (
        lambda contents, method=method: zipped(contents, method=method), "compressed by another method than deflate"
    )  # fmt: skip
for name, content in {
    "nothing": b"",
    "a text": b"hello",
    "a script": b"#!/bin/sh\nrm -rf ~\n",
    "a gzip": b"\x1f\x8b" * 50,
}.items():
    FORGED[name] = (lambda _, content=content: content, NO_ARCHIVE)


@forged("does not contain exactly one complete run")
def an_empty_zip(contents: Contents) -> bytes:
    return zipped({})


@forged(NO_ARCHIVE)
def half_a_zip(contents: Contents) -> bytes:
    whole = zipped(contents)
    return whole[: len(whole) // 2]


@forged(NO_ARCHIVE)
def a_zip_whose_beginning_is_missing(contents: Contents) -> bytes:
    return zipped(contents)[1000:]


@forged(NO_ARCHIVE)
def an_encrypted_file(contents: Contents) -> bytes:
    return directory_says(zipped(contents), f"{NAME}/cll.json", *FLAGS, 1)


@forged("compressed by another method than deflate")
def an_unknown_method(contents: Contents) -> bytes:
    return directory_says(zipped(contents), f"{NAME}/cll.json", *METHOD, 99)


@forged(NO_ARCHIVE)
def a_directory_and_a_file_that_differ_in_the_name(contents: Contents) -> bytes:
    return zipped(contents).replace(f"{NAME}/cll.json".encode(), b"../../../x/bad/..", 1)


@forged("two files of the same name")
def two_cards(contents: Contents) -> bytes:
    return zipped(contents, (f"{NAME}/card.json", contents[f"{NAME}/card.json"]))


@forged("does not contain exactly one complete run")
def two_weights(contents: Contents) -> bytes:
    return zipped(contents, (f"{NAME}/weights-00000000.safetensors", b"x"))


@forged("does not contain exactly one complete run")
def two_runs(contents: Contents) -> bytes:
    return zipped(contents, ("other/cll.json", contents[f"{NAME}/cll.json"]))


@forged("lists more than 32 files")
def very_many_files(contents: Contents) -> bytes:
    return zipped(contents, *((f"{NAME}/embedding-tsne-{number}.npz", b"") for number in range(32)))


@forged("lists more than 32 files")
def two_hundred_thousand_entries_of_one_file(contents: Contents) -> bytes:
    return zipped(contents).replace(b"PK\x01\x02", b"PK\x01\x02" * 200_000, 1)


@forged("has 30,000,000 bytes, but the limit is 1,048,576")
def a_bomb(contents: Contents) -> bytes:
    return instead(contents, "cll.json", bytes(30_000_000))


@forged("has 4,294,967,294 bytes")
def a_file_that_says_it_is_huge(contents: Contents) -> bytes:
    return directory_says(zipped(contents), f"{NAME}/stages.npz", *SIZE, 2**32 - 2)


@forged(NO_ARCHIVE)
def a_bomb_that_says_it_is_small(contents: Contents) -> bytes:
    return directory_says(instead(contents, "cll.json", bytes(30_000_000)), f"{NAME}/cll.json", *SIZE, 700)


@forged("has fewer bytes than the archive states")
def a_file_that_says_it_is_larger(contents: Contents) -> bytes:
    return directory_says(zipped(contents), f"{NAME}/cll.json", *SIZE, 900_000)


@forged("have more than 512 MB")
def many_large_files(contents: Contents) -> bytes:
    names = [f"{NAME}/embedding-tsne-{number}.npz" for number in range(1, 6)]
    archive = zipped(contents, *((name, b"x") for name in names))
    for name in names:
        archive = directory_says(archive, name, *SIZE, 128 * 2**20)
    return archive


@forged(NO_ARCHIVE)
def two_names_for_the_same_bytes(contents: Contents) -> bytes:
    return directory_says(zipped(contents), f"{NAME}/cll.json", *HEADER_AT, 0)


@forged("contains '../../x.npy'")
def an_array_that_would_leave(contents: Contents) -> bytes:
    return instead(contents, "stages.npz", zipped({"../../x.npy": b""}))


@forged("states")
def a_bomb_in_an_array(contents: Contents) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, epoch=np.zeros(5_000_000))
    return instead(contents, "stages.npz", directory_says(buffer.getvalue(), "epoch.npy", *SIZE, 128 * 2**20))


@forged("has 160,000,128 bytes, but the limit is 134,217,728")
def a_larger_bomb_in_an_array(contents: Contents) -> bytes:
    return instead(contents, "embedding-pca.npz", signed_arrays(z=np.zeros(20_000_000)))


@forged("lists more than 32 files")
def very_many_arrays(contents: Contents) -> bytes:
    return instead(contents, "stages.npz", signed_arrays(**{f"a{number}": np.zeros(1) for number in range(40)}))


@forged("stages.npz is damaged")
def pickled_objects(contents: Contents) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, epoch=np.array([print, {"a": 1}], dtype=object))
    return instead(contents, "stages.npz", buffer.getvalue())


def array_claiming(header: str) -> Forger:
    def forge(contents: Contents) -> bytes:
        text = header.encode().ljust(117) + b"\n"
        array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
        return instead(contents, "stages.npz", zipped({"epoch.npy": array}))

    return forge


FORGED["an array that claims a petabyte"] = (
    array_claiming("{'descr': '<f8', 'fortran_order': False, 'shape': (140737488355328,), }"),
    "stages.npz is damaged",
)
FORGED["an array whose header is no literal"] = (array_claiming("__import__('os').abort()"), "stages.npz is damaged")
FORGED["an array whose header is nested deeply"] = (array_claiming("(" * 100 + ")" * 10), "imported: ")


@forged("stages.npz is damaged")
def stages_without_a_digest(contents: Contents) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays_of(contents, "stages.npz"))  # type: ignore[arg-type]
    return instead(contents, "stages.npz", buffer.getvalue())


def with_stages(**changes: Any) -> Forger:
    def forge(contents: Contents) -> bytes:
        kept = arrays_of(contents, "stages.npz")
        return instead(contents, "stages.npz", signed_arrays(**{name: changes.get(name, kept[name]) for name in kept}))

    return forge


def with_embedding(**changes: Any) -> Forger:
    def forge(contents: Contents) -> bytes:
        kept = arrays_of(contents, "embedding-pca.npz")
        changed = {name: changes[name](array) if name in changes else array for name, array in kept.items()}
        return instead(contents, "embedding-pca.npz", signed_arrays(**changed))

    return forge


for name, forger in {
    "stages of other pictures": with_stages(samples=np.zeros((2, 10, 8, 100), np.uint8)),
    "stages of bright pictures": with_stages(reconstructions=np.full((9, 10, 784), np.inf)),
    "stages of images that nobody has": with_stages(test_indices=np.arange(10) + 10_000),
    "stages of the last image, counted from behind": with_stages(test_indices=np.arange(10) - 10),
    "stages in no order": with_stages(epoch=np.full(9, np.nan)),
    "no stage": with_stages(epoch=np.zeros(0)),
    "a map of infinite points": with_embedding(coordinates=lambda kept: kept * np.inf),
    "a map of another space": with_embedding(z=lambda kept: kept[:, :1]),
    "a map of images that nobody has": with_embedding(indices=lambda kept: kept + 360),
    "a map of the same image again": with_embedding(indices=lambda kept: kept * 0),
    "a map of labels that are none": with_embedding(labels=lambda kept: kept + 10),
    "a map of other weights": with_embedding(weights=lambda _: np.array("0" * 64)),
    "a map in one dimension": with_embedding(coordinates=lambda kept: kept[:, :1]),
}.items():
    FORGED[name] = (forger, NOT_WRITTEN_BY_US)

for name, (changes, sentence) in {
    "a card of another version": ({"colour": "red"}, "not of this version of the lab"),
    "a card without a configuration": ({"config": None}, "not of this version of the lab"),
    "a card of a width that is none": ({"config": {"width": "16"}}, "not of this version of the lab"),
    "a card of a running run": ({"status": "running"}, "is running: only finished runs can be exported and imported"),
    "a card of a status that is none": ({"status": "<b>"}, "not of this version of the lab"),
    "a card with two lines in one": ({"reason": "fine\nRun 'x' is finished"}, NOT_WRITTEN_BY_US),
    "a card that reads backwards": ({"note": "\u202egnihtemos"}, NOT_WRITTEN_BY_US),
    "a card with very much to say": ({"note": "python" * 10_000}, NOT_WRITTEN_BY_US),
    "a card with a bound that is a text": ({"metrics": {"elbo": "-90"}}, "not of this version of the lab"),
    "a card with a bound that is none": ({"metrics": {"elbo": float("nan")}}, "not of this version of the lab"),
    "a card without a bound": ({"metrics": {}}, "not of this version of the lab"),
    "a card with too many rates": ({"rates": [0.1] * 1000}, NOT_WRITTEN_BY_US),
    "a card of no day": ({"created": "yesterday"}, "not of this version of the lab"),
    "a card without weights": ({"weights": None}, "has no weights yet"),
    "a card whose weights lie elsewhere": (
        {"weights": {"file": "../../etc/passwd", "sha256": "0" * 64, "dtype": "float16"}}, "without its weights",
    ),
    "a card whose device is a picture": ({"device": PICTURE}, NOT_WRITTEN_BY_US),
    "a card whose versions are pictures": ({"versions": {PICTURE: "1", "torch": PICTURE}}, NOT_WRITTEN_BY_US),
    "a card of more epochs than there are": ({"epochs": 100_000}, NOT_WRITTEN_BY_US),
    "a card with seconds that are true": ({"seconds": True}, "not of this version of the lab"),
}.items():  # fmt: skip
    FORGED[name] = (lambda contents, changes=changes: with_card(contents, **changes), sentence)


@forged("card.json is damaged: its content does not match its digest")
def a_card_that_was_edited(contents: Contents) -> bytes:
    return instead(
        contents, "card.json", json.dumps({**json.loads(contents[f"{NAME}/card.json"]), "epochs": 99}).encode()
    )


@forged("card.json is damaged")
def a_card_without_end(contents: Contents) -> bytes:
    return instead(contents, "card.json", b"[" * 500_000)


@forged("card.json is damaged")
def a_card_with_a_number_of_a_million_digits(contents: Contents) -> bytes:
    return instead(contents, "card.json", b'{"epochs": ' + b"9" * 900_000 + b"}")


@forged("does not match the digest in the card")
def weights_that_were_changed(contents: Contents) -> bytes:
    file = card_of(contents)["weights"]["file"]
    return instead(contents, file, contents[f"{NAME}/{file}"][:-1] + b"?")


@forged("is not a safetensors file")
def weights_that_are_a_pickle(contents: Contents) -> bytes:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(1)}, buffer)
    return with_weights(contents, buffer.getvalue())


@forged("is not a safetensors file")
def weights_with_an_endless_header(contents: Contents) -> bytes:
    return with_weights(contents, struct.pack("<Q", 2**40) + b"{}")


@forged("is damaged: it is not a safetensors file")
def weights_that_end_too_soon(contents: Contents) -> bytes:
    return with_weights(contents, safetensors.torch.save(weights_of(contents))[:-10])


@forged("are not those of its configuration")
def weights_of_another_model(contents: Contents) -> bytes:
    return with_weights(contents, safetensors.torch.save({"a": torch.zeros(3)}))


@forged("are not those of its configuration")
def a_model_larger_than_any_memory(contents: Contents) -> bytes:
    return with_weights(contents, safetensors.torch.save(weights_of(contents)), width=8192, depth=64, latent=2)


@forged("not finite")
def weights_that_are_no_numbers(contents: Contents) -> bytes:
    nothing = {name: torch.full_like(tensor, torch.nan) for name, tensor in weights_of(contents).items()}
    return with_weights(contents, safetensors.torch.save(nothing))


def with_curves(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Forger:
    def forge(contents: Contents) -> bytes:
        table = pd.read_csv(io.BytesIO(contents[f"{NAME}/curves.csv"]), comment="#")
        return instead(contents, "curves.csv", signed_table(change(table)))

    return forge


for name, change in {
    "curves with a column more": lambda table: table.assign(formula="=cmd|' /C calc'!A0"),
    "curves with a column less": lambda table: table.drop(columns="rate"),
    "curves of infinite height": lambda table: table.assign(bound=np.inf),
    "curves of texts": lambda table: table.assign(bound="high"),
    "curves that go twice": lambda table: pd.concat([table, table]),
    "curves of another split": lambda table: table.assign(split="<script>"),
}.items():
    FORGED[name] = (with_curves(change), "imported: ")


@forged("curves.csv is damaged")
def curves_that_were_changed(contents: Contents) -> bytes:
    return instead(contents, "curves.csv", contents[f"{NAME}/curves.csv"].replace(b"1", b"2", 1))


def with_cell(**changes: Any) -> Forger:
    def forge(contents: Contents) -> bytes:
        kept = json.loads(contents[f"{NAME}/cll.json"])
        cells = [{**kept["cells"][0], **changes}]
        return instead(contents, "cll.json", signed_json({"weights": kept["weights"], "cells": cells}))

    return forge


for name, changes in {
    "a figure that is a text": {"mean": "-1"},
    "a figure that is none": {"mean": float("nan")},
    "a figure of an estimator that is none": {"estimator": "hope"},
    "a figure of quadrants that there are not": {"visible": "middle"},
    "a figure of quadrants for a model of labels": {"visible": "1"},
    "a figure of no images": {"images": 0},
    "a figure with a negative error": {"standard_error": -1.0},
}.items():
    FORGED[name] = (with_cell(**changes), NOT_WRITTEN_BY_US)
FORGED["a figure with a list of splits"] = (with_cell(split=["test"]), NOT_WRITTEN_BY_US)
FORGED["a figure with a field more"] = (with_cell(colour="red"), "not of this version of the lab")


@forged(NOT_WRITTEN_BY_US)
def figures_of_other_weights(contents: Contents) -> bytes:
    return instead(contents, "cll.json", signed_json({"weights": "0" * 64, "cells": []}))


def with_a_finding(contents: Contents, name: object) -> bytes:
    weights = card_of(contents)["weights"]["sha256"]
    found = [{"name": name, "value": 0.5, "of": 1, "reference": None}]
    return instead(contents, "judgement.json", signed_json({"weights": weights, "findings": found}))


@forged(NOT_WRITTEN_BY_US)
def a_judgement_of_numbers(contents: Contents) -> bytes:
    return with_a_finding(contents, 5)


@forged(NOT_WRITTEN_BY_US)
def a_finding_that_is_a_picture_from_elsewhere(contents: Contents) -> bytes:
    return with_a_finding(contents, PICTURE)


@forged("is not a safetensors file")
def weights_of_numbers_that_torch_has_not(contents: Contents) -> bytes:
    header = b'{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}'
    return with_weights(contents, len(header).to_bytes(8, "little") + header + b"0")


def test_there_are_many_ways_to_forge_an_archive() -> None:
    assert len(FORGED) >= 150


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_archive_leaves_one_sentence_and_nothing_else(
    forgery: str, contents: Contents, tmp_path: Path
) -> None:
    forge, sentence = FORGED[forgery]
    archive, root = tmp_path / "a" / "forged.zip", tmp_path / "a" / "b" / "root"
    root.mkdir(parents=True)
    archive.write_bytes(forge(contents))
    before = everything(tmp_path)
    with pytest.raises(ArchiveRefused) as caught:
        unpack(archive, root)
    assert str(caught.value).startswith(f"{archive} is not imported: ")
    assert sentence in str(caught.value)
    assert "importing" not in str(caught.value)  # where it was looked at
    assert everything(tmp_path) == before


def test_an_archive_that_is_packed_by_the_test_tools_is_accepted(contents: Contents, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    kept = arrays_of(contents, "embedding-pca.npz")
    for number, good in enumerate(
        (zipped(contents), with_card(contents), with_weights(contents, safetensors.torch.save(weights_of(contents))),
         with_stages()(contents), with_embedding()(contents), with_curves(lambda table: table)(contents),
         with_cell()(contents),
         instead(contents, "embedding-pca.npz", signed_arrays(**kept)))
    ):  # fmt: skip
        archive.write_bytes(good)
        assert unpack(archive, tmp_path / "root", f"run-{number}").exists()


Entries = Sequence[tuple[zipfile.ZipInfo | str, bytes]]


def folders(*names: str) -> Entries:
    return [(named(name, stat.S_IFDIR | 0o755), b"") for name in names]


def moved(contents: Contents, folder: str) -> Contents:
    return {name.replace(f"{NAME}/", folder, 1): content for name, content in contents.items()}


def streamed(entries: Mapping[str, bytes], *more: tuple[zipfile.ZipInfo | str, bytes], zip64: bool = False) -> bytes:
    """Zip as streaming programs do: sizes follow the files, in 64 bits if necessary."""

    class Stream(io.RawIOBase):
        written = b""

        def writable(self) -> bool:
            return True

        def write(self, content: Any) -> int:
            self.written += bytes(content)
            return len(content)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, content in [*more, *entries.items()]:
            with archive.open(name, "w", force_zip64=zip64) as file:
                file.write(content)
    return stream.written


ON_A_MAC: Entries = [
    *folders(f"{NAME}/", "__MACOSX/", f"__MACOSX/{NAME}/"),
    *((name, b"\0\5\x16\7") for name in (f"__MACOSX/._{NAME}", f"__MACOSX/{NAME}/._card.json", f"{NAME}/._cll.json")),
    *((name, b"\0\0\0\1Bud1") for name in (".DS_Store", f"{NAME}/.DS_Store")),
    *((f"__MACOSX/{NAME}/._{number}", b"") for number in range(40)),
]
REPACKED: dict[str, tuple[Forger, str]] = {  # how it is packed again, and the resulting name of the run
    "on a Mac": (lambda contents: zipped(contents, *ON_A_MAC), NAME),
    "on a Mac, in one go": (lambda contents: streamed(contents, *ON_A_MAC), NAME),
    "with sizes of 64 bits": (lambda contents: streamed(contents, zip64=True), NAME),
    "on Windows": (
        lambda contents: zipped(
            contents, (named(f"{NAME}/", 0), b""), (f"{NAME}/desktop.ini", b"[x]"), (f"{NAME}/Thumbs.db", b"\xd0\xcf")
        ),
        NAME,
    ),
    "without compression": (lambda contents: zipped(contents, method=zipfile.ZIP_STORED), NAME),
    "one level deeper": (
        lambda contents: zipped(moved(contents, f"My runs/{NAME}/"), *folders("My runs/", f"My runs/{NAME}/")), NAME
    ),
    "two levels deeper, on a Mac": (
        lambda contents: zipped(moved(contents, f"Läufe/2026/{NAME}/"), ("Läufe/.DS_Store", b""), *folders("Läufe/")), NAME
    ),
    "without a folder": (lambda contents: zipped(moved(contents, "")), "my-best-run-2"),
    "in a folder that a Mac has numbered": (lambda contents: zipped(moved(contents, f"{NAME} 2/")), f"{NAME}-2"),
    "in a folder of capitals": (lambda contents: zipped(moved(contents, "Label/")), "label"),
    "in a folder of another alphabet": (lambda contents: zipped(moved(contents, "é/")), "e"),
    "in a folder of a long name": (
        lambda contents: zipped(moved(contents, f"{'a' * 65}/")), f"{'a' * 55}-{files.digest(b'a' * 65)[:8]}"
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", REPACKED)
def test_a_run_that_was_packed_again_elsewhere_is_taken_in(how: str, contents: Contents, tmp_path: Path) -> None:
    repack, name = REPACKED[how]
    archive = tmp_path / "My best run (2).zip"
    archive.write_bytes(repack(contents))
    run = unpack(archive, tmp_path / "root")
    assert run == run_at(name, tmp_path / "root")
    expected = {path.partition("/")[2]: content for path, content in contents.items() if "card.json" not in path}
    assert {path.name: path.read_bytes() for path in run.folder.iterdir() if path.name != "card.json"} == expected
    assert [path.name for path in (tmp_path / "root").iterdir() if not path.name.startswith(".")] == [name]
    assert unpack(archive, tmp_path / "root", "theirs").name == "theirs"


def test_what_other_programs_add_is_not_even_read(contents: Contents, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(directory_says(zipped(contents, *ON_A_MAC), f"__MACOSX/{NAME}/._card.json", *SIZE, 2**32 - 2))
    assert unpack(archive, tmp_path / "root").name == NAME


def test_what_does_not_belong_into_an_archive_is_named_with_what_to_do(contents: Contents, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    for more in (f"{NAME}/.lock", f"{NAME}/notes.txt", "run.zip"):
        archive.write_bytes(zipped(contents, (more, b"x")))
        with pytest.raises(
            ArchiveRefused, match=f"it contains '{more}', but a run has no such file. Pack the run's folder wi"
        ):
            unpack(archive, tmp_path / "root")
    with pytest.raises(ArchiveRefused, match=r"it is a folder, not a file: pack it as a \.zip"):
        unpack(tmp_path, tmp_path / "root")


def test_what_is_no_file_or_too_large_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArchiveRefused, match="there is no such file"):
        unpack(tmp_path / "nowhere.zip", tmp_path)
    with pytest.raises(ArchiveRefused, match="it is a folder, not a file"):
        unpack(tmp_path, tmp_path)
    monkeypatch.setattr(archives, "MAX_BYTES", 2**20)
    (tmp_path / "large.zip").write_bytes(bytes(2**20 + 1))
    with pytest.raises(ArchiveRefused, match="it has more than 1 MB"):
        unpack(tmp_path / "large.zip", tmp_path)


def test_a_disk_that_fills_up_leaves_nothing(complete: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, root = tmp_path / "a.zip", tmp_path / "root"
    archive.write_bytes(packed(complete))
    write = files.write

    def full(path: Path, content: bytes) -> None:
        if path.name == "stages.npz":
            raise NotWritable(f"{path} could not be written (No space left on device): free disk space.")
        write(path, content)

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(LabError, match="No space left"):
        unpack(archive, root)
    assert list(root.iterdir()) == []
