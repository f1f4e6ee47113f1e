"""The command `data add`: make a data set from a source of images, after printing the report. Nothing here imports torch."""

import base64
import contextlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tqdm import tqdm
from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.cli.reports import attribute_lines, report_lines
from cvae_core.data import catalogue, sealed
from cvae_core.data.sealed import Sealed
from cvae_core.errors import ConfigError
from cvae_core.sources.gather import Progress, Wishes, gather
from cvae_core.system import files
from cvae_core.system.printable import unfiltered

PICTURES = 64  # in a preview
TOLD_EVERY = 1.0  # seconds between two lines of progress where the output is no terminal


@dataclass(frozen=True, kw_only=True)
class Add(Wishes):
    """Make a data set from images: a folder with a subfolder for each class, a zip of one, a .csv, a .npz, or IDX files."""

    name: Annotated[Positional[str], Doc("name of the data set")]
    source: Annotated[Positional[Path], Doc("folder or file of the images")]
    preview: Annotated[
        Path | None, Doc(f"write the report and {PICTURES} images to this .json file, and store no data set")
    ] = None

    def __call__(self) -> None:
        """Read the source, print the report, then store the data set or write the preview."""
        if self.preview is None:
            catalogue.require_free(self.name)
        elif self.preview.suffix.lower() != ".json":
            raise ConfigError(f"--preview cannot be {str(self.preview)!r}: give a file whose name ends with .json.")
        found = self._gathered()
        about = found.description
        print(
            f"{self.name}: {about.shape}, {about.train:,} images for training, {about.validation:,} for validation and "
            f"{about.test:,} for test"
        )
        print(
            "\n".join([*attribute_lines(about.attributes, found.attributes), *report_lines(found.report)]), flush=True
        )
        if self.preview is not None:
            files.write(self.preview, json.dumps(preview_of(found)).encode())
            print(f"Nothing is stored. The preview is in {self.preview}.")
            return
        place = sealed.store(found)
        print(f"The data set {self.name!r} is stored in {place}.")
        flavour = "label" if about.labelled else "vae"
        print(f"Train a model on it: python -m cvae_core train {flavour} --dataset {self.name}")

    def _gathered(self) -> Sealed:
        """Read the source and show the progress."""
        with contextlib.closing(Shown()) as shown:
            for item in gather(self.name, self.source, self):
                if isinstance(item, Sealed):
                    return item
                shown.show(item)
        raise AssertionError("gather ends with a data set")


class Shown:
    """Show progress: as a bar on a terminal, else as a line each second."""

    def __init__(self) -> None:
        self.bar: tqdm[Any] | None = None
        self.next = time.monotonic() + TOLD_EVERY

    def close(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def show(self, progress: Progress) -> None:
        """Show how far the reading is."""
        terminal = unfiltered(sys.stderr)
        if not terminal.isatty():
            if time.monotonic() >= self.next:
                print(f"{progress.doing}: {progress.done:,} of {progress.total:,}", file=sys.stderr, flush=True)
                self.next = time.monotonic() + TOLD_EVERY
            return
        if self.bar is None or self.bar.desc != f"{progress.doing}: ":
            self.close()
            self.bar = tqdm(total=progress.total, desc=progress.doing, unit="image", leave=False, file=terminal)
        self.bar.update(progress.done - self.bar.n)


def preview_of(found: Sealed) -> dict[str, Any]:
    """Return a description, a report, what the attributes hold, and images of all classes in turn, as plain JSON.

    The values of an image are base64 of its bytes: channel by channel, each row by row.
    """
    images, labels = found.splits["train"]
    turn: dict[int, int] = {}
    order = []
    for index, label in enumerate(labels.tolist()):
        order.append((turn.get(label, 0), label, index))
        turn[label] = turn.get(label, 0) + 1
    return {
        "description": found.description.to_json(),
        "report": found.report.to_json(),
        "columns": sealed.columns(found.description.attributes, found.attributes),
        "pictures": [
            {"label": label, "values": base64.b64encode(images[index].tobytes()).decode()}
            for _, label, index in sorted(order)[:PICTURES]
        ],
    }
