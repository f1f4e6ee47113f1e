"""The commands of the command line: each a frozen dataclass of its flags that does its work when called."""

import contextlib
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm
from typing_extensions import Doc
from tyro.conf import OmitArgPrefixes, Positional

from cvae_core import data, evaluation, figures, files, latent, noise, tables
from cvae_core.config import Config, Dataset, train_command
from cvae_core.console import Bar, stop_signals, ticking
from cvae_core.data import DataSet
from cvae_core.errors import ConfigError, Interrupted, RunDamaged
from cvae_core.examples import first_of_each_label, held_out
from cvae_core.models import LABELS, completed, labelled, nothing
from cvae_core.runs import Run, default_root, find, readable
from cvae_core.sessions import Launch, train_run

Root = Annotated[Path, Doc("folder of runs")]
RunName = Annotated[Positional[str], Doc("name of a run")]
GRID_COLUMNS = 8


AnyConfig = TypeVar("AnyConfig", bound=Config)


@dataclass(frozen=True, kw_only=True)
class Train(Generic[AnyConfig]):
    """Train a run, or go on with one; the data set is downloaded if it is missing."""

    config: OmitArgPrefixes[AnyConfig]
    run: Annotated[str | None, Doc("name of the run; None: from flavour, quadrants, preset and pixels")] = None
    root: Root = field(default_factory=default_root)
    resume: Annotated[bool, Doc("go on with a run that was stopped or died")] = False
    embed: Annotated[bool, Doc("lay the latent space out by t-SNE at the end: about 15 s for MNIST")] = True
    force: Annotated[bool, Doc("train anew even where such a run is there, replacing one of that name")] = False

    def __call__(self) -> None:
        """Train, printing a line per epoch; Ctrl-C and SIGTERM end it so that --resume can go on."""
        _ensure_data(self.config.dataset)
        name = self.run or self.config.run_name
        place = "" if self.root == default_root() else f" --root {shlex.quote(str(self.root))}"
        launch = Launch(run=name, root=self.root, resume=self.resume, force=self.force, embed=self.embed)
        with stop_signals() as stop_requested:
            reports = train_run(self.config, launch)
            with contextlib.closing(reports), Bar() as bar:
                for report in reports:
                    bar.show(report)
                    if stop_requested():
                        raise Interrupted(f"Stopped. Go on with: {train_command(self.config, name)}{place} --resume")


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Estimate a run's conditional log-likelihoods by every estimator that fits it, print and store them."""

    run: RunName
    samples: Annotated[int, Doc("draws of z per image")] = 100
    images: Annotated[int | None, Doc("score the first N images of the split; None: all")] = None
    split: Annotated[Literal["validation", "test"], Doc("images to score")] = "test"
    visible: Annotated[str | None, Doc("set of quadrants to show a model of any set; None: a set drawn per image")] = (
        None
    )
    seed: Annotated[int, Doc("seed of the draws")] = 0
    json: Annotated[bool, Doc("print the cells as JSON")] = False
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Score, with a bar over images, then print the cells."""
        run = find(self.run, self.root)
        weights, model, dataset = run.weights_digest(), run.model(), _data_of(run)
        cells = []
        scoring = evaluation.evaluate(
            model,
            dataset.split(self.split),
            split_name=self.split,
            samples=self.samples,
            images=self.images,
            seed=self.seed,
            visible=self.visible,
        )
        with tqdm(unit="image", disable=None) as bar:
            for scored in scoring:
                bar.total = scored.images
                bar.update(scored.done - bar.n)
                cells = list(scored.cells)
        kept = evaluation.store(run, cells, weights)
        if set(cells) - set(kept):
            print("Not all of it is stored: fuller cells, or as full ones of another seed, stay.", file=sys.stderr)
        if self.json:
            print(json.dumps([vars(cell) for cell in cells], indent=2))
            return
        for cell in cells:
            draws = f"S = {cell.samples:,}, " if cell.samples else ""
            print(
                f"{tables.ESTIMATORS[cell.estimator]:28} {cell.mean:8.3f} ± {cell.standard_error:.3f} nats per image "
                f"({draws}N = {cell.images:,} {cell.split}, seed {cell.seed})"
            )


@dataclass(frozen=True, kw_only=True)
class Table:
    """Print the table of stored conditional log-likelihoods, of all runs or the named ones."""

    runs: Annotated[Positional[tuple[str, ...]], Doc("names of runs; none: all")] = ()
    out: Annotated[Path | None, Doc("write the table to FILE.csv, .md or .tex instead")] = None
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Print Markdown, or write the format that the file's ending asks for."""
        unreadable: list[RunDamaged] = []
        if self.runs:
            chosen = [find(name, self.root) for name in self.runs]
        else:
            cards, unreadable = readable(self.root)
            chosen = [find(name, self.root) for name in cards]
        chosen, damaged = tables.readable(chosen)
        for fault in (*unreadable, *damaged):
            print(fault, file=sys.stderr)
        rows = tables.entries(chosen)
        tables.require_entries(rows)
        if self.out is None:
            print(tables.markdown(rows), end="")
            return
        writers: Mapping[str, Callable[[], str]] = {
            ".csv": lambda: tables.long_table(rows).to_csv(index=False),
            ".md": lambda: tables.markdown(rows),
            ".tex": lambda: tables.latex(rows),
        }
        if self.out.suffix not in writers:
            raise ConfigError(f"{self.out} cannot be written: a table is a .csv, .md or .tex file.")
        _write(self.out, writers[self.out.suffix]().encode())


@dataclass(frozen=True, kw_only=True)
class Embed:
    """Lay a run's posterior means out in two dimensions and keep them with the run."""

    run: RunName
    method: Annotated[latent.Method, Doc("t-SNE or principal components")] = "tsne"
    points: Annotated[int, Doc("test images to lay out")] = 5000
    perplexity: Annotated[float, Doc("t-SNE's effective number of neighbours")] = 30
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Embed and store."""
        run = find(self.run, self.root)
        weights, model, dataset = run.weights_digest(), run.model(), _data_of(run)
        with ticking(f"{self.method} of {self.points:,} points"):
            embedding = latent.embed(
                model, dataset.test, method=self.method, points=self.points, perplexity=self.perplexity
            )
        latent.store_embedding(run, self.method, embedding, weights)
        print(f"{len(embedding.indices):,} points embedded: {run.result_path(f'embedding-{self.method}.npz')}")


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a run's samples as a PNG, or the stages of its training as a GIF."""

    run: RunName
    grid: Annotated[Path | None, Doc("write a grid of samples to FILE.png")] = None
    stages: Annotated[Path | None, Doc("write the stages of training to FILE.gif")] = None
    seed: Annotated[int, Doc("seed of the samples")] = 0
    scale: Annotated[int, Doc("pixels of the picture per pixel of a digit")] = 3
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Write what was asked for."""
        run = find(self.run, self.root)
        if self.grid is None and self.stages is None:
            raise ConfigError("Nothing to export: give --grid FILE.png or --stages FILE.gif.")
        if not 1 <= self.scale <= 16:
            raise ConfigError(f"Scale cannot be {self.scale}: it lies between 1 and 16.")
        if self.grid is not None:
            _require_ending(self.grid, ".png")
            picture = _sample_grid(run, self.seed, self.scale)
            _write(self.grid, figures.png(picture, {"run": run.name, "seed": self.seed}))
        if self.stages is not None:
            _require_ending(self.stages, ".gif")
            _write(self.stages, figures.gif(figures.stage_frames(run.stages(), run.name, self.scale)))


@dataclass(frozen=True, kw_only=True)
class List:
    """Show the runs that are there."""

    json: Annotated[bool, Doc("print the cards as JSON")] = False
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Print a line per run; damaged ones are named on standard error."""
        cards, damaged = readable(self.root)
        for fault in damaged:
            print(fault, file=sys.stderr)
        if self.json:
            print(json.dumps({name: card.to_json() for name, card in cards.items()}, indent=2))
            return
        if not cards:
            print(f"There are no runs in {self.root}. Train one with: python -m cvae_core train label")
        for name, card in cards.items():
            bound = f"{-card.metrics['elbo']:8.2f}" if "elbo" in card.metrics else "       –"
            print(
                f"{name:24} {card.status:9} {card.config.flavour:9} {card.config.dataset:8} {card.config.preset:8} "
                f"epoch {card.epochs:3}  validation −ELBO {bound} nats per image  {card.seconds:7.0f} s"
            )


@dataclass(frozen=True, kw_only=True)
class Download:
    """Fetch a data set into $CVAE_DATA, or data/ in the repository."""

    dataset: Annotated[Positional[Dataset], Doc("which one")]

    def __call__(self) -> None:
        """Fetch it unless it is there."""
        data.download(self.dataset)
        print(f"{self.dataset} is in {data.folder()}")


def _ensure_data(name: Dataset) -> None:
    if not data.on_disk(name):
        print(f"{name} is not on this machine: downloading it into {data.folder()}", file=sys.stderr)
        data.download(name)


def _data_of(run: Run) -> DataSet:
    """Load the images that a run was trained on; say so if they have changed."""
    dataset = data.load(run.card().config.dataset)
    run.require_images(dataset.fingerprint)
    return dataset


def _sample_grid(run: Run, seed: int, scale: int) -> Image.Image:
    """Draw samples: a row per label, or completions of the first test image of each label."""
    card, model = run.card(), run.model()
    epsilon = noise.normal((GRID_COLUMNS, LABELS, model.latent), seed, "samples")
    papers: np.ndarray | None = None
    match card.config.flavour:
        case "vae":
            c = nothing(LABELS)
        case "label":
            c = labelled(torch.arange(LABELS))
        case _:
            test = _data_of(run).test
            c = held_out(card.config, test, first_of_each_label(test))[1]
            assert c.visible is not None
            papers = figures.papers(c.visible)[:, None].repeat(GRID_COLUMNS, axis=1)
    with torch.no_grad():
        images = completed(model.likelihood(model.draw(c, epsilon), c), c)
    rows = [str(label) for label in range(LABELS)] if card.config.flavour != "vae" else []
    caption = f"{run.name}: samples of p(x | c), pixel means, seed {seed}"
    return figures.grid(
        figures.as_bytes(images.transpose(0, 1)), papers=papers, scale=scale, rows=rows, caption=caption
    )


def _require_ending(path: Path, ending: str) -> None:
    if path.suffix.lower() != ending:
        raise ConfigError(f"{path} cannot be written: the file must end in {ending}.")


def _write(path: Path, content: bytes) -> None:
    files.write(path, content)
    print(f"{path} written, {len(content):,} bytes")
