"""Fixtures of all tests: the embedded digits, tiny configurations, and a folder of tiny runs, trained once per session."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from cvae_core.config.flavours import Config, Flavour
from cvae_core.config.presets import PRESETS, configure
from cvae_core.data import catalogue, datasets, idx
from cvae_core.data.fingerprints import PUBLISHED
from cvae_core.data.raw_files import SHAPES
from cvae_core.jobs import session
from cvae_core.jobs.session import Launch, train_run
from cvae_core.models.build import build
from cvae_core.runs.card import Card
from cvae_core.runs.run import Run

pytest_plugins = ("tests.measuring",)
Tiny = Callable[..., Config]
Untrained = Callable[..., Run]
PUBLISHED_MNIST = "7b9d006b7f676cf47f578073721f1678d80e42526b7b91ce1a17026be4b578e5"  # fingerprint of MNIST


def pytest_configure() -> None:
    torch.set_num_threads(1)  # more threads do not speed up tiny matrices, and slow down tests in parallel
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime sends telemetry otherwise


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("mnist") and not datasets.on_disk("mnist"):
        pytest.skip("MNIST was not found: set CVAE_DATA to its folder")


def pytest_runtest_teardown() -> None:
    for name in ("cvae_core", "app"):  # a test that starts the dashboard leaves a handler that writes to a closed file
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def digits() -> datasets.DataSet:
    return datasets.load("digits")


@pytest.fixture
def other_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a false MNIST with files of the right sizes: all images are black, in sparse files."""
    folder = tmp_path / "others"
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, shape in SHAPES.items():
        with (raw / name).open("wb") as file:
            file.write(idx.header(shape))
            if len(shape) == 1:
                file.write(bytes(number % 10 for number in range(shape[0])))
            else:
                file.truncate(file.tell() + prod(shape))
    monkeypatch.setenv("CVAE_DATA", str(folder))
    return raw


@pytest.fixture(scope="session")
def tiny() -> Tiny:
    """Return a function that makes configurations which train in a fraction of a second."""

    def make(flavour: Flavour, **changes: Any) -> Config:
        latent = {} if flavour == "baseline" else {"latent": 2, "warm_up": 1.0}
        steps = {"epochs": 3, "batch_size": 256, "shifts": 0.0}
        return configure(flavour, **{"dataset": "digits", "width": 16, "depth": 1, **steps, **latent, **changes})

    return make


@pytest.fixture
def small_baseline(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give quadrant models a tiny baseline, which is built and trained in a moment."""
    small = tiny("baseline", epochs=2, dataset=PRESETS["mlp"]["baseline"].dataset)
    monkeypatch.setitem(PRESETS["mlp"], "baseline", small)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def in_float32() -> Iterator[None]:
    """Train in float32: on a busy machine, the faster precision changes from second to second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "fast_dtype", lambda _: torch.float32)
        yield


@pytest.fixture(scope="session")
def trained_root(tmp_path_factory: pytest.TempPathFactory, worker_id: str, tiny: Tiny, in_float32: None) -> Path:
    """Return a folder of the finished runs digits-vae, digits-label, digits-baseline-1 and digits-quadrant-1 (read-only).

    Parallel test processes share this folder.
    """
    own = tmp_path_factory.getbasetemp()
    root = (own if worker_id == "master" else own.parent) / "trained"
    with FileLock(f"{root}.lock"):
        if not root.exists():
            unfinished = tmp_path_factory.mktemp("unfinished")
            with pytest.MonkeyPatch.context() as patch:
                for limit in ("SMALL", "STEPS_PER_EPOCH"):  # the baseline then trains only 100 steps
                    patch.setattr(f"cvae_core.config.presets.{limit}", 0)
                for config in (tiny("vae"), tiny("label"), tiny("quadrant")):
                    for _ in train_run(config, Launch(run=config.run_name, root=unfinished)):
                        pass
            unfinished.rename(root)
    return root


@pytest.fixture
def root(trained_root: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny runs that a test may change."""
    return shutil.copytree(trained_root, tmp_path / "runs")


@pytest.fixture
def untrained(tmp_path: Path, digits: datasets.DataSet) -> Untrained:
    """Return a function that makes finished runs with their initial weights."""

    def make(config: Config, name: str | None = None, *, root: Path = tmp_path, **news: Any) -> Run:
        run = Run(root / (name or config.run_name))
        card = Card(
            config=config,
            status="finished",
            created="2015-12-07T00:00:00+00:00",
            data_fingerprint=PUBLISHED.get(config.dataset, digits.fingerprint),
            versions={},
            device="cpu",
            dtype="float32",
            threads=1,
            parameters=0,
            data=news.pop("data", None) or catalogue.described(config.dataset),
            metrics={"bound": -100.0, "reconstruction": -90.0, "rate": 10.0, "elbo": -100.0},
        )
        run.write_weights(card, build(config).state_dict(), torch.float32)
        run.write_card(replace(run.card(), **news))
        return run

    return make
