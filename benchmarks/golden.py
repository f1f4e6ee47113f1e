"""Write `tests/golden.json`, digests of results for MNIST and the embedded digits: `python -m benchmarks.golden`.

A test compares this file bit by bit with what the lab computes now. Write the file again only after a change that is meant
to change the results.

Batches, packed networks and fingerprints are equal on every machine: they come from integers, random generators and single
operations that are rounded exactly. Weights and pictures are sums of many floats, or use fused multiplication and addition,
so that other CPUs and other versions of libraries may round them differently. Where `machine` returns another digest, the
test compares their sums only.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import features
from torch import Tensor

from app.live.live_decoder import packed
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Config
from cvae_core.config.presets import PRESETS, configure
from cvae_core.data import batches, datasets, noise
from cvae_core.data.conditions import Condition
from cvae_core.models.build import build
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.pictures import recipes
from cvae_core.pictures.grid import Sheet, grid, png
from cvae_core.runs.run import find
from cvae_core.system import files
from cvae_core.training.loop import Learner

REPOSITORY = Path(__file__).resolve().parents[1]
GOLDEN = REPOSITORY / "tests" / "golden.json"
Entry = dict[str, Any]  # "sha256", and "sums" where a machine may round differently
STEPS, BATCH = 3, 64


def machine() -> str:
    """Return a digest that differs between machines whose libraries round or compress differently."""
    inputs, images = noise.normal((64, 784), 0, "golden", 0), noise.normal((8, 64, 14, 14), 0, "golden", 1)
    dense, kernels = torch.nn.Parameter(torch.empty(784, 400)), torch.nn.Parameter(torch.empty(64, 64, 3, 3))
    for weight in (dense, kernels):
        torch.nn.init.kaiming_uniform_(weight, generator=torch.Generator().manual_seed(0))
    outputs = torch.sigmoid(inputs @ dense), torch.conv2d(images, kernels, padding=1), inputs.exp().std(0)
    gradients = torch.autograd.grad(sum(part.square().sum() for part in outputs), (dense, kernels))
    floats = (dense, kernels, *outputs, *gradients)
    versions = f"{torch.__version__} {np.__version__} {features.version('zlib')} {features.version('pil')}"
    return _sha256([versions.encode(), *(part.detach().numpy().tobytes() for part in floats)])


def initial_weights() -> Mapping[str, Entry]:
    """Return the initial weights of every preset on both data sets."""
    configs = {
        f"{dataset} {preset} {flavour}": configure(flavour, preset, dataset=dataset)
        for dataset in ("mnist", "digits")
        for preset, flavours in PRESETS.items()
        for flavour, usual in flavours.items()
        if len(usual.given) <= 1 and not usual.attributes
    }
    return {name: _weights(build(config)) for name, config in configs.items()}


def digits_batches() -> Mapping[str, Entry]:
    """Return the images and conditions of a training step and of test images, with shifts, binary pixels and any set."""
    whole = {"shifts": 0.5, "pixels": "binarised", "visible": "any"}
    configs = {
        "shifts": configure("label", dataset="digits", shifts=0.5),
        "binarised": configure("vae", dataset="digits", shifts=0.0, pixels="binarised"),
        "any": configure("quadrant", dataset="digits", shifts=0.0, visible="any"),
        "quadrants": configure("baseline", dataset="digits", shifts=0.0, visible="top-left+bottom-right"),
        "all of these": configure("quadrant", dataset="digits", **whole),
    }
    digits, rows = datasets.load("digits"), torch.arange(100)
    batch = {name: batches.training_batch(config, digits.train, rows, 3, 5) for name, config in configs.items()}
    batch["held out"] = batches.held_out(configs["all of these"], digits.test, rows)
    return {name: {"sha256": _batch(x, c)} for name, (x, c) in batch.items()}


def fingerprint(dataset: str) -> Mapping[str, Entry]:
    """Return the fingerprint of a data set's images on this machine."""
    return {dataset: {"sha256": datasets.load(dataset).fingerprint}}


def packed_networks() -> Mapping[str, Entry]:
    """Return the tensors of runs as the browser receives them, without the header."""
    found = {}
    for run in ("label", "quadrant-1", "label-2d"):
        content = packed(_model(run), BUILT_IN["mnist"], run, recognition=True)
        (header,) = struct.unpack_from("<I", content)
        found[run] = {"sha256": _sha256([content[4 + header :]])}
    return found


def trained_weights() -> Mapping[str, Entry]:
    """Return the bounds and the weights of a few steps on the digits."""
    configs = {
        "label": configure("label", dataset="digits"),
        "quadrant": configure("quadrant", dataset="digits"),
        "label ladder": configure("label", "ladder", dataset="digits"),
    }
    return {name: _trained(config) for name, config in configs.items()}


def pictures() -> Mapping[str, Entry]:
    """Return pictures of runs that need no MNIST."""
    label, vae, plane, ladder = (_model(run) for run in ("label", "vae", "label-2d", "label-ladder"))
    own, quadrant = _model("digits-label"), _model("digits-quadrant-1")
    test, ten = datasets.load("digits").test, tuple(range(10))
    epsilon = np.linspace(-1, 1, 16).tolist()
    drawn = test.images[7].numpy().tobytes()
    return _pictures({
        "label: one z": lambda: recipes.one_z(label, epsilon, ten, 5),
        "label: around": lambda: recipes.around(label, epsilon, (3, 8), 4, 1),
        "label: interpolation": lambda: recipes.interpolation(label, 4, 2, 5, 1),
        "vae: block": lambda: recipes.block(vae, 0, 2, 4, 1),
        "label-2d: manifold": lambda: recipes.manifold(plane, 2, 5),
        "label-ladder: samples": lambda: recipes.samples(ladder, (2, 5), 3, 1),
        "digits-label: relabelled": lambda: recipes.relabelled(own, test, (0, 1, 2), 8),
        "digits-label: without unit": lambda: recipes.without_unit(own, test, (3, 4), 0),
        "digits-label: traversal": lambda: recipes.traversal(own, test, 5, 9, 5),
        "digits-quadrant-1: completions": lambda: recipes.completions(quadrant, test, (0, 1, 2), "1", 3, 1, "ink"),
        "digits-quadrant-1: sources": lambda: recipes.sources(quadrant, test, (3, 4), "1", 2, 1),
        "digits-quadrant-1: drawing": lambda: recipes.drawing(quadrant, drawn, "1", 2, 1),
    })  # fmt: skip


def mnist_pictures() -> Mapping[str, Entry]:
    """Return pictures of MNIST's test images: completions and reconstructions."""
    test = datasets.load("mnist").test
    sets = {"quadrant-1": "1", "quadrant-3": "3", "quadrant-any": "top-left+bottom-right"}
    made = {
        f"{run}: completions": lambda run=run, visible=visible: recipes.completions(
            _model(run), test, (0, 1, 2), visible, 3, 1
        )
        for run, visible in sets.items()
    }
    made["quadrant-1-ladder: walks"] = lambda: recipes.completion_walks(
        _model("quadrant-1-ladder"), test, 3, "1", 1, 3, 1
    )
    made["label: reconstructions"] = lambda: recipes.reconstructions(_model("label"), test, (0, 1, 2), 3)
    return _pictures(made)


PARTS: Mapping[str, Callable[[], Mapping[str, Entry]]] = {
    "initial weights": initial_weights,
    "batches": digits_batches,
    "fingerprint of digits": lambda: fingerprint("digits"),
    "packed networks": packed_networks,
    "trained weights": trained_weights,
    "pictures": pictures,
    "fingerprint of mnist": lambda: fingerprint("mnist"),
    "pictures of mnist": mnist_pictures,
}


def _model(run: str) -> ConditionalVAE:
    return find(run, REPOSITORY / "checkpoints").model()


def _trained(config: Config) -> Entry:
    digits = datasets.load("digits").train
    learner = Learner(config, len(digits) // BATCH, dtype=torch.float32, frozen={})
    bounds = [learner.learn(digits, torch.arange(BATCH) + BATCH * step) for step in range(STEPS)]
    weights = _weights(learner.model)
    return {**weights, "sums": [*bounds, *weights["sums"]]}


def _pictures(made: Mapping[str, Callable[[], Sheet]]) -> Mapping[str, Entry]:
    found = {}
    for name, recipe in made.items():
        sheet = recipe()
        drawn = png(grid(sheet.images, papers=sheet.papers))
        found[name] = {"sha256": _sha256([drawn]), "sums": [int(sheet.images.sum())]}
    return found


def _weights(model: ConditionalVAE) -> Entry:
    weights = model.state_dict()
    every = torch.cat([weight.double().flatten() for weight in weights.values()])
    return {"sha256": _tensors(weights), "sums": [float(every.abs().sum()), float(every.square().sum())]}


def _batch(x: Tensor, c: Condition) -> str:
    parts = {name: getattr(c, name) for name in ("labels", "visible", "pixels", "guess")}
    return _tensors({"x": x, **{name: part for name, part in parts.items() if part is not None}})


def _tensors(tensors: Mapping[str, Tensor]) -> str:
    described = {f"{name} {part.dtype} {tuple(part.shape)}": part.detach().numpy() for name, part in tensors.items()}
    return _sha256(content for name, part in described.items() for content in (name.encode(), part.tobytes()))


def _sha256(contents: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


if __name__ == "__main__":
    torch.set_num_threads(1)  # as in tests
    files.write_json(GOLDEN, {"machine": machine(), **{part: compute() for part, compute in PARTS.items()}})
