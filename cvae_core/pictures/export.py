"""Export a run: the curves and stages of its training for TensorBoard, and its model as an ONNX graph.

Both formats need optional dependencies: the extras `tensorboard` and `onnx`.
"""

import io
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from cvae_core.config.descriptions import Attribute
from cvae_core.config.flavours import Config
from cvae_core.config.quadrant_names import NAMES
from cvae_core.data.conditions import condition
from cvae_core.data.masks import flags
from cvae_core.errors import ConfigError, ExtraMissing
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.pictures import stages as replay
from cvae_core.runs.run import Run
from cvae_core.system import files
from cvae_core.training.loop import steps_per_epoch

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

QUANTITIES = ("bound", "reconstruction", "rate")  # per epoch and split, in nats per image
STAGE_SCALE = 2
STAGES_PER_TAG = 10  # TensorBoard's default limit: of more images in a tag, it shows ten chosen at random
_BATCH = 2  # size of the example inputs for tracing; the graph accepts any number


def to_tensorboard(run: Run, folder: Path) -> Path:
    """Write a run's curves and stages for TensorBoard to `folder` / the run's name, and return this path.

    A step is a step of the optimiser, so that stages within an epoch have a step too. A text in the log explains this. The
    wall time is the start of the run plus the seconds of training. Stages show the model's images without the test images,
    with at most STAGES_PER_TAG in a tag. Raises ConfigError if the path already contains a log.
    """
    _require_extra("tensorboard", "A log for TensorBoard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    log = folder / run.name
    if any(log.glob("events.out.tfevents.*")):
        raise ConfigError(f"{log} already contains a log, and TensorBoard would draw both as one. Give another folder.")
    card = run.card()
    steps = steps_per_epoch(card.config, card.config.train_images)
    begun = datetime.fromisoformat(card.created).timestamp()
    content = io.BytesIO()  # written to a file at the end: on a full disk, no partial log remains
    events = RecordWriter(content)
    events.write(Event(wall_time=begun, file_version="brain.Event:2").SerializeToString())
    for epoch, seconds, summary in _summaries(run, card.config, steps):
        event = Event(wall_time=begun + seconds, step=round(epoch * steps), summary=summary)
        events.write(event.SerializeToString())
    files.write(log / f"events.out.tfevents.{begun:.0f}.{run.name}", content.getvalue())
    return log


def _summaries(run: Run, config: Config, steps: int) -> "Iterator[tuple[float, float, Summary]]":
    """Yield epoch, seconds of training and summary: of a text about steps, of the curves, and of the stages."""
    from torch.utils.tensorboard import summary

    units = "bound, reconstruction and rate are in nats per image"
    yield 0, 0, summary.text("units", f"A step is a step of the optimiser; an epoch has {steps:,}. The {units}.")
    curves, stages = run.curves(), run.stages()
    for row in curves.to_dict("records"):
        scalars = {f"{quantity}/{row['split']}": row[quantity] for quantity in QUANTITIES}
        scalars |= {"learning_rate": row["learning_rate"]} if row["split"] == "train" else {}
        for name, value in scalars.items():
            yield row["epoch"], row["seconds"], summary.scalar(name, value)
    ends = curves[curves["split"] == "train"]
    seconds = np.interp(stages["epoch"], [0, *ends["epoch"]], [0, *ends["seconds"]])
    for index, epoch in enumerate(stages["epoch"].tolist()):
        part = index // STAGES_PER_TAG
        last = stages["epoch"][: (part + 1) * STAGES_PER_TAG][-1]
        picture = np.asarray(
            replay.frame(stages, config, run.name, STAGE_SCALE, index=index, data=run.card().description)
        )
        tag = f"stages/{part + 1}-to-epoch-{last:.0f}"
        yield epoch, seconds[index], summary.image(tag, picture, dataformats="HWC")


class Input(NamedTuple):
    """Describe an input of an ONNX graph: in words, by an example, and by a check of its values if not every value fits."""

    words: str
    example: Tensor
    fits: Callable[[Tensor], Tensor] | None


def inputs(model: ConditionalVAE) -> Mapping[str, Input]:
    """Return the inputs of a model's ONNX graph by name, in the order of their checks."""
    config = model.config
    found: dict[str, Input] = {}
    if "label" in config.given:
        found["label"] = Input(
            f"int64 (N,): the label, a whole number from 0 to {config.classes - 1}",
            torch.zeros(_BATCH, dtype=torch.int64),
            lambda label: (label >= 0) & (label < config.classes),
        )
    if "attributes" in config.given:
        found["attributes"] = Input(
            f"float32 (N, {len(config.attributes)}): {'; '.join(map(_in_words, config.attributes))}; NaN is not given",
            torch.full((_BATCH, len(config.attributes)), math.nan),
            lambda values: values.isnan() | _possible(config.attributes, values),
        )
    if config.reads_images:
        found["image"] = Input(
            f"float32 (N, {config.shape.values}): intensities from 0 to 1, "
            f"{'1 is ink, ' if config.channels == 1 else 'channel by channel, each '}row by row from the top, hidden pixels "
            "included",
            torch.zeros(_BATCH, config.shape.values),
            lambda image: (image >= 0) & (image <= 1),
        )
    if config.any_set:
        of_pixels = config.regions == config.shape.pixels
        found["visible"] = Input(
            f"bool (N, {config.regions}): "
            + ("pixels, row by row" if of_pixels else f"{', '.join(NAMES)}; one to three of them are true"),
            torch.eye(_BATCH, config.regions).bool(),
            None if of_pixels else lambda visible: visible.any(-1) & ~visible.all(-1),
        )
    if model.latent:
        found["epsilon"] = Input(
            "float32 (N, latent): base noise, z = mu + sigma * epsilon, finite",
            torch.zeros(_BATCH, model.latent),
            lambda epsilon: epsilon.abs() < math.inf,
        )
    return found


def _in_words(attribute: Attribute) -> str:
    numbered = ", ".join(f"{number} {category}" for number, category in enumerate(attribute.categories))
    return f"{attribute.name}: {numbered or 'a number in the units of the data set'}"


def _possible(attributes: Sequence[Attribute], values: Tensor) -> Tensor:
    """Return whether each value (N, A) is finite and, if its attribute has categories, the number of one of them."""
    last = torch.tensor([len(one.categories) - 1 if one.categories else math.inf for one in attributes])
    number = torch.tensor([not one.categories for one in attributes])
    return (values.abs() < math.inf) & (number | ((values >= 0) & (values <= last) & (values == values.round())))


class Generator(nn.Module):
    """Compute pixel means (N, values), checking the inputs inside the ONNX graph. Visible pixels keep their values.

    The inputs are those of `inputs`. Hidden pixels of the images are ignored.
    """

    own: Tensor  # (4,) flags of the visible quadrants, if the model was trained on one set

    def __init__(self, model: ConditionalVAE):
        super().__init__()
        self.model, self.inputs = model, inputs(model)
        self.register_buffer("own", flags("1" if model.config.any_set else model.config.visible_set or "1"))

    def forward(
        self,
        label: Tensor | None = None,
        attributes: Tensor | None = None,
        image: Tensor | None = None,
        visible: Tensor | None = None,
        epsilon: Tensor | None = None,
    ) -> Tensor:
        """Return the pixel means of one z per image."""
        label, attributes = self._checked("label", label), self._checked("attributes", attributes)
        image, visible = self._checked("image", image), self._checked("visible", visible)
        epsilon = self._checked("epsilon", epsilon)
        x = epsilon if image is None else image  # a condition without pixels uses the number of rows only
        assert x is not None
        c = condition(self.model.config, x, label, self.own if visible is None else visible, attributes)
        epsilon = x[:, :0] if epsilon is None else epsilon
        return completed(self.model.likelihood(self.model.draw(c, epsilon[None]), c), c)[0]

    def _checked(self, name: str, values: Tensor | None) -> Tensor | None:
        """Return an input unchanged. If a value is outside its range, the ONNX graph fails here.

        ONNX has no operator that raises an error, but `Gather` fails for an index outside its table. Here it reads from a
        table with one zero, at index 1 if a value is wrong and at 0 otherwise. The zero is added to the values.
        """
        if values is None or (fits := self.inputs[name].fits) is None:
            return values
        wrong = ~fits(values).all()
        zero = torch.zeros(1).index_select(0, wrong.long().reshape(1))
        return values | zero.bool() if values.dtype == torch.bool else values + zero.to(values.dtype)


def onnx(run: Run) -> bytes:
    """Return a run's model as an ONNX graph, which computes what `Generator` does for any number N of images.

    The inputs are those of `inputs`, whose words are in the metadata, and the output is `means` (N, values). A value outside
    its range makes the graph fail at a node of its name.
    """
    _require_extra("onnx", "ONNX")
    card, part = run.card(), Generator(run.model())
    given = {name: known.example for name, known in part.inputs.items()}
    any_number = {name: {0: torch.export.Dim("N")} for name in given}
    with warnings.catch_warnings(action="ignore"):  # torch warns about its own internals
        # Only a strict export keeps N dynamic where Python code uses the length of a condition.
        graph = torch.export.export(part.eval(), (), given, dynamic_shapes=any_number, strict=True)
        program = torch.onnx.export(
            graph, output_names=["means"], dynamic_shapes=any_number, external_data=False, verbose=False
        )
    assert program is not None and card.weights is not None
    written = program.model_proto
    checks = [node for node in written.graph.node if node.name.startswith("node_index_select")]
    for name, node in zip((name for name in given if part.inputs[name].fits), checks, strict=True):
        node.name = f"{name} is outside its range, see the metadata"
    described = {name: known.words for name, known in part.inputs.items()}
    described |= {"labels": str(card.config.classes)} if "label" in given else {}
    for name, value in {"run": run.name, "weights": card.weights.sha256, **described}.items():
        written.metadata_props.add(key=name, value=value)
    content: bytes = written.SerializeToString()
    return content


def _require_extra(extra: str, what: str) -> None:
    needed = {"tensorboard": "tensorboard", "onnx": "onnxscript"}[extra]
    if find_spec(needed) is None:
        raise ExtraMissing(f"{what} needs an extra. In the lab's folder, run: pip install --editable '.[{extra}]'")
