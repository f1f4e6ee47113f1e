"""Exports for other tools contain the values that the lab computes and stores."""

import io
import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor
from werkzeug.test import Client

from cvae_core.config.descriptions import Attribute
from cvae_core.config.flavours import Config
from cvae_core.data import noise
from cvae_core.data.conditions import condition
from cvae_core.data.masks import PROPER_SETS, drawn, visible_values
from cvae_core.errors import ConfigError, ExtraMissing
from cvae_core.models.conditional_vae import completed
from cvae_core.pictures import export
from cvae_core.runs.run import Run, run_at
from tests import own_data

ROOT = Path(__file__).resolve().parents[3]
Tiny, Untrained = Callable[..., Config], Callable[..., Run]
COLOUR = own_data.description("colour", channels=3, drawn=False)  # data sets that are not on this machine
LARGE = own_data.description("large", side=20)
ATTRIBUTES = (
    Attribute(name="slant", mean=1.0, scale=2.0),
    Attribute(name="style", categories=("plain", "bold", "thin")),
)
DESCRIBED = {"data": own_data.description("described", attributes=ATTRIBUTES), "dataset": "described"}
KINDS: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "VAE": ("vae", {}, {"epsilon"}),
    "label CVAE": ("label", {"prior": "learned"}, {"epsilon", "label"}),
    "quadrant CVAE": ("quadrant", {"visible": "top-left+bottom-right"}, {"image", "epsilon"}),
    "CVAE for any set": ("quadrant", {"visible": "any"}, {"image", "epsilon", "visible"}),
    "baseline": ("baseline", {"visible": "3"}, {"image"}),
    "colour": (
        "quadrant",
        {"data": COLOUR, "dataset": "colour", "likelihood": "discretised-logistic", "visible": "any"},
        {"image", "epsilon", "visible"},
    ),
    "continuous": (
        "label",
        {"data": LARGE, "dataset": "large", "likelihood": "continuous-bernoulli", "prior": "learned"},
        {"epsilon", "label"},
    ),
    "attributes": ("attributes", {"prior": "learned", **DESCRIBED}, {"attributes", "epsilon"}),
    "label and pixels": ("label+quadrant", {"visible": "1"}, {"label", "image", "epsilon"}),
    "every part, a brush": (
        "label+attributes+quadrant",
        {"visible": "brush", **DESCRIBED},
        {"label", "attributes", "image", "visible", "epsilon"},
    ),
    "ladder": (
        "quadrant",
        {"preset": "ladder", "width": 8, "latent": 1, "groups": 1, "visible": "2"},
        {"image", "epsilon"},
    ),
}
OUTSIDE: dict[str, list[Any]] = {  # inputs that a graph must refuse
    "label": [200, -1, -10, 2**40, -(2**63)],
    "attributes": [3.0, 0.5, -1.0, np.inf, -np.inf],
    "image": [255.0, 1.0001, -0.0001, np.nan, np.inf],
    "visible": [True, False],
    "epsilon": [np.nan, np.inf, -np.inf],
}
LONG = (
    "VAE",
    "label CVAE",
    "quadrant CVAE",
    "label and pixels",
    "CVAE for any set",
    "ladder",
)  # others cover all but maps


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.soak) if kind in LONG else kind for kind in KINDS]
)
@pytest.mark.usefixtures("small_baseline")
def test_onnxruntime_computes_what_torch_does_for_any_number_of_images_and_reads_nothing_hidden(
    kind: str, tiny: Tiny, untrained: Untrained
) -> None:
    flavour, changes, inputs = KINDS[kind]
    run = untrained(tiny(flavour, **changes), "run", data=changes.get("data"))
    model, classes = run.model(), run.card().config.classes
    for name, weight in model.named_parameters():  # weights that start at zero would hide errors
        weight += 0.1 * noise.normal(weight.shape, 0, name)
    run.write_weights(run.card(), model.state_dict(), torch.float32)
    content = export.onnx(run)
    written = onnx.load_from_string(content)
    onnx.checker.check_model(written)
    facts = {fact.key: fact.value for fact in written.metadata_props}
    assert (facts.pop("run"), facts.pop("weights")) == ("run", run.weights_digest())
    assert facts.pop("labels", None) == (str(classes) if "label" in inputs else None)
    assert set(facts) == inputs
    session = onnxruntime.InferenceSession(content)
    assert {given.name for given in session.get_inputs()} == inputs
    values = model.config.shape.values
    for count in (1, 5):
        epsilon, x = noise.normal((count, model.latent), 1, "epsilon"), noise.uniform((count, values), 1, "image")
        label, visible = torch.arange(count) % classes, masks(model.config, count)
        attributes = torch.tensor([[0.5, math.nan], [math.nan, 2], [math.nan, math.nan], [-1, 0], [7, 1]])[:count]
        c = condition(model.config, x, label, visible if "visible" in inputs else None, attributes)
        expected = completed(model.likelihood(model.draw(c, epsilon[None]), c), c)[0]
        assert float(expected.std()) > 0.01
        hidden = (
            torch.zeros_like(x, dtype=torch.bool)
            if c.visible is None
            else ~visible_values(c.visible, model.config.shape)
        )
        for image in (x, torch.where(hidden, 1 - x, x)):
            given = {"epsilon": epsilon, "label": label, "image": image, "visible": visible, "attributes": attributes}
            (means,) = session.run(["means"], {name: given[name].numpy() for name in inputs})
            np.testing.assert_allclose(means, expected.numpy(), atol=1e-4)
    epsilon, x = noise.normal((3, model.latent), 1, "epsilon"), noise.uniform((3, values), 1, "image")
    right = {"epsilon": epsilon, "label": torch.tensor([0, 1, classes - 1]), "image": x}
    right |= {"visible": masks(model.config, 3), "attributes": torch.tensor([[1e6, 0], [math.nan, 1], [-9, 2]])}
    assert session.run(None, {name: right[name].numpy() for name in inputs})
    for name in inputs - ({"visible"} if model.config.visible_set == "brush" else set()):
        for value in OUTSIDE[name]:
            wrong = {given: right[given].numpy().copy() for given in inputs}
            wrong[name].reshape(3, -1)[1, slice(None) if name in ("label", "visible") else -1] = value
            with pytest.raises(InvalidArgument, match=f"'{name} is outside its range, see the metadata'"):
                session.run(None, wrong)


def masks(config: Config, count: int) -> Tensor:
    """Return flags of visible quadrants, or of visible pixels for a model that is trained with a brush."""
    brushed = config.visible_set == "brush"
    return drawn("brush", config.shape, count, 0, "masks") if brushed else PROPER_SETS[:count]


@pytest.fixture
def log(root: Path, tmp_path: Path) -> EventAccumulator:
    """Export a tiny run for TensorBoard and read the log back."""
    folder = export.to_tensorboard(run_at("digits-label", root), tmp_path / "logs")
    assert folder == tmp_path / "logs" / "digits-label"
    return EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()


STEPS = 5  # to an epoch of the tiny run: 1,257 images, 256 at a time


def test_tensorboard_has_every_curve_with_its_steps_and_seconds(log: EventAccumulator, root: Path) -> None:
    run = run_at("digits-label", root)
    quantities = [
        f"{name}/{split}" for name in ("bound", "reconstruction", "rate") for split in ("train", "validation")
    ]
    assert sorted(log.Tags()["scalars"]) == sorted([*quantities, "learning_rate"])
    curves, begun = run.curves(), datetime.fromisoformat(run.card().created).timestamp()
    for quantity in quantities:
        name, split = quantity.split("/")
        rows, events = curves[curves["split"] == split], log.Scalars(quantity)
        assert [event.step for event in events] == [STEPS * epoch for epoch in rows["epoch"]]
        np.testing.assert_allclose([event.value for event in events], rows[name], rtol=1e-6)
        np.testing.assert_allclose([event.wall_time - begun for event in events], rows["seconds"], atol=1e-3)
    assert [event.step for event in log.Scalars("learning_rate")] == [STEPS, 2 * STEPS, 3 * STEPS]


def test_tensorboard_has_a_picture_of_every_stage_at_its_step(log: EventAccumulator, root: Path) -> None:
    stages = run_at("digits-label", root).stages()
    assert log.Tags()["images"] == ["stages/1-to-epoch-3"]
    pictures = log.Images("stages/1-to-epoch-3")
    assert [picture.step for picture in pictures] == [0, 1, 2, 5, 8, 10, 15]
    assert [picture.step / STEPS for picture in pictures] == pytest.approx(stages["epoch"].tolist(), abs=0.1)
    times = [picture.wall_time for picture in pictures]
    assert times == sorted(times) and len(set(times)) == len(times)
    assert times[-1] == log.Scalars("bound/train")[-1].wall_time
    assert all(picture.encoded_image_string.startswith(b"\x89PNG") for picture in pictures)
    assert len({picture.encoded_image_string for picture in pictures}) == len(pictures)


def test_tensorboard_has_stages_in_colour(tiny: Tiny, untrained: Untrained, tmp_path: Path) -> None:
    run = untrained(tiny("label", data=COLOUR, dataset="colour"), "run", data=COLOUR, epochs=1)
    own_data.trained(run)
    log = EventAccumulator(str(export.to_tensorboard(run, tmp_path / "logs")), size_guidance={"images": 0}).Reload()
    pictures = log.Images("stages/1-to-epoch-1")
    assert [picture.step for picture in pictures] == [0, 1]
    pixels = np.asarray(Image.open(io.BytesIO(pictures[0].encoded_image_string)))
    assert pixels.ndim == 3 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a leaked process and folder
@pytest.mark.parametrize("fast", ["true", "false"])  # TensorBoard's two readers: a separate program, and one in Python
def test_tensorboards_server_shows_every_stage_of_a_long_training_under_its_step(fast: str, tmp_path: Path) -> None:
    run = run_at("label", ROOT / "checkpoints")
    stages, steps = run.stages(), math.ceil(50_000 / run.card().config.batch_size)
    export.to_tensorboard(run, tmp_path)
    with served_by_tensorboard(tmp_path, fast) as get:
        tags = get("images/tags")["label"]
        pictures = [shown for tag in sorted(tags) for shown in get(f"images/images?run=label&tag={tag}&sample=0")]
        curve = get("scalars/scalars?run=label&tag=bound/validation")
        (told,) = get("text/text?run=label&tag=units/text_summary")
    assert len(pictures) == len(stages["epoch"]) == 19
    assert [picture["step"] for picture in pictures] == [round(epoch * steps) for epoch in stages["epoch"].tolist()]
    times = [picture["wall_time"] for picture in pictures]
    assert times == sorted(times) and len(set(times)) == 19
    assert [step for _, step, _ in curve] == [steps * epoch for epoch in range(1, 41)]
    assert f"step of the optimiser; an epoch has {steps}" in told["text"]


@contextmanager
def served_by_tensorboard(logs: Path, fast: str) -> Iterator[Callable[[str], Any]]:
    """Answer requests to TensorBoard's plugins as its default server does, without a port."""
    with warnings.catch_warnings(action="ignore"):  # of its parts about each other
        from tensorboard.backend import application
        from tensorboard.program import TensorBoard

    program = TensorBoard()
    program.configure(
        ["", "--logdir", str(logs), "--load_fast", fast, "--reload_interval", "0", "--reload_task", "blocking"]
    )
    provider, multiplexer = program._make_data_provider()
    loaders, assets = program.plugin_loaders, program.assets_zip_provider
    client = Client(application.TensorBoardWSGIApp(program.flags, loaders, provider, assets, multiplexer))
    try:
        deadline = time.monotonic() + 120
        while not client.get("/data/plugin/images/tags").json and time.monotonic() < deadline:
            time.sleep(0.05)  # the program reads while it answers
        yield lambda path: client.get(f"/data/plugin/{path}").json
    finally:
        if fast == "true":
            program._ingester._stdin_handle.close()  # this ends the program


def test_a_log_is_not_written_over_another(root: Path, tmp_path: Path) -> None:
    run = run_at("digits-vae", root)
    export.to_tensorboard(run, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="already contains a log"):
        export.to_tensorboard(run, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_without_the_extra_it_is_said_how_to_install_it(
    tiny: Tiny, untrained: Untrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "find_spec", lambda _: None)
    run = untrained(tiny("vae"), "run")
    with pytest.raises(ExtraMissing, match=r"ONNX needs an extra\. .*: pip install --editable '\.\[onnx\]'"):
        export.onnx(run)
    with pytest.raises(
        ExtraMissing, match=r"TensorBoard needs an extra\. .*: pip install --editable '\.\[tensorboard\]'"
    ):
        export.to_tensorboard(run, tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
