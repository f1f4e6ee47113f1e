"""The commands that compute. Each one is a frozen dataclass of its flags; calling it runs the command."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from tqdm import tqdm
from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.cli.options import InRoot, RunName
from cvae_core.cli.progress import Bar, ticking
from cvae_core.config.flavours import Config
from cvae_core.config.job import Job, OnDevice
from cvae_core.data import catalogue, datasets
from cvae_core.data.datasets import Split
from cvae_core.errors import ConfigError, Interrupted, NotWritable
from cvae_core.evaluation import latent_space, likelihood, results, table
from cvae_core.evaluation.results import Cell, Interim
from cvae_core.jobs import archive as archives
from cvae_core.jobs import housekeeping
from cvae_core.jobs.output_log import STOPPED
from cvae_core.jobs.session import Launch, SessionReport, train_run
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.runs.run import Run, find
from cvae_core.system import distributed, files
from cvae_core.system.folders import in_root
from cvae_core.system.printable import printable, unfiltered
from cvae_core.system.seeds import require_seed
from cvae_core.training.loop import Stepped

KEEP_EVERY = 30.0  # seconds between two saves of an evaluation's partial results


def train(config: Config, launch: Launch, stop_requested: Callable[[], bool]) -> None:
    """Train and print one line per epoch; if a stop is requested, raise Interrupted with the command that resumes."""
    ensure_data(config.dataset)
    with distributed.group(launch.device):
        reports = train_run(config, launch)
        with contextlib.closing(reports), Bar() as bar:
            for report in reports:
                if distributed.leads():
                    bar.show(report)
                if _stops(report, stop_requested()):
                    again = Job(
                        run=launch.run,
                        config=config,
                        options=launch.options,
                        resume=True,
                        processes=distributed.processes(),
                    )
                    raise Interrupted(f"{STOPPED} Resume with: {again.command(launch.root)}")


def _stops(report: SessionReport, requested: bool) -> bool:
    """Return whether training stops now. Several processes stop after the same step: none can take the next one alone."""
    if distributed.processes() == 1:
        return requested
    return isinstance(report, Stepped) and distributed.any_process(requested)


def ensure_data(name: str) -> None:
    """Download a data set if it is missing; raise DataMissing if it cannot be downloaded."""
    catalogue.require_here(name)
    if not datasets.on_disk(name):
        print(f"{name} is not on this machine: downloading it into {datasets.folder()}", file=sys.stderr)
        datasets.download(name)


@dataclass(frozen=True, kw_only=True)
class Evaluate(InRoot):
    """Estimate a run's conditional log-likelihood with every applicable estimator; print and store the results."""

    run: RunName
    samples: Annotated[int, Doc("draws of z per image")] = 100
    images: Annotated[int | None, Doc("score only the first N images of the split; None: all")] = None
    split: Annotated[Literal["validation", "test"], Doc("split to score")] = "test"
    visible: Annotated[str | None, Doc("part to show a model of any set or mask; None: a random one per image")] = None
    seed: Annotated[int, Doc("seed of the draws")] = 0
    curve: Annotated[bool, Doc("score the first 100 images with 1 to 10,000 draws; store their convergence")] = False
    resume: Annotated[bool, Doc("resume the same evaluation after an interruption")] = False
    json: Annotated[bool, Doc("print the results as JSON")] = False
    device: OnDevice = "auto"

    def __call__(self) -> None:
        """Score the images with a progress bar, then print the results."""
        require_seed(self.seed)
        device = distributed.device(self.device)
        with distributed.group(device):
            if self.resume and distributed.processes() > 1:
                raise ConfigError("Only one process can resume an evaluation: leave out torchrun or --resume.")
            run = find(self.run, self.root)
            with housekeeping.held(run, "evaluation"):
                self._score(run, device)

    def _score(self, run: Run, device: torch.device) -> None:
        weights, model, split = run.weights_digest(), run.model().to(device), run.images().split(self.split)
        if (images_of := run.card().image_set) != model.config.dataset:
            print(f"The scored images are {images_of}.", file=sys.stderr)
        file, cells = results.CURVE if self.curve else results.RESULTS, []
        files.require_writable(run.result_path(file))
        each = likelihood.CURVE_SAMPLES if self.curve else (self.samples,)
        images = min(likelihood.CURVE_IMAGES, len(split)) if self.curve else self.images
        interims = {samples: self._interim(run, samples) for samples in each}
        for samples, interim in interims.items():
            cells += self._scored(interim, weights, model, split, samples, images)
        if not distributed.leads():
            return
        kept = results.store(run, cells, weights, file)
        for interim in interims.values():
            interim.drop(cells[0].images)
        if set(cells) - set(kept):
            print(
                "Some results are not stored: there are results over more images, or over as many with another seed.",
                file=sys.stderr,
            )
        if self.json:
            print(json.dumps([vars(cell) for cell in cells], indent=2))
            return
        for cell in cells:
            draws = f"S = {cell.samples:,}, " if cell.samples else ""
            bits = table.bits_of(cell, model.config)
            beside = "" if bits is None else f"{bits:.3f} bits/dim, "
            mean = f"{cell.mean:8.3f}".replace("-", "−")
            print(
                f"{table.ESTIMATORS[cell.estimator]:28} {mean} ± {cell.standard_error:.3f} nats per image "
                f"({beside}{draws}N = {cell.images:,} {cell.split}, seed {cell.seed})"
            )

    def _interim(self, run: Run, samples: int) -> Interim:
        return Interim(run, split_name=self.split, visible=self.visible, samples=samples, seed=self.seed)

    def _scored(
        self, interim: Interim, weights: str, model: ConditionalVAE, split: Split, samples: int, images: int | None
    ) -> list[Cell]:
        """Score the images with a progress bar, save partial results now and then, and return the final cells."""
        so_far, cells = interim.cells() if self.resume else [], []
        if self.resume and not (so_far or self.curve):
            print("This evaluation has no saved partial results: it starts from the first image.", file=sys.stderr)
        scoring = likelihood.evaluate(
            model,
            split,
            split_name=self.split,
            samples=samples,
            images=images,
            seed=self.seed,
            visible=self.visible,
            so_far=so_far,
        )
        alone, kept_at = distributed.processes() == 1, time.monotonic()
        with tqdm(unit="image", disable=None if distributed.leads() else True, file=unfiltered(sys.stderr)) as bar:
            try:
                for scored in scoring:
                    bar.total = scored.images
                    bar.update(scored.done - bar.n)
                    cells = list(scored.cells)
                    if alone and (
                        time.monotonic() - kept_at > KEEP_EVERY or (self.curve and scored.done == scored.images)
                    ):
                        with _warning_if_not_writable(bar):
                            interim.keep(cells, weights)
                        kept_at = time.monotonic()
            except KeyboardInterrupt:
                if not (alone and cells):
                    raise
                interim.keep(cells, weights)
                done = f"{interim.images:,} images are scored and saved"
                raise Interrupted(f"Stopped: {done}. To continue, repeat the command with --resume.") from None
        return cells


@contextlib.contextmanager
def _warning_if_not_writable(bar: tqdm) -> Iterator[None]:
    """Print above the bar that partial results could not be saved, and continue: saving the result may still succeed."""
    try:
        yield
    except NotWritable as error:
        bar.write(printable(f"The partial results are not saved. {error}"), file=unfiltered(sys.stderr))


@dataclass(frozen=True, kw_only=True)
class Embed(InRoot):
    """Map a run's posterior means to two or three dimensions and store the map with the run."""

    run: RunName
    method: Annotated[latent_space.Method, Doc("t-SNE or principal components")] = latent_space.USUAL.method
    points: Annotated[int, Doc("number of test images on the map")] = latent_space.USUAL.points
    perplexity: Annotated[int, Doc("t-SNE's effective number of neighbours")] = latent_space.USUAL.perplexity
    dimensions: Annotated[latent_space.Dimensions, Doc("dimensions of the map")] = latent_space.USUAL.dimensions

    def __call__(self) -> None:
        """Compute and store the map."""
        run = find(self.run, self.root)
        layout = latent_space.Layout(
            method=self.method, points=self.points, perplexity=self.perplexity, dimensions=self.dimensions
        )
        with housekeeping.held(run, "map"):
            weights, model, dataset = run.weights_digest(), run.model(), run.images()
            files.require_writable(run.result_path(layout.file))
            with ticking(f"{self.method} of {self.points:,} points"):
                embedding = latent_space.embed(model, dataset.test, layout)
            latent_space.store_embedding(run, layout, embedding, weights)
        print(f"{len(embedding.indices):,} points embedded: {run.result_path(layout.file)}")


@dataclass(frozen=True, kw_only=True)
class Import(InRoot):
    """Import a run from an archive that `export --zip` wrote, after checking all its files."""

    archive: Annotated[Positional[Path], Doc("the archive")]
    run: Annotated[str | None, Doc("name of the imported run; None: the one in the archive")] = None

    def __call__(self) -> None:
        """Check and unpack the archive, then print where the run came from."""
        run = archives.unpack(self.archive, self.root, self.run)
        again = in_root(f"python -m cvae_core evaluate {run.name}", self.root)
        print(
            f"Run {run.name!r} is in {run.folder}, imported {run.card().imported}. Its files are complete. To "
            f"verify its figures, evaluate it again: {again}"
        )
        data = run.card().description
        if not catalogue.exists(data.name):
            print(
                f"It was trained on the data set {data.name!r} ({data.shape}, {len(data.classes)} classes), which is not on "
                "this machine. Without it, the run cannot be evaluated and its images cannot be completed; samples, stages, "
                f"the table and exports work. Add the same images with: python -m cvae_core data add {data.name} SOURCE"
            )


@dataclass(frozen=True, kw_only=True)
class Download:
    """Download a data set into $CVAE_DATA, or into data/ in the repository."""

    dataset: Annotated[Positional[str], Doc("data set to download")]

    def __call__(self) -> None:
        """Download the data set if it is missing."""
        datasets.download(self.dataset)
        print(f"{self.dataset} is in {datasets.folder()}")
