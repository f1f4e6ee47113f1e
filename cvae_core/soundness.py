"""What a run must be to be passed on or taken in: every part opened, whatever right digests it comes with.

A digest says that a file is as it was written, not that the lab wrote it. So values must have the types that their fields
promise, arrays the shapes that pages index, and weights the shapes that the configuration gives, before memory is taken
for a model.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from cvae_core import files, formats
from cvae_core.architectures import shapes
from cvae_core.config import any_set
from cvae_core.errors import ArchiveRefused
from cvae_core.evaluation import CURVE, RESULTS, Cell, stored_cells
from cvae_core.judging import RESULTS as JUDGEMENT
from cvae_core.judging import Finding, stored_judgement
from cvae_core.latent import Embedding
from cvae_core.models import LABELS, ConditionalVAE
from cvae_core.monitoring import STAGE_COLUMNS, Measured
from cvae_core.quadrants import PIXELS
from cvae_core.runs import Card, Run
from cvae_core.visibility import canonical

MAX_TEXT = 4000  # letters
_METRICS = {"bound", "reconstruction", "rate", "elbo"}
_CURVES = {"epoch", "seconds", "learning_rate", *(field.name for field in fields(Measured))}
_TEST_IMAGES: Mapping[str, int] = {"digits": 360}
_MNIST_TEST_IMAGES = 10_000  # and those of its kin


def require_sound(run: Run) -> Card:
    """Open all that a finished run has and return its card; raise ArchiveRefused, RunDamaged or RunNotFound."""
    card = run.card()
    _require(fits(card, Card), "card.json")
    if card.status != "finished":
        raise ArchiveRefused(f"Run {run.name!r} is {card.status}: only finished runs are passed on.")
    _require(set(card.metrics) >= _METRICS and len(card.rates) in (0, card.config.units), "card.json")
    datetime.fromisoformat(card.created)
    model = _checked_model(run, card)
    _require_curves(run, card)
    _require(_are_stages(run.stages(), card), "stages.npz")
    _require_results(run, card)
    for path in run.folder.glob("embedding-*.npz"):
        dimensions = 3 if path.stem.endswith("-3d") else 2
        _require(_is_embedding(formats.read_arrays(path), card, (model.mapped, dimensions)), path.name)
    return card


def fits(value: object, kind: Any) -> bool:
    """Say whether a value has the type that an annotation promises; numbers are finite, texts are one line.

    >>> fits({"elbo": -90.5}, Mapping[str, float]), fits({"elbo": "low"}, Mapping[str, float])
    (True, False)
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in inner
    if origin in (Union, UnionType):
        return any(fits(value, one) for one in inner)
    if origin is Mapping:
        return isinstance(value, dict) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if origin is Sequence:
        return isinstance(value, list | tuple) and all(fits(one, inner[0]) for one in value)
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    if isinstance(value, str):
        return kind is str and value.isprintable() and len(value) <= MAX_TEXT
    if is_dataclass(value) and isinstance(value, kind):
        hints = get_type_hints(type(value))
        return all(fits(getattr(value, field.name), hints[field.name]) for field in fields(value))
    return isinstance(value, kind)


def _require(holds: bool, file: str) -> None:
    if not holds:
        raise ArchiveRefused(f"{file} does not hold what this version of the lab writes into it.")


def _checked_model(run: Run, card: Card) -> ConditionalVAE:
    """Compare names and shapes before the model is built: a card can ask for more memory than any machine has."""
    weights = run.weights(card)
    assert card.weights is not None
    _require(card.weights.file == f"weights-{card.weights.sha256[:8]}.safetensors", "card.json")
    _require({name: tensor.shape for name, tensor in weights.items()} == shapes(card.config), card.weights.file)
    return run.model()


def _require_curves(run: Run, card: Card) -> None:
    curves = run.curves()
    _require(set(curves.columns) == _CURVES and len(curves) == 2 * card.epochs, "curves.csv")
    moments = set(zip(curves["epoch"], curves["split"], strict=True))
    every = {(epoch, split) for epoch in range(1, card.epochs + 1) for split in ("train", "validation")}
    _require(moments == every, "curves.csv")
    _require(bool(np.isfinite(curves.drop(columns="split").to_numpy(np.float64)).all()), "curves.csv")


def _require_results(run: Run, card: Card) -> None:
    """Require that stored results are of the present weights, and of the model that the card describes."""
    assert card.weights is not None
    for file in (RESULTS, CURVE, JUDGEMENT):
        for path in run.result_paths(file)[:1]:
            _require(files.read_json(path).get("weights") == card.weights.sha256, file)
    for file in (RESULTS, CURVE):
        _require(all(_is_cell(cell, card) for cell in stored_cells(run, file)), file)
    _require(all(fits(finding, Finding) for finding in stored_judgement(run)), JUDGEMENT)


def _is_cell(cell: Cell, card: Card) -> bool:
    own = getattr(card.config, "visible", None)
    of_its_model = cell.visible == own or (any_set(card.config) and canonical(cell.visible or "") == cell.visible)
    return fits(cell, Cell) and of_its_model and cell.images > 0 and cell.samples >= 0 and cell.standard_error >= 0


def _are_stages(arrays: Mapping[str, np.ndarray], card: Card) -> bool:
    """Say whether these are pictures of ascending epochs, a row per label."""
    if set(arrays) != {"epoch", "samples", "reconstructions", "test_indices"}:
        return False
    epoch, indices = arrays["epoch"], arrays["test_indices"]
    pictures = {"samples": (len(epoch), LABELS, STAGE_COLUMNS, PIXELS), "reconstructions": (len(epoch), LABELS, PIXELS)}
    return (
        all(arrays[name].shape == shape and arrays[name].dtype == np.uint8 for name, shape in pictures.items())
        and epoch.ndim == 1
        and len(epoch) > 0
        and bool(np.isfinite(epoch).all() and (np.diff(epoch) > 0).all() and epoch[0] >= 0)
        and indices.shape == (LABELS,)
        and _are_test_images(indices, card)
    )


def _is_embedding(arrays: dict[str, np.ndarray], card: Card, dimensions: tuple[int, int]) -> bool:
    """Say whether this is a map of test images of these weights; a finite point in z and on the map for each."""
    if set(arrays) != {"weights", *(field.name for field in fields(Embedding))}:
        return False
    assert card.weights is not None
    labels, z, count = arrays["labels"], arrays["z"], len(arrays["indices"])
    return (
        str(arrays["weights"]) == card.weights.sha256
        and _are_test_images(arrays["indices"], card)
        and labels.shape == (count,)
        and labels.dtype == np.int64
        and bool(((labels >= 0) & (labels < LABELS)).all())
        and (z.shape, arrays["coordinates"].shape) == ((count, dimensions[0]), (count, dimensions[1]))
        and all(a.dtype.kind == "f" and bool(np.isfinite(a).all()) for a in (z, arrays["coordinates"]))
    )


def _are_test_images(indices: np.ndarray, card: Card) -> bool:
    most = _TEST_IMAGES.get(card.config.dataset, _MNIST_TEST_IMAGES)
    return (
        indices.dtype == np.int64
        and indices.ndim == 1
        and len(np.unique(indices)) == len(indices) > 0
        and bool(((indices >= 0) & (indices < most)).all())
    )
