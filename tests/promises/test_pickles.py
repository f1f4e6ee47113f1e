"""Every reader of the lab refuses a pickle without unpickling it."""

import gzip
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cvae_core.config.descriptions import BUILT_IN
from cvae_core.data import datasets
from cvae_core.data.raw_files import SHAPES as MNIST_FILES
from cvae_core.errors import LabError
from cvae_core.evaluation.classifier import load_classifier
from cvae_core.evaluation.latent_space import stored_embedding
from cvae_core.evaluation.results import stored_cells
from cvae_core.evaluation.sample_quality import stored_judgement
from cvae_core.jobs import heartbeat, sweep
from cvae_core.jobs.archive import unpack
from cvae_core.jobs.queue import look
from cvae_core.runs.run import find
from cvae_core.system import files, formats
from tests.cvae_core.forging import signed_arrays
from tests.measuring import Measured

pytestmark = pytest.mark.promise
RUN = "digits-label"


class Bomb:
    exploded = 0

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return explode, ()


def explode() -> None:
    Bomb.exploded += 1


def saved_by_torch() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": torch.zeros(1), "bomb": Bomb()}, buffer)
    return buffer.getvalue()


def in_an_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def in_a_zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


PICKLES = {
    **{f"protocol {number}": pickle.dumps(Bomb(), number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
    "torch.save": saved_by_torch(),
    "npy": in_an_array(),
    "npz": in_a_zip("epoch.npy", in_an_array()),
    "npz of a pickle": in_a_zip("epoch.npy", pickle.dumps(Bomb())),
    "npz of a pickle by no name": in_a_zip("epoch", pickle.dumps(Bomb())),
    "zip": in_a_zip(f"{RUN}/weights.pkl", pickle.dumps(Bomb())),
    "gzip": gzip.compress(pickle.dumps(Bomb())),
}
READERS: dict[str, tuple[str, Callable[[Path, Path], object]]] = {  # path in a folder of runs, and reader
    "json": ("x.json", lambda root, path: files.read_json(path)),
    "arrays": ("x.npz", lambda root, path: formats.read_arrays(path)),
    "table": ("x.csv", lambda root, path: formats.read_table(path)),
    "tensors": ("x.safetensors", lambda root, path: formats.read_tensors(path)),
    "card": (f"{RUN}/card.json", lambda root, _: find(RUN, root).card()),
    "curves": (f"{RUN}/curves.csv", lambda root, _: find(RUN, root).curves()),
    "stages": (f"{RUN}/stages.npz", lambda root, _: find(RUN, root).stages()),
    "weights": (f"{RUN}/weights", lambda root, _: find(RUN, root).model()),
    "cells": (f"{RUN}/cll.json", lambda root, _: stored_cells(find(RUN, root))),
    "judgement": (f"{RUN}/judgement.json", lambda root, _: stored_judgement(find(RUN, root))),
    "map": (f"{RUN}/embedding-tsne.npz", lambda root, _: stored_embedding(find(RUN, root))),
    "classifier": ("classifier-digits.safetensors", lambda root, _: load_classifier(BUILT_IN["digits"], root)),
    "queue": (".queue/queue.json", lambda root, _: look(root)),
    "archive": ("x.zip", lambda root, path: unpack(path, root, "theirs")),
    "sweep": ("x.toml", lambda root, path: sweep.plan(path, root)),
    "data set": ("MNIST/raw/train-images-idx3-ubyte", lambda *_: datasets.load("mnist")),
}


def test_the_bomb_goes_off_where_it_is_opened() -> None:
    before = Bomb.exploded
    pickle.loads(PICKLES["protocol 4"])
    assert Bomb.exploded == before + 1


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_opens_a_pickle(reader: str, root: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured) -> None:
    name, read = READERS[reader]
    path = next((root / RUN).glob("weights-*")) if reader == "weights" else root / name
    monkeypatch.setenv("CVAE_DATA", str(root))
    if reader == "data set":
        for file in MNIST_FILES:
            files.write(root / "MNIST" / "raw" / file, b"")
    before = Bomb.exploded
    for content in PICKLES.values():
        files.write(path, content)
        with pytest.raises(LabError):
            read(root, path)
    assert Bomb.exploded == before
    measured("pickles", readers=1, pickles=len(PICKLES), opened=Bomb.exploded - before)


def test_a_sign_of_life_that_is_a_pickle_is_none(tmp_path: Path) -> None:
    before = Bomb.exploded
    for content in PICKLES.values():
        (tmp_path / heartbeat.FILE).write_bytes(content)
        assert heartbeat.read(tmp_path) is None
    assert Bomb.exploded == before


def test_objects_whose_digest_is_right_are_not_opened_either(root: Path) -> None:
    before = Bomb.exploded
    (root / RUN / "stages.npz").write_bytes(signed_arrays(epoch=np.array([Bomb()], dtype=object)))
    with pytest.raises(LabError, match=r"stages\.npz"):
        find(RUN, root).stages()
    assert Bomb.exploded == before
