"""What other tools read of a run is what the lab computes and has recorded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cvae_core import interchange, noise
from cvae_core.config import Config
from cvae_core.errors import ConfigError, ExtraMissing
from cvae_core.examples import condition
from cvae_core.models import completed
from cvae_core.quadrants import PROPER_SETS, pixel_mask
from cvae_core.runs import Run, run_at

Tiny, Untrained = Callable[..., Config], Callable[..., Run]
KINDS: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "VAE": ("vae", {}, {"epsilon"}),
    "label CVAE": ("label", {"prior": "learned"}, {"epsilon", "label"}),
    "quadrant CVAE": ("quadrant", {"visible": "top-left+bottom-right"}, {"image", "epsilon"}),
    "CVAE for any set": ("quadrant", {"visible": "any"}, {"image", "epsilon", "visible"}),
    "baseline": ("baseline", {"visible": "3"}, {"image"}),
    "ladder": (
        "quadrant",
        {"preset": "ladder", "width": 8, "latent": 1, "groups": 1, "visible": "2"},
        {"image", "epsilon"},
    ),
}
LONG = ("VAE", "label CVAE", "quadrant CVAE", "ladder")  # that of any set has what the others have, but label and maps


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.soak) if kind in LONG else kind for kind in KINDS]
)
@pytest.mark.usefixtures("small_baseline")
def test_onnxruntime_computes_what_torch_does_for_any_number_of_images_and_reads_nothing_hidden(
    kind: str, tiny: Tiny, untrained: Untrained
) -> None:
    flavour, changes, inputs = KINDS[kind]
    run = untrained(tiny(flavour, **changes), "run")
    model = run.model()
    for name, weight in model.named_parameters():  # what starts at zero would let mistakes through
        weight += 0.1 * noise.normal(weight.shape, 0, name)
    run.write_weights(run.card(), model.state_dict(), torch.float32)
    content = interchange.onnx(run)
    assert {fact.key: fact.value for fact in onnx.load_from_string(content).metadata_props} == {
        "run": "run", "weights": run.weights_digest()
    }  # fmt: skip
    session = onnxruntime.InferenceSession(content)
    assert {given.name for given in session.get_inputs()} == inputs
    for count in (1, 5):
        epsilon, x = noise.normal((count, model.latent), 1, "epsilon"), noise.uniform((count, 784), 1, "image")
        label, visible = torch.arange(count), PROPER_SETS[:count]
        c = condition(model.config, x, label, visible if "visible" in inputs else None)
        expected = completed(model.likelihood(model.draw(c, epsilon[None]), c), c)[0]
        assert float(expected.std()) > 0.01
        hidden = torch.zeros_like(x, dtype=torch.bool) if c.visible is None else ~pixel_mask(c.visible)
        for image in (x, torch.where(hidden, 1 - x, x)):
            given = {"epsilon": epsilon, "label": label, "image": image, "visible": visible}
            (means,) = session.run(["means"], {name: given[name].numpy() for name in inputs})
            np.testing.assert_allclose(means, expected.numpy(), atol=1e-4)


@pytest.fixture
def log(root: Path, tmp_path: Path) -> EventAccumulator:
    """Read back what is written for TensorBoard of a tiny run."""
    folder = interchange.to_tensorboard(run_at("digits-label", root), tmp_path / "logs")
    assert folder == tmp_path / "logs" / "digits-label"
    return EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()


def test_tensorboard_has_every_curve_with_its_epochs_and_seconds(log: EventAccumulator, root: Path) -> None:
    run = run_at("digits-label", root)
    quantities = [
        f"{name}/{split}" for name in ("bound", "reconstruction", "rate") for split in ("train", "validation")
    ]
    assert sorted(log.Tags()["scalars"]) == sorted([*quantities, "learning_rate"])
    curves = run.curves()
    for quantity in quantities:
        name, split = quantity.split("/")
        rows, events = curves[curves["split"] == split], log.Scalars(quantity)
        assert [event.step for event in events] == rows["epoch"].tolist()
        np.testing.assert_allclose([event.value for event in events], rows[name], rtol=1e-6)
        elapsed = [event.wall_time - events[0].wall_time for event in events]
        np.testing.assert_allclose(elapsed, rows["seconds"] - rows["seconds"].iloc[0], atol=1e-3)
    assert {event.step for event in log.Scalars("learning_rate")} == {1, 2, 3}


def test_tensorboard_has_a_picture_of_every_stage(log: EventAccumulator, root: Path) -> None:
    stages = run_at("digits-label", root).stages()
    pictures = log.Images("stages")
    assert [picture.step for picture in pictures] == [int(epoch) for epoch in stages["epoch"]]
    assert all(picture.encoded_image_string.startswith(b"\x89PNG") for picture in pictures)
    assert len({picture.encoded_image_string for picture in pictures}) == len(pictures)


def test_a_log_is_not_written_over_another(root: Path, tmp_path: Path) -> None:
    run = run_at("digits-vae", root)
    interchange.to_tensorboard(run, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="holds a log already"):
        interchange.to_tensorboard(run, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_without_the_extra_it_is_said_how_to_install_it(
    tiny: Tiny, untrained: Untrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interchange, "find_spec", lambda _: None)
    run = untrained(tiny("vae"), "run")
    with pytest.raises(ExtraMissing, match=r"ONNX needs an extra; .*: pip install --editable '\.\[onnx\]'"):
        interchange.onnx(run)
    with pytest.raises(
        ExtraMissing, match=r"TensorBoard needs an extra; .*: pip install --editable '\.\[tensorboard\]'"
    ):
        interchange.to_tensorboard(run, tmp_path / "logs")
    assert not (tmp_path / "logs").exists()
