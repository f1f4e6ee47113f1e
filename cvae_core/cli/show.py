"""The commands that show stored data: tables, pictures and lists. Each one is a frozen dataclass of its flags."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from PIL import Image
from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.cli.options import InRoot, RunName
from cvae_core.config.model_names import model_name
from cvae_core.data import datasets, intensities, noise
from cvae_core.data.batches import held_out, shown_rows
from cvae_core.data.conditions import chosen
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.evaluation import table, table_formats
from cvae_core.jobs import archive, control, housekeeping
from cvae_core.jobs.archive_checks import require_sound
from cvae_core.models.conditional_vae import completed
from cvae_core.pictures import export
from cvae_core.pictures import grid as figures
from cvae_core.pictures import stages as replay
from cvae_core.runs.run import Run, find, readable
from cvae_core.system import files, formats
from cvae_core.system.folders import in_root
from cvae_core.system.printable import one_line
from cvae_core.system.seeds import require_seed
from cvae_core.system.type_checks import Between, require_fitting
from cvae_core.training.validation import STAGE_ROWS

GRID_COLUMNS = 8


@dataclass(frozen=True, kw_only=True)
class Table(InRoot):
    """Print the table of stored conditional log-likelihoods, for all runs or for the named ones."""

    runs: Annotated[Positional[tuple[str, ...]], Doc("names of runs; none: all")] = ()
    out: Annotated[Path | None, Doc("write the table to FILE.csv, .md or .tex instead")] = None

    def __call__(self) -> None:
        """Print Markdown, or write a file in the format of its ending."""
        unreadable: list[RunDamaged] = []
        if self.runs:
            chosen = [find(name, self.root) for name in dict.fromkeys(self.runs)]
        else:
            cards, unreadable = readable(self.root)
            chosen = [find(name, self.root) for name in cards]
        chosen, damaged = table.with_readable_results(chosen)
        for fault in (*unreadable, *damaged):
            print(fault, file=sys.stderr)
        rows = table.entries(chosen)
        table.require_entries(rows)
        if self.out is None:
            print(table_formats.markdown(rows), end="")
            return
        writers: Mapping[str, Callable[[], bytes]] = {
            ".csv": lambda: formats.spreadsheet(table_formats.long_table(rows)),
            ".md": lambda: table_formats.markdown(rows).encode(),
            ".tex": lambda: table_formats.latex(rows).encode(),
        }
        if self.out.suffix not in writers:
            raise ConfigError(f"{self.out} cannot be written: the file must end in .csv, .md or .tex.")
        _write(self.out, writers[self.out.suffix]())


@dataclass(frozen=True, kw_only=True)
class Export(InRoot):
    """Export a run as pictures, as an archive, or for other tools.

    For a data set of your own, the command says which of the files hold its images before it writes them.
    """

    run: RunName
    grid: Annotated[Path | None, Doc("write a grid of samples to FILE.png")] = None
    stages: Annotated[Path | None, Doc("write the stages of training to FILE.gif")] = None
    zip: Annotated[Path | None, Doc("pack the whole run into FILE.zip, which `import` reads")] = None
    onnx: Annotated[Path | None, Doc("write its networks, with inputs for all that it is given, to FILE.onnx")] = None
    tensorboard: Annotated[Path | None, Doc("write its curves and stages into FOLDER for TensorBoard")] = None
    seed: Annotated[int, Doc("seed of the samples")] = 0
    scale: Annotated[int, Between(1, 16), Doc("width of an image's pixel in pixels of the picture")] = 3

    def __call__(self) -> None:
        """Write the requested files."""
        run = find(self.run, self.root)
        if not any((self.grid, self.stages, self.zip, self.onnx, self.tensorboard)):
            raise ConfigError(
                "Nothing to export: give --grid FILE.png, --stages FILE.gif, --zip FILE.zip, --onnx FILE.onnx or "
                "--tensorboard FOLDER."
            )
        require_seed(self.seed)
        require_fitting(self)
        for path, ending in ((self.grid, ".png"), (self.stages, ".gif"), (self.zip, ".zip"), (self.onnx, ".onnx")):
            if path is not None and path.suffix.lower() != ending:
                raise ConfigError(f"{path} cannot be written: the file must end in {ending}.")
        if self.zip is not None:
            require_sound(run)
        with housekeeping.held(run, "export"):
            self._tell_images(run)
            self._export(run)

    def _tell_images(self, run: Run) -> None:
        """Say on standard error which of the requested files hold images of a data set of one's own."""
        held, config = archive.holds_images(run), run.card().config
        pictures = (self.stages, self.tensorboard, self.grid if config.reads_images else None)
        written = [str(path) for path in pictures if path is not None]
        written += [f"{self.zip} ({', '.join(held)})"] if self.zip is not None else []
        if held and written:
            print(
                f"These files hold images of the data set {config.dataset!r}, as they are or as the model reconstructs "
                f"them: {', '.join(written)}. Share them only if the images may be shared.",
                file=sys.stderr,
            )

    def _export(self, run: Run) -> None:
        if self.grid is not None:
            picture = _sample_grid(run, self.seed, self.scale)
            _write(self.grid, figures.png(picture, {"run": run.name, "seed": self.seed}))
        if self.stages is not None:
            config = run.card().config
            test = run.images().test if datasets.on_disk(config.dataset) else None
            _write(
                self.stages,
                figures.gif(replay.frames(run.stages(), config, run.name, self.scale, test, run.card().description)),
            )
        if self.zip is not None:
            _write(self.zip, archive.packed(run))
        if self.onnx is not None:
            _write(self.onnx, export.onnx(run))
        if self.tensorboard is not None:
            log = export.to_tensorboard(run, self.tensorboard)
            print(f"{log} written. View it with: tensorboard --logdir {shlex.quote(str(self.tensorboard))}")


@dataclass(frozen=True, kw_only=True)
class List(InRoot):
    """List the runs of a folder."""

    json: Annotated[bool, Doc("print the cards as JSON")] = False

    def __call__(self) -> None:
        """Print one line per run; report damaged runs on standard error."""
        cards, damaged = readable(self.root)
        for fault in damaged:
            print(fault, file=sys.stderr)
        if self.json:
            print(json.dumps({name: card.to_json(name) for name, card in cards.items()}, indent=2))
            return
        if not cards:
            first = in_root("python -m cvae_core train label", self.root)
            print(f"There are no runs in {self.root}. Train one with: {first}")
        width = max((len(card.config.flavour) for card in cards.values()), default=0)
        for name, card in cards.items():
            bound = "       –" if card.elbo is None else f"{-card.elbo:8.2f}"
            now = control.state_of(self.root, name)
            print(
                f"{name:24} {now.state:9} {card.config.flavour:{width}} {card.image_set:8} {card.config.preset:8} "
                f"epoch {card.epochs:3}  validation −ELBO {bound} nats per image  {card.seconds:7.0f} s  "
                f"{model_name(card.config):36}"
                f"{'  sound' if card.verdict == 'sound' else ''}"
                f"{card.imported and f'  imported {one_line(card.imported)}'}".rstrip()
            )
            if now.state in ("died", "stalled", "failed"):
                onward = f"; resume with: {now.resume.command(self.root)}" if now.resume else ""
                onward += f" Train it again with: {now.anew.command(self.root, force=True)}" if now.anew else ""
                print(f"{'':24} {one_line(now.reason)}{onward}")
            elif card.trouble:
                print(f"{'':24} Verdict: {card.trouble}")


def _sample_grid(run: Run, seed: int, scale: int) -> Image.Image:
    """Draw a row of samples per label, or a row of completions of each label's first test image.

    If attributes are given, a row has those of a label's first test image.
    """
    card, model = run.card(), run.model()
    config = card.config
    labels = torch.arange(min(config.classes, STAGE_ROWS) if config.given else STAGE_ROWS)
    measured = "attributes" in config.given
    if config.reads_images or measured:
        test = run.images().test
        shown = shown_rows(test, config.classes, STAGE_ROWS)
        c, labels = held_out(config, test, shown)[1], test.labels[shown]
    else:
        c = chosen(config, labels)
    epsilon = noise.normal((GRID_COLUMNS, len(c), model.latent), seed, "samples")
    papers = (
        None if c.visible is None else figures.papers(c.visible, config.shape)[:, None].repeat(GRID_COLUMNS, axis=1)
    )
    with torch.no_grad():
        images = completed(model.likelihood(model.draw(c, epsilon), c), c)
    data = card.description
    rows = figures.class_labels(data.classes, labels.tolist()) if config.given else ()
    caption = f"{run.name}: samples of p(x | c), pixel means, seed {seed}{', attributes of test images' * measured}"
    return figures.grid(
        intensities.as_bytes(images.transpose(0, 1)),
        papers=papers,
        scale=scale,
        rows=rows,
        caption=caption,
        drawn=data.drawn,
    )


def _write(path: Path, content: bytes) -> None:
    files.write(path, content)
    print(f"{path} written, {len(content):,} bytes")
