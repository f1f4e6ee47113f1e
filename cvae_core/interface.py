"""The public interface for notebooks. Import its names from the package: `from cvae_core import load, draw, grid`.

Images are float32 tensors (…, values) of intensities in [0, 1], where 1 is ink in grey drawings. Likelihoods are in nats per
image. Every mistake raises a `LabError` whose message says what was wrong and what to do.
"""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from cvae_core.config.descriptions import Shape
from cvae_core.config.flavours import DEFAULT_PRESET, Config, Flavour, PresetName
from cvae_core.config.quadrant_names import canonical
from cvae_core.data import catalogue, datasets, intensities, noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import Asked, Condition, asked, chosen, condition, numbered
from cvae_core.data.datasets import DataSet, Rows, Split
from cvae_core.data.masks import flags
from cvae_core.errors import ConfigError, LabError  # noqa: F401
from cvae_core.evaluation import (  # noqa: F401
    classifier,
    glance,
    label_posterior,
    latent_space,
    likelihood,
    results,
    sample_quality,
    savings,
    table_formats,
    toy_model,
)
from cvae_core.evaluation import table as tables
from cvae_core.evaluation.results import Cell
from cvae_core.jobs import session
from cvae_core.jobs.session import Launch, SessionReport
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.objectives import PosteriorEstimates, from_posterior
from cvae_core.pictures import grid as figures
from cvae_core.pictures import recipes, stages  # noqa: F401
from cvae_core.pictures.recipes import Sheet
from cvae_core.runs.run import Run, default_root, readable
from cvae_core.runs.run import find as find_run
from cvae_core.system.type_checks import Between, checked
from cvae_core.training.loop import EpochEnded as EpochEnded

Folder = str | Path
Positive = Annotated[int, Between(1, results.MAX_SAMPLES)]
Scale = Annotated[int, Between(1, 64)]  # pixels of a picture per pixel of an image


@checked
def find(name: str, root: Folder | None = None) -> Run:
    """Return a run, with methods to read its `card()`, `curves()`, `stages()`, `images()` and `model()`.

    `root` is the folder of runs: by default `$CVAE_RUNS`, or `checkpoints/` in the repository. Raises ConfigError for a
    string that cannot be the name of a run, and RunNotFound. The methods raise RunDamaged.

    >>> find("digits-label").card().config.latent
    16
    """
    return find_run(name, _root(root))


@checked
def load(name: str, root: Folder | None = None) -> ConditionalVAE:
    """Return the model of a run, in evaluation mode, after checking its weights against their SHA-256.

    `root` is as in `find`. Raises ConfigError for a string that cannot be the name of a run, RunNotFound, RunDamaged.

    >>> load("digits-label").latent
    16
    """
    return find(name, root).model()


def load_data(name: str) -> DataSet:
    """Return a data set on this machine: "digits", "letters", "mnist", "fashion", "kmnist", or one that you have added.

    It has the splits `train`, `validation` and `test`, and a `description` with its shape and the names of its classes. A
    split has `labels` (N,) and `intensities(rows)` (n, values). Raises ConfigError, DataMissing, DataDamaged.

    >>> load_data("digits").test.intensities([0, 1, 2]).shape
    torch.Size([3, 784])
    """
    return datasets.load(name)


def configure(flavour: Flavour, preset: PresetName = DEFAULT_PRESET, **changes: Any) -> Config:
    """Return a preset's configuration of a flavour, adapted to its `dataset`, with some settings changed. Raises ConfigError.

    `dataset` is the name of a data set on this machine, by default "mnist".

    >>> configure("label", dataset="digits", latent=2).latents
    2
    """
    return catalogue.configured(flavour, preset, **changes)


@checked
def train(
    config: Config, run: str | None = None, root: Folder | None = None, *, resume: bool = False, force: bool = False
) -> Generator[SessionReport, None, None]:
    """Train a configuration into a run and yield reports: `Stepped`, `Staged`, `EpochEnded` and, at the end, `Finished`.

    `run` is the run's name, by default `config.run_name`. A quadrant model's baseline is trained first if it is missing.
    If a finished run has the same configuration, the only report is `Reused` and nothing is trained. Call `close()` on the
    generator to stop; the state is saved. `resume` continues a stopped run, `force` replaces a run. Unlike the command
    line, this function does not wait for other trainings. Raises DataMissing, RunInUse, ReadOnlyRun, NotWritable, Diverged.
    """
    launch = Launch(config.run_name if run is None else run, _root(root), resume=resume, force=force)
    return session.train_run(config, launch)


@checked
def evaluate(
    model: ConditionalVAE,
    split: Split,
    samples: Positive = 100,
    images: Positive | None = None,
    seed: int = 0,
    *,
    split_name: str = "test",
    visible: str | None = None,
) -> list[Cell]:
    """Return a model's mean −log p(x | c) over the first images of a split, one `Cell` per estimator.

    A cell has `estimator`, `mean` and `standard_error` (both in nats per image, lower is better), `samples` and `images`.
    `samples` is the number of draws of z per image; `images` None means all. `split_name` is written into the cells.
    `visible` names the visible quadrants for a model trained on any set of quadrants. Raises ConfigError.
    """
    *_, scored = likelihood.evaluate(
        model, split, split_name=split_name, samples=samples, images=images, seed=seed, visible=visible
    )
    return list(scored.cells)


@checked
def score(
    model: ConditionalVAE,
    split: Split,
    rows: Rows = slice(None),
    samples: Positive = 100,
    seed: int = 0,
    *,
    visible: str | None = None,
) -> PosteriorEstimates:
    """Return two estimates of log p(x | c) per image in nats: `elbo` and `importance_sampling`, (n,) float64 each.

    The draws of z are those of `evaluate` with the same seed, whose results are the negated means over the images.
    Raises ConfigError for a model without a trained recognition network (a baseline, a GSNN).
    """
    if not model.latent or model.config.objective.gsnn:
        raise ConfigError("This model has no trained recognition network to draw z from: use evaluate.")
    if visible is not None and not model.config.any_set:
        raise ConfigError("The visible quadrants of this model cannot be chosen: leave out visible.")
    shown = None if visible is None else canonical(visible)
    at_once = max(1, min(likelihood.IMAGES_AT_ONCE, likelihood.NOISE_FLOATS // (samples * model.latent)))
    parts = []
    for some in datasets.indices(split, rows).split(at_once):
        x, c = held_out(model.config, split, some, shown, device=model.device)
        epsilon = noise.per_image(some, samples, model.latent, seed, "evaluation", "posterior").to(model.device)
        parts.append(from_posterior(model, x, c, epsilon))
    return PosteriorEstimates(*(torch.cat(values) for values in zip(*parts, strict=True)))


@checked
def draw(
    model: ConditionalVAE,
    labels: Sequence[int] | Sequence[str] | Tensor | None = None,
    count: Positive = 8,
    seed: int = 0,
    attributes: Asked | None = None,
) -> Tensor:
    """Draw samples from a model without visible pixels: means of p(x | z, c) with z ~ p(z | c), (count, N, values).

    N is the number of labels, by default all classes; without labels as condition, N is 1. Labels are numbers from 0, or
    names of classes. `attributes` has numbers or names of categories by name; one that it lacks is not given. Row i has the
    same base noise under every label. Raises ConfigError for a model conditioned on pixels, and for unknown labels or names.

    >>> draw(load("digits-label"), labels=["3", "7"], count=2).shape
    torch.Size([2, 2, 784])
    """
    usual = range(model.config.classes if "label" in model.config.given else 1)
    given = numbered(usual if labels is None else labels, model.config, model.class_names)
    values = asked(model.config, attributes or {}, len(given))
    return _means(model, chosen(model.config, given, values), noise.normal((count, 1, model.latent), seed, "samples"))


@checked
def complete(
    model: ConditionalVAE,
    images: Tensor,
    count: Positive = 5,
    seed: int = 0,
    visible: str | Tensor | None = None,
    labels: Sequence[int] | Sequence[str] | Tensor | None = None,
    attributes: Asked | None = None,
) -> Tensor:
    """Draw samples from a model that is conditioned on images (N, values), such as a quadrant model: (count, N, values).

    The model reads only visible pixels. They are copied; hidden pixels are means of p(x | z, c) with z ~ p(z | c). `visible`
    is needed for a model trained on any set of quadrants: "1", "2", "3" or names such as "top-left+bottom-left". A model
    trained with a brush also takes booleans (side²,) or (N, side²). A model that is given labels needs one for each image;
    `attributes` are as in `draw`. A baseline gives the same completion `count` times. Raises ConfigError.

    >>> complete(load("digits-quadrant-1"), load_data("digits").test.intensities([0, 1])).shape
    torch.Size([5, 2, 784])
    """
    if not model.config.reads_images:
        raise ConfigError(f"A {model.config.flavour} model is not conditioned on pixels: use draw instead of complete.")
    if visible is None and model.config.any_set:
        raise ConfigError("This model completes any set of quadrants: say which are visible, for example visible='1'.")
    intensities.require_images(images, model.config.shape)
    given = None if labels is None else numbered(labels, model.config, model.class_names)
    shown = flags(visible) if isinstance(visible, str) else visible
    c = condition(model.config, images, given, shown, asked(model.config, attributes or {}, len(images)))
    return _means(model, c, noise.normal((count, len(c), model.latent), seed, "completions"))


@checked
def grid(
    images: Tensor | Sheet,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    caption: str = "",
    visible: str | Tensor | None = None,
    scale: Scale = 3,
    drawn: bool = True,
) -> Image.Image:
    """Arrange images (N, values) in a row, or (R, C, values) in a table, or a sheet of `recipes`; return the picture.

    Intensities are floats in [0, 1] or uint8. `rows` and `columns` are labels. `visible`, a name or flags, marks the visible
    part (a sheet has its own). A pixel is `scale` pixels wide. Grey images are ink on paper if `drawn`. Raises ConfigError.
    """
    if isinstance(images, Sheet):
        ink, papers = images
    else:
        table = images[None] if images.ndim == 2 else images
        if table.ndim != 3 or Shape.of_values(table.shape[-1]) is None:
            raise ConfigError(
                f"Images cannot have the shape {tuple(images.shape)}: give (N, values) or (R, C, values), with as "
                "many values as an image of a data set has."
            )
        if table.dtype != torch.uint8:
            intensities.require_intensities(table)
            table = torch.from_numpy(intensities.as_bytes(table.detach().cpu().float()))
        ink, papers = table.cpu().numpy(), None
    for name, words, count in (("Rows", rows, len(ink)), ("Columns", columns, ink.shape[1])):
        if len(words) not in (0, count):
            raise ConfigError(f"{name} cannot be {len(words)} labels: give {count}, or none.")
    shown = flags(visible) if isinstance(visible, str) else visible
    if shown is not None and (shape := Shape.of_values(ink.shape[-1])):
        papers = figures.papers(shown.expand(*ink.shape[:2], -1), shape)
    return figures.grid(ink, papers=papers, scale=scale, rows=rows, columns=columns, caption=caption, drawn=drawn)


@checked
def gif(
    frames: Sequence[Image.Image] | Sheet, *, first: int = 0, scale: Scale = 3, caption: str = "", drawn: bool = True
) -> bytes:
    """Encode pictures of one size, or the columns of a sheet of `recipes` from column `first` on, as a looping GIF.

    For a sheet, `scale` and `drawn` are as in `grid`, and `caption` is drawn below its columns.
    """
    if not frames:
        raise ConfigError("Frames cannot be empty: give at least one picture.")
    return figures.gif(figures.columns(*frames, first, scale, caption, drawn) if isinstance(frames, Sheet) else frames)


@checked
def table(runs: Sequence[str] | None = None, root: Folder | None = None) -> pd.DataFrame:
    """Return the stored test results of some runs, by default of all readable runs, with one row per number.

    Columns include `dataset`, `pixels`, `scored`, `model`, `estimator`, `samples`, `images`, `nats`, `standard_error` and
    `run`. Differences between models, floors and published figures have separate rows, as in the lab's table. Results
    come from `python -m cvae_core evaluate RUN`. Raises RunNotFound or RunDamaged for a run in `runs`.
    """
    if runs is None:
        named = [find(name, root) for name in readable(_root(root))[0]]
        chosen, _ = tables.with_readable_results(named)
    else:
        chosen = [find(name, root) for name in runs]
    return table_formats.long_table(tables.entries(chosen))


@torch.no_grad()
def _means(model: ConditionalVAE, c: Condition, epsilon: Tensor) -> Tensor:
    c = c.to(model.device)
    return completed(model.likelihood(model.draw(c, epsilon.to(model.device)), c), c)


def _root(root: Folder | None) -> Path:
    return default_root() if root is None else Path(root)
