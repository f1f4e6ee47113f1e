"""A run is a folder. Its card describes the run and names its weights; other files are curves, stages and results.

    card.json                    configuration, data, progress and metrics; replacing it commits new weights
    weights-<sha8>.safetensors   the best (averaged) weights
    curves.csv  stages.npz       bounds per epoch, samples during training
    cll.json  embedding-*.npz    results, each with the digest of the weights that it was computed from
    state.safetensors            the state for resuming, until the run has finished

Pretrained runs are read-only: new results about them are written to a cache folder beside them.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cvae_core.config.command import train_command
from cvae_core.data.datasets import DataSet, load
from cvae_core.errors import ConfigError, ReadOnlyRun, RunDamaged, RunInUse, RunNotFound
from cvae_core.models.build import build, shapes
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.runs import card as cards
from cvae_core.runs import sameness
from cvae_core.runs.card import CARD, Card, Weights, read_card, write_card
from cvae_core.runs.card import readable as readable  # imported together with `find`
from cvae_core.runs.checks import are_curves, are_stages
from cvae_core.system import files, formats
from cvae_core.system.folders import anew, folder_of, in_root, unlinked
from cvae_core.system.folders import default_root as default_root  # imported together with `find`

LOG = logging.getLogger(__name__)
CACHE = ".cache"
CURVES, STAGES = "curves.csv", "stages.npz"


@dataclass(frozen=True)
class Run:
    """A run's folder. All its files are read and written through this class."""

    folder: Path

    @property
    def name(self) -> str:
        """Return the run's name, which is its folder's name."""
        return self.folder.name

    @property
    def anew(self) -> str:
        """Return a name under which this run can be trained again without replacing it."""
        return anew(self.name)

    def exists(self) -> bool:
        """Return whether the run has a card, readable or not."""
        return os.path.lexists(self.folder / CARD)

    def card(self) -> Card:
        """Read the card; raise RunDamaged if it cannot be read."""
        return read_card(self.folder)

    def write_card(self, card: Card) -> Card:
        """Replace the card, which commits the files that it names, and return it.

        The first card of a finished run stores the digests of its curves and stages; later cards keep these digests.
        """
        if card.status != "finished":
            card = replace(card, parts={})
        elif not card.parts:
            parts = [path for path in (self.folder / CURVES, self.folder / STAGES) if path.exists()]
            card = replace(card, parts={path.name: files.digest(files.read(path)) for path in parts})
        write_card(self.folder, card)
        between = card.status == "running" and card.epochs > 0
        LOG.log(
            logging.DEBUG if between else logging.INFO,
            "run %s is %s after epoch %d",
            self.name,
            card.status,
            card.epochs,
        )
        return card

    def write_weights(self, card: Card, weights: Mapping[str, Tensor], dtype: torch.dtype, **news: Any) -> Card:
        """Write weights, commit them with a card that names them, and delete the old file; return the card."""
        stored = {name: tensor.to(dtype).contiguous() for name, tensor in weights.items()}
        content = safetensors.torch.save(stored)
        sha256 = files.digest(content)
        named = Weights(
            file=f"weights-{sha256[:8]}.safetensors", sha256=sha256, dtype=str(dtype).removeprefix("torch.")
        )
        files.write(self.folder / named.file, content)
        card = self.write_card(replace(card, weights=named, **news))
        self.remove_leftovers(card)
        return card

    def remove_leftovers(self, card: Card) -> None:
        """Remove leftovers of interrupted writes: temporary files, and weights that the card does not name."""
        kept = card.weights.file if card.weights else None
        for path in self.folder.iterdir():
            stale_weights = path.name.startswith("weights-") and path.name != kept
            if stale_weights or path.name.endswith(files.TEMPORARY):
                path.unlink(missing_ok=True)

    def weights(self, card: Card | None = None) -> dict[str, Tensor]:
        """Read the weights as float32, by name; raise RunDamaged unless they match the card's digest."""
        named = (card or self.card()).weights
        if named is None:
            raise self._no_weights(card or self.card())
        path = self.folder / Path(named.file).name
        if not os.path.lexists(path):
            command = in_root(train_command((card or self.card()).config, self.anew), self.folder.parent)
            raise RunNotFound(
                f"Run {self.name!r} has a card and scores, but is without its weights ({path.name}): train it with "
                f"{command}"
            )
        content = files.read(path)
        if files.digest(content) != named.sha256:
            raise RunDamaged(f"{path} is damaged: its content does not match the digest in the card. {files.REMEDY}")
        try:
            weights = {name: tensor.float() for name, tensor in safetensors.torch.load(content).items()}
        except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a dtype that torch lacks
            raise RunDamaged(f"{path} is damaged: it is not a safetensors file. {files.REMEDY}") from error
        if fault := _fault(weights, shapes((card or self.card()).config)):
            raise RunDamaged(f"{path} is damaged: the weights of run {self.name!r} {fault}. {files.REMEDY}")
        return weights

    def has_weights(self, card: Card | None = None) -> bool:
        """Return whether the weights that the card names exist: runs that no page opens are shipped with scores only."""
        return cards.has_weights(self.folder, card or self.card())

    def weights_digest(self) -> str:
        """Return the SHA-256 of the present weights; raise RunNotFound if there are none."""
        card = self.card()
        if card.weights is None:
            raise self._no_weights(card)
        return card.weights.sha256

    def _no_weights(self, card: Card) -> RunNotFound:
        if card.verdict == "diverged":
            remedy = "it diverged in its first epoch. Train it again with a lower --learning-rate"
        else:
            remedy = "let it train for an epoch first"
        return RunNotFound(f"Run {self.name!r} has no weights yet: {remedy}.")

    def model(self) -> ConditionalVAE:
        """Rebuild the model with its best weights, for evaluation only."""
        card = self.card()
        weights = self.weights(card)  # first, because a card may describe a model that is too large for memory
        model = build(card.config)
        model.class_names = card.description.classes
        load_weights(model, weights, self.name)
        return model.eval().requires_grad_(False)

    def curves(self) -> pd.DataFrame:
        """Read the curves: one row per epoch and split."""
        path = self._part(CURVES)
        table, card = formats.read_table(path), self.card()
        files.require(are_curves(table, card.epochs if card.status == "finished" else None), path)
        return table

    def write_curves(self, table: pd.DataFrame) -> None:
        """Replace the curves."""
        formats.write_table(self.folder / CURVES, table)

    def stages(self) -> dict[str, np.ndarray]:
        """Read the stages: epoch (T,), samples (T, rows, columns, values), reconstructions (T, rows, values), indices."""
        path = self._part(STAGES)
        arrays = formats.read_arrays(path)
        files.require(are_stages(arrays, self.card().description), path)
        return arrays

    def write_stages(self, **arrays: np.ndarray) -> None:
        """Replace the stages."""
        formats.write_arrays(self.folder / STAGES, **arrays)

    def _part(self, file: str) -> Path:
        """Return the path of a file after comparing its digest with the card's, so that no other run's file is read."""
        path, parts = self.folder / file, self.card().parts
        if file in parts:
            files.compare(path, parts[file], files.digest(files.read(path)))
        return path

    @property
    def state_file(self) -> Path:
        """Return the path of the state for resuming."""
        return self.folder / "state.safetensors"

    def result_path(self, file: str) -> Path:
        """Return the path for a new result of the run: in its folder, or beside it if it is read-only or does not exist."""
        root = self.folder.parent
        inside = self.exists() and not self.card().read_only
        return (self.folder if inside else unlinked(root / CACHE / self.name, root)) / file

    def result_paths(self, file: str) -> list[Path]:
        """Return the existing paths of a result, the run's own before the cached one."""
        candidates = [self.folder / file, self.folder.parent / CACHE / self.name / file]
        return [path for path in candidates if os.path.lexists(path)]

    def require_weights(self, sha256: str) -> None:
        """Raise RunInUse if the run exists and has other weights than those of a digest."""
        if not self.exists():
            return
        weights = self.card().weights
        if weights is None or weights.sha256 != sha256:
            raise RunInUse(
                f"Run {self.name!r} has new weights: the result belongs to its earlier ones. Compute it again."
            )

    def require_there(self, result: Path) -> None:
        """Raise RunNotFound, with the path of its result, if the run no longer exists, for example after a move by hand."""
        if not self.exists():
            raise RunNotFound(
                f"Run {self.name!r} is no longer in {self.folder.parent}: it was moved or deleted meanwhile. The result is "
                f"stored in {result}. Move the run back under this name to use it."
            )

    def images(self) -> DataSet:
        """Load the images that the run was trained on; raise ConfigError if they have changed since."""
        dataset = load(self.card().config.dataset)
        self.require_images(dataset)
        return dataset

    def require_images(self, here: DataSet) -> None:
        """Raise ConfigError if the run was trained on other images than those of a data set."""
        card = self.card()
        sameness.require_described(card.config, here.description)
        counted = (
            here.description.test == card.description.test
        )  # only a forged card has the fingerprint and another number
        if why := sameness.other_images(self.name, card, here.fingerprint if counted else None):
            raise ConfigError(why)

    def require_writable(self) -> None:
        """Raise ReadOnlyRun if the run is a pretrained one."""
        if self.exists() and self.card().read_only:
            raise ReadOnlyRun(
                f"Run {self.name!r} is pretrained and read-only: train under another name with --run NAME."
            )


def load_weights(model: ConditionalVAE, weights: Mapping[str, Tensor], run: str) -> None:
    """Load weights into a model after checking names, shapes and finite values; raise RunDamaged if one is wrong."""
    if fault := _fault(weights, {name: tensor.shape for name, tensor in model.state_dict().items()}):
        raise RunDamaged(f"The weights of run {run!r} {fault}: train it again.")
    model.load_state_dict(dict(weights))


def _fault(weights: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> str:
    """Return what is wrong with weights, or an empty text."""
    if {name: tensor.shape for name, tensor in weights.items()} != expected:
        return "are not those of its configuration"
    return "" if formats.are_finite(weights.values()) else "hold values that are not finite"


def run_at(name: str, root: Path) -> Run:
    """Return the run of a name, whether it exists or not."""
    return Run(folder_of(name, root))


def find(name: str, root: Path) -> Run:
    """Return an existing run; raise RunNotFound, with the names of those that exist, if there is none."""
    run = run_at(name, root)
    if not run.exists():
        have = ", ".join(other.name for other in all_runs(root)) or "none"
        raise RunNotFound(
            f"No run named {name!r} in {root}. There are: {have}. "
            f"Train it with: {in_root(f'python -m cvae_core train label --run {name}', root)}"
        )
    return run


def all_runs(root: Path) -> list[Run]:
    """Return every folder with a card, damaged or not, by name."""
    return [Run(folder) for folder in cards.folders(root)]


def tidy(root: Path) -> None:
    """Remove leftovers of killed processes anywhere in a root; skip files that cannot be removed."""
    for folder in (root, *root.glob("*/"), *root.glob(f"{CACHE}/*/")):
        with suppress(ConfigError):  # it is a link
            files.remove_leftovers(unlinked(folder, root))
