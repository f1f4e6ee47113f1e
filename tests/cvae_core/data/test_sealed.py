"""Data sets of one's own are stored as a whole, read back exactly, listed, and refused in a sentence if they are damaged."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core.config.descriptions import BUILT_IN, Attribute, Description
from cvae_core.data import catalogue, datasets, fingerprints, raw_files, sealed
from cvae_core.errors import ConfigError, DataDamaged, DataMissing, NotWritable
from cvae_core.system.arrays import read_arrays, write_arrays
from tests import own_data
from tests.cvae_core.forging import signed_arrays, signed_json

MANY = tuple(f"Größe {number}" for number in range(200))
SETS = {
    "grey": own_data.description(),
    "colour": own_data.description(channels=3, drawn=False),
    "200 classes": own_data.description(classes=MANY, train=400, validation=200, test=200),
    "no labels": own_data.description(classes=("all",)),
    "attributes": own_data.description(
        attributes=(Attribute(name="Größe"), Attribute(name="font", categories=("Ä", "b")))
    ),
}

SHIPPED = (*BUILT_IN, "letters")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of added data sets, in a folder of this test's own."""
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "sets"


@pytest.fixture
def stored(folder: Path) -> Path:
    """Return the folder of a stored data set."""
    return sealed.store(own_data.sealed())


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("data", SETS.values(), ids=list(SETS))
def test_what_is_stored_is_what_is_read_and_loaded(data: Description, folder: Path) -> None:
    given = own_data.sealed(data)
    place = sealed.store(given)
    assert place == folder / "mine"
    assert left(place) == ["data.json", f"images-{given.fingerprint[:8]}.npz"]
    found = sealed.read("mine")
    assert found.description == data and hash(found.description) == hash(data)
    assert (found.report, found.source, found.flags) == (given.report, given.source, given.flags)
    for split in sealed.SPLITS:
        for one, other in zip(found.splits[split], given.splits[split], strict=True):
            np.testing.assert_array_equal(one, other)
    for split, values in given.attributes.items():
        np.testing.assert_array_equal(found.attributes[split], values)
    loaded = datasets.load("mine")
    assert (loaded.description, loaded.name) == (data, "mine")
    assert loaded.test.images.shape == (data.test, data.shape.values)
    assert (loaded.test.images.dtype, loaded.test.labels.dtype) == (torch.uint8, torch.int64)
    assert loaded.test.labels.tolist() == given.splits["test"][1].tolist()
    assert loaded.fingerprint == given.fingerprint == fingerprints.fingerprint_here("mine")


def test_a_data_set_is_known_by_its_name_only_while_it_is_there(folder: Path) -> None:
    assert catalogue.names() == SHIPPED
    assert not datasets.on_disk("mine")
    with pytest.raises(ConfigError, match=r"called 'mine': choose one of mnist, .*letters\. .*data add"):
        catalogue.configured("label", dataset="mine")
    sealed.store(own_data.sealed())
    assert catalogue.names() == (*SHIPPED, "mine")
    assert (catalogue.origin("mine"), datasets.on_disk("mine")) == ("added", True)
    assert raw_files.bytes_on_disk("mine") == sum(path.stat().st_size for path in (folder / "mine").iterdir())
    config = catalogue.configured("label", dataset="mine", latent=2)
    assert (config.shape, config.classes, config.train_images) == ((1, 16), 3, 12)
    datasets.download("mine")  # nothing to download
    sealed.remove("mine")
    assert catalogue.names() == SHIPPED
    assert left(folder) == []


@pytest.mark.parametrize("name", ["mine", "0"])
def test_a_missing_data_set_says_how_to_get_it(name: str, folder: Path) -> None:
    with pytest.raises(DataMissing) as missing:
        datasets.load(name)
    assert f"The data set '{name}' is not on this machine: add the same images with" in str(missing.value)
    assert f"data add {name} SOURCE, or ask for its folder and copy it to {folder / name}." in str(missing.value)


@pytest.mark.parametrize("name", ["../mine", "a b", "Ö", "", "x" * 300, None, 3, ["mine"]])
def test_what_cannot_be_a_name_is_answered_with_the_names(name: Any) -> None:
    for function in (datasets.load, catalogue.described, fingerprints.look, catalogue.origin):
        with pytest.raises(ConfigError, match="choose one of mnist, fashion, kmnist, digits"):
            function(name)
    with pytest.raises(ConfigError, match="A data set cannot be called"):
        catalogue.require_free(name)


@pytest.mark.parametrize("name", ["mnist", "digits", "x" * 41, "-a", "ä"])
def test_names_that_are_taken_or_no_names_are_refused(name: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be called|There is a data set"):
        sealed.store(own_data.sealed(own_data.description(name)))
    assert left(folder) == []


def test_a_data_set_is_never_replaced(stored: Path) -> None:
    before = datasets.load("mine").fingerprint
    with pytest.raises(ConfigError, match=r"'mine' already: choose another name, or remove .* data remove mine\."):
        sealed.store(own_data.sealed(seed=1))
    assert datasets.load("mine").fingerprint == before


def test_a_foreign_folder_is_no_data_set_and_is_left_alone(folder: Path) -> None:
    (folder / "mine").mkdir(parents=True)
    (folder / "mine" / "holiday.png").write_bytes(b"a picture")
    (folder / "Other").mkdir()
    (folder / "text").write_text("no folder")
    assert catalogue.names() == SHIPPED
    with pytest.raises(ConfigError, match="exists and is not a data set: move it"):
        sealed.store(own_data.sealed())
    with pytest.raises(ConfigError, match="No data set is called 'mine'"):
        sealed.remove("mine")
    assert (folder / "mine" / "holiday.png").exists()


def test_a_file_in_the_place_of_the_folder_is_said_in_a_sentence(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("no folder")
    assert catalogue.names() == SHIPPED
    with pytest.raises(NotWritable, match="could not be written"):
        sealed.store(own_data.sealed())


def test_links_are_not_followed(stored: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    stored.rename(elsewhere)
    stored.symlink_to(elsewhere)
    assert catalogue.names() == SHIPPED
    with pytest.raises(DataMissing):
        datasets.load("mine")
    with pytest.raises(ConfigError, match="exists and is not a data set"):
        sealed.store(own_data.sealed())
    stored.unlink()
    elsewhere.rename(stored)
    for path in list(stored.iterdir()):
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
        with pytest.raises(DataDamaged, match="a link"):
            datasets.load("mine")
        path.unlink()
        (tmp_path / path.name).rename(path)
    datasets.load("mine")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _rewrite(**changes: Any) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        content = json.loads(path.read_text())
        content.pop("sha256")
        path.write_bytes(signed_json({**content, **changes}))

    return rewrite


def _to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HEADERS: dict[str, Callable[[Path], None]] = {
    "a flipped bit": _flip,
    "empty": lambda path: path.write_bytes(b""),
    "foreign JSON": lambda path: path.write_text("[1, 2]"),
    "a folder": _to_folder,
    "another version": _rewrite(format=2),
    "another field": _rewrite(more=1),
    "no description": _rewrite(description=None),
    "other classes": _rewrite(description={**own_data.description().to_json(), "classes": ["a\nb"]}),
    "no report": _rewrite(report=[1]),
    "a report of numbers": _rewrite(report={**own_data.report(own_data.description()).to_json(), "classes": 5}),
    "a path": _rewrite(file="../../images-00000000.npz"),
    "no fingerprint": _rewrite(fingerprint="x"),
    "no moment": _rewrite(created="yesterday"),
    "a control character": _rewrite(source="a\x1b[2J"),
    "other counts": _rewrite(description=own_data.description(train=13).to_json()),
    "another shape": _rewrite(description=own_data.description(side=20).to_json()),
    "fewer classes": _rewrite(description=own_data.description(classes=("a", "b")).to_json()),
    "attributes": _rewrite(description=own_data.description(attributes=(Attribute(name="x"),)).to_json()),
    "more than memory": _rewrite(description=own_data.description(side=64, channels=3, train=200_000).to_json()),
}


@pytest.mark.parametrize("spoil", HEADERS.values(), ids=list(HEADERS))
def test_a_damaged_header_is_one_sentence_and_can_be_removed(spoil: Callable[[Path], None], stored: Path) -> None:
    catalogue.described("mine")
    spoil(stored / "data.json")
    assert catalogue.names()[-1] == "mine"
    with pytest.raises(DataDamaged, match="data remove mine") as damaged:
        datasets.load("mine")
    assert "\n" not in str(damaged.value)
    sealed.remove("mine")
    assert not stored.exists()


def _other_images(path: Path) -> None:
    arrays = read_arrays(path)
    arrays["train_images"][0, 0] ^= 1
    write_arrays(path, **arrays)


IMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped bit": _flip,
    "missing": Path.unlink,
    "cut off": lambda path: os.truncate(path, 100),
    "a text": lambda path: path.write_text("no images"),
    "other images": _other_images,
    "other arrays": lambda path: path.write_bytes(signed_arrays(images=np.zeros((2, 2)))),
    "far too large": lambda path: os.truncate(path, 2**33),
}


@pytest.mark.parametrize("spoil", IMAGES.values(), ids=list(IMAGES))
def test_damaged_images_are_one_sentence(spoil: Callable[[Path], object], stored: Path) -> None:
    path = next(stored.glob("images-*.npz"))
    spoil(path)
    with pytest.raises(DataDamaged, match="data remove mine") as damaged:
        datasets.load("mine")
    assert str(path) in str(damaged.value)


def test_a_renamed_folder_says_what_it_holds(stored: Path) -> None:
    stored.rename(stored.with_name("other"))
    with pytest.raises(DataDamaged, match="describes the data set 'mine': rename the folder to mine"):
        datasets.load("other")


FAULTS: dict[str, dict[str, Any]] = {
    "another order": {"splits": dict(reversed(own_data.sealed().splits.items()))},
    "a split less": {"splits": {"train": own_data.sealed().splits["train"]}},
    "other images": {"splits": own_data.sealed(own_data.description(channels=3)).splits},
    "other labels": {"splits": own_data.sealed(own_data.description(classes=MANY[:4])).splits},
    "floats": {"splits": {name: (x / 255, y) for name, (x, y) in own_data.sealed().splits.items()}},
    "negative labels": {"splits": {name: (x, y - 1) for name, (x, y) in own_data.sealed().splits.items()}},
    "attributes": {"attributes": {name: np.zeros((12, 1), np.float32) for name in sealed.SPLITS}},
}


@pytest.mark.parametrize("changes", FAULTS.values(), ids=list(FAULTS))
def test_parts_that_do_not_fit_together_are_not_stored(changes: dict[str, Any], folder: Path) -> None:
    with pytest.raises(ConfigError, match="The data set 'mine' cannot be stored: "):
        sealed.store(own_data.sealed(**changes))
    assert left(folder) == []


@pytest.mark.parametrize(("values", "fault"), [([[np.inf]], "infinite"), ([[3.0]], "no category"), ([[np.nan]], "")])
def test_attributes_are_numbers_or_categories_or_missing(values: list[list[float]], fault: str) -> None:
    categories = () if fault == "infinite" else ("a", "b")
    data = own_data.description(attributes=(Attribute(name="Größe", categories=categories),))
    given = own_data.sealed(data)
    given.attributes["train"][:1] = values  # type: ignore[index]
    assert fault in sealed._fault(given) and bool(fault) == bool(sealed._fault(given))


def test_the_name_of_a_source_is_stored_on_one_line() -> None:
    sealed.store(own_data.sealed(source="Bil\nder\x1b.zip" + "x" * 300))
    assert sealed.read("mine").source == ("Bil?der?.zip" + "x" * 300)[:100]


def test_a_full_disk_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for owner, name in ((os, "fsync"), (Path, "rename")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, full)
            with pytest.raises(NotWritable, match="No space left on device"):
                sealed.store(own_data.sealed())
        assert left(folder) == []


def test_a_name_that_is_taken_at_the_last_moment_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def overtaken(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        with ThreadPoolExecutor(1) as other:
            other.submit(sealed.store, own_data.sealed(seed=1)).result()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    with pytest.raises(ConfigError, match="There is a data set 'mine' already"):
        sealed.store(own_data.sealed())
    assert datasets.load("mine").fingerprint == own_data.sealed(seed=1).fingerprint
    assert left(folder) == ["mine"]


def test_removal_keeps_foreign_files(stored: Path) -> None:
    (stored / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other files than a data set \(notes\.txt\): move them"):
        sealed.remove("mine")
    datasets.load("mine")
    (stored / "notes.txt").unlink()
    sealed.remove("mine")
    for name, origin in (("mnist", "built-in"), ("digits", "built-in")):
        with pytest.raises(ConfigError, match=f"is {origin} and cannot be removed"):
            sealed.remove(name)


def test_a_shipped_data_set_is_found_first_and_cannot_be_removed(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "package"
    shipped.mkdir()
    shutil.copytree(stored, shipped / "mine")
    monkeypatch.setattr(catalogue, "SHIPPED", shipped)
    assert catalogue.names() == (*BUILT_IN, "mine")
    assert catalogue.origin("mine") == "shipped"
    assert catalogue.sealed_folder("mine") == shipped / "mine"
    with pytest.raises(ConfigError, match="is shipped and cannot be removed"):
        sealed.remove("mine")
    with pytest.raises(ConfigError, match=r"There is a data set 'mine' already: choose another name\."):
        sealed.store(own_data.sealed())
    assert fingerprints.is_genuine("mine", own_data.sealed().fingerprint)
    assert fingerprints.is_genuine("mine", "0" * 64) is False
    _flip(shipped / "mine" / "data.json")
    with pytest.raises(DataDamaged, match="is part of the lab: install the lab again"):
        datasets.load("mine")


def test_images_are_named_after_the_data_set_that_is_here(stored: Path) -> None:
    own = own_data.sealed().fingerprint
    assert fingerprints.is_genuine("mine", own) is None
    assert fingerprints.named_here("mine") == fingerprints.named("mine", own) == "mine"
    assert fingerprints.named("mine", "1234abcd" + "0" * 56) == "mine (other images, 1234abcd)"
    fingerprints.require_published("mine", "0" * 64)  # there is no published original
    sealed.remove("mine")
    assert fingerprints.named("mine", own) == f"mine (not on this machine, {own[:8]})"


def test_a_header_is_read_again_after_any_change(stored: Path) -> None:
    assert catalogue.described("mine").classes == own_data.WORDS
    sealed.remove("mine")
    sealed.store(own_data.sealed(replace(own_data.description(), classes=("a", "b", "c"))))
    assert catalogue.described("mine").classes == ("a", "b", "c")


def test_listing_and_storing_need_no_torch(stored: Path) -> None:
    lines = "import sys; from cvae_core.data import catalogue, fingerprints; "
    lines += "catalogue.described('mine'); fingerprints.look('mine'); light = {'torch', 'numpy'} & set(sys.modules); "
    lines += (
        "from cvae_core.cli import data; from cvae_core.jobs import data_sets; print(light, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert done.stdout == "set() False\n"
