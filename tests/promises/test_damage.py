"""Damage to a file of a run is detected, the file is named, and the other runs are still shown.

The short version damages each file once in every way, `make soak` eight times.
"""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from cvae_core.config.descriptions import BUILT_IN
from cvae_core.data import datasets
from cvae_core.errors import LabError
from cvae_core.evaluation import results
from cvae_core.evaluation.classifier import Classifier, classifier_path, load_classifier, store_classifier
from cvae_core.evaluation.latent_space import Layout, embed, stored_embedding
from cvae_core.evaluation.likelihood import evaluate
from cvae_core.evaluation.results import CURVE, stored_cells
from cvae_core.evaluation.sample_quality import Finding, store_judgement, stored_judgement
from cvae_core.runs.run import Run, find, readable
from cvae_core.system import files, formats
from tests.cvae_core.forging import signed_arrays, signed_json, signed_table
from tests.cvae_core.results import store, store_embedding
from tests.measuring import Measured

NAME, OTHER = "digits-label", "digits-vae"
PCA, SMALLER = Layout(method="pca", points=60), Layout(method="pca", points=50)
Reader = Callable[[Run], object]
READERS: dict[str, Reader] = {  # a file of a run, and its content in comparable form
    "card.json": lambda run: (run.card(), run.curves().to_csv()),  # the curves detect the card of another run
    "curves.csv": lambda run: run.curves().to_csv(),
    "stages.npz": lambda run: {name: files.digest(array.tobytes()) for name, array in run.stages().items()},
    "weights-*.safetensors": lambda run: {n: t.sum().item() for n, t in run.model().state_dict().items()},
    "cll.json": lambda run: stored_cells(run),
    "draws.json": lambda run: stored_cells(run, CURVE),
    "judgement.json": lambda run: stored_judgement(run),
    PCA.file: lambda run: {n: a.tolist() for n, a in vars(stored_embedding(run, PCA)).items()},  # type: ignore[arg-type]
    "../classifier-digits.safetensors": lambda run: (
        load_classifier(BUILT_IN["digits"], run.folder.parent).output.weight.sum().item()
    ),
}
Damage = Callable[
    [Path, Path, Random], bool | None
]  # damages a file, given the same file of another run; False if impossible
DAMAGES: dict[str, Damage] = {}


def damage(function: Damage) -> Damage:
    DAMAGES[function.__name__.replace("_", " ")] = function
    return function


@damage
def a_flipped_bit(path: Path, other: Path, chance: Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


@damage
def a_cut(path: Path, other: Path, chance: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content) - 1)])


@damage
def a_zeroed_block(path: Path, other: Path, chance: Random) -> None:
    content = bytearray(path.read_bytes())
    start, length = chance.randrange(len(content)), chance.choice([16, 512, 4096])
    content[start : start + length] = bytes(len(content[start : start + length]))
    path.write_bytes(content)


@damage
def bytes_at_the_end(path: Path, other: Path, chance: Random) -> None:
    path.write_bytes(path.read_bytes() + chance.randbytes(chance.randrange(1, 5000)))


@damage
def nothing_in_it(path: Path, other: Path, chance: Random) -> None:
    path.write_bytes(b"")


@damage
def a_folder(path: Path, other: Path, chance: Random) -> None:
    path.unlink()
    path.mkdir()


@damage
def a_link_to_the_very_same(path: Path, other: Path, chance: Random) -> None:
    path.symlink_to(path.rename(path.parent.parent / "elsewhere"))


@damage
def a_pipe(path: Path, other: Path, chance: Random) -> None:
    path.unlink()
    os.mkfifo(path)


@damage
def a_pickle(path: Path, other: Path, chance: Random) -> None:
    path.write_bytes(pickle.dumps({"weights": chance.random()}))


@damage
def a_file_of_another_kind(path: Path, other: Path, chance: Random) -> None:
    kin = [each for each in other.parent.rglob("*.*") if each.is_file() and each.suffix != path.suffix]
    path.write_bytes(chance.choice(sorted(kin)).read_bytes())


@damage
def the_file_of_another_run(path: Path, other: Path, chance: Random) -> bool:
    if not other.is_file() or other.name.startswith(("classifier", "cll", "draws", "judgement", "embedding")):
        return False  # results name their weights: results of other weights are ignored, which is no damage
    path.write_bytes(other.read_bytes())
    return True


@damage
def another_file_of_the_run(path: Path, other: Path, chance: Random) -> bool:
    twins = {"cll.json": "draws.json", "draws.json": "cll.json", PCA.file: SMALLER.file}
    twin = path.with_name(twins.get(path.name, "none"))
    if twin.is_file():
        path.write_bytes(twin.read_bytes())
    return twin.is_file()


@damage
def a_header_that_lies(path: Path, other: Path, chance: Random) -> bool:
    content = path.read_bytes()
    if path.suffix == ".safetensors":
        path.write_bytes(struct.pack("<Q", chance.choice([0, 7, 2**20, 2**62])) + content[8:])
    elif path.suffix == ".npz":
        sizes = [at for at in range(len(content) - 46) if content[at : at + 4] == b"PK\x01\x02"]
        at = chance.choice(sizes) + chance.choice([20, 24, 28, 42])  # packed, unpacked, length of the name, place
        path.write_bytes(content[:at] + struct.pack("<H", chance.choice([0, 3, 2**16 - 1])) + content[at + 2 :])
    else:
        return False
    return True


@damage
def other_content_with_a_right_digest(path: Path, other: Path, chance: Random) -> bool:
    if path.suffix == ".json":
        content = {name: value for name, value in json.loads(path.read_bytes()).items() if name != "sha256"}
        path.write_bytes(signed_json(spoiled(content, chance)))
    elif path.suffix == ".npz":
        arrays = formats.read_arrays(path)
        name = chance.choice(sorted(set(arrays) - {"weights", "map"}))
        arrays[name] = chance.choice(
            [lambda a: a[:-1], lambda a: a * np.nan, lambda a: a.astype(str), lambda a: a[None]]
        )(arrays[name])
        path.write_bytes(signed_arrays(**arrays))
    elif path.suffix == ".csv":
        table = formats.read_table(path)
        changes: list[pd.DataFrame] = [
            table.drop(columns="rate"), table.assign(bound=np.nan), table.assign(bound="low"), table[:-1], table[:0]
        ]  # fmt: skip
        path.write_bytes(signed_table(chance.choice(changes)))
    else:
        tensors, _ = formats.read_tensors(path) if path.name.startswith("classifier") else ({}, {})
        name = chance.choice(sorted(tensors) or ["none"])
        formats.write_tensors(
            path, {**tensors, name: torch.full_like(tensors.get(name, torch.zeros(1)).float(), torch.nan)}
        )
    return True


def spoiled(content: dict[str, Any], chance: Random) -> dict[str, Any]:
    """Change a card or a result to content that no version of the lab writes."""
    if "config" in content:
        changes = [{"config": {}}, {"config": {**content["config"], "width": "16"}}, {"metrics": {"elbo": float("nan")}},
                   {"epochs": "3"}, {"rates": 5}, {"status": 1}, {"weights": "weights.pt"}, {"colour": "red"}]  # fmt: skip
        return {**content, **chance.choice(changes)}
    (name,) = set(content) - {"weights", "file"}
    first, *others = content[name]
    number = "mean" if "mean" in first else "value"
    worse = [
        {**first, number: float("nan")},
        {**first, number: "low"},
        {**first, "colour": "red"},
        {"mean": 1},
        5,
        None,
    ]
    return {**content, name: [chance.choice(worse), *others]}


@pytest.fixture(scope="module")
def pristine(trained_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two runs, one with every kind of result, and a classifier; do not write to it."""
    root = tmp_path_factory.mktemp("pristine")
    for name in (NAME, OTHER):
        shutil.copytree(trained_root / name, root / name)
    run, test = find(NAME, root), datasets.load("digits").test
    *_, scored = evaluate(run.model(), test, samples=3, images=20)
    store(run, list(scored.cells))
    weights = run.weights_digest()
    *_, rescored = evaluate(run.model(), test, samples=2, images=20)
    results.store(run, list(rescored.cells), weights, CURVE)
    store_judgement(run, [Finding(name="samples of 3 read as 3", value=0.5, of=10)], weights)
    for layout in (PCA, SMALLER):
        store_embedding(run, layout, embed(run.model(), test, layout))
    store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), root)
    return root


def outcome(reader: Reader, run: Run, path: Path) -> str:
    """Read a file; return "refused" if an error names it, and otherwise its content."""
    try:
        return repr(reader(run))
    except LabError as error:
        named = {path.name, "curves.csv"} if path.name == "card.json" else {path.name}
        assert any(name in str(error) for name in named), f"{error} does not name {path.name}"
        return "refused"


@pytest.mark.parametrize("times", [1, pytest.param(8, marks=pytest.mark.soak)])
def test_a_damaged_file_is_never_taken_for_a_good_one_and_hides_no_other_run(
    times: int, pristine: Path, tmp_path: Path, measured: Measured
) -> None:
    inputs, accepted = 0, []
    for file, reader in READERS.items():
        (whole,) = (pristine / NAME).glob(file) if ".." not in file else [classifier_path("digits", pristine)]
        intact = outcome(reader, find(NAME, pristine), whole)
        assert intact != "refused"
        (like,) = [*(pristine / OTHER).glob(file), pristine / "none"][:1]
        for way, how in DAMAGES.items():
            for number in range(times):
                root = shutil.copytree(pristine, tmp_path / "root")
                path = root / whole.relative_to(pristine)
                if how(path, like, Random(f"{file} {way} {number}")) is not False and not same(path, whole):
                    inputs += 1
                    harmless = () if path.is_symlink() else (intact,)  # every link is refused
                    if outcome(reader, find(NAME, root), path) not in ("refused", *harmless):
                        accepted.append(f"{file}: {way} {number}")
                    cards, damaged = readable(root)
                    assert OTHER in cards
                    assert bool(damaged) == (NAME not in cards)
                shutil.rmtree(root)
    assert accepted == []
    assert inputs >= 60 * times
    measured("damage", inputs=inputs, accepted_silently=len(accepted))


def same(path: Path, whole: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.read_bytes() == whole.read_bytes()
