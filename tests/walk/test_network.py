"""The browser's networks compute what torch does, for every likelihood and any shape. No server is needed."""

import base64
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page

from app.browser import source
from app.live import live_decoder
from cvae_core.config.descriptions import Attribute, Description, LikelihoodName
from cvae_core.config.presets import configure
from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.datasets import Split
from cvae_core.data.intensities import as_bytes
from cvae_core.data.masks import flags, painted
from cvae_core.models.build import build
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.flat import CVAE, Baseline
from cvae_core.pictures import recipes
from tests import own_data

ATTRIBUTES = (
    Attribute(name="slant", mean=1.0, scale=2.0),
    Attribute(name="style", categories=("plain", "bold", "thin")),
)
SCRIPTS = source("likelihoods.js", "network.js")
FLOW = """(network, x, label, attributes, visible, epsilon) => {
    const image = Float32Array.from(x, (byte) => byte / 255);
    const c = network.condition({ label, attributes, image, visible });
    const p = network.priorOf(c), q = network.posteriorOf(image, c), z = at(q, epsilon), outputs = network.outputs([z], c);
    const parts = { p: [...p.loc, ...p.scale], q: [...q.loc, ...q.scale], z: [...z] };
    return { ...parts, means: [...network.paste(outputs, c, 1)], distortion: -network.logProb(outputs, image, c) };
}"""
COMPLETE = """(network, x, visible, epsilons, numbers) => [...network.complete(
    { image: Float32Array.from(x, (byte) => byte / 255), visible }, epsilons,
    Float32Array.from(numbers, (t) => (t + 0.5) / 255))]"""
AS_EACH = """(network, x, visible, epsilons, labels) => [...network.complete(
    { image: Float32Array.from(x, (byte) => byte / 255), visible, label: 1 }, epsilons, null, labels)]"""
PAINT = f"""([shape, drawn, values, papers]) => {{
    {SCRIPTS}
    const canvas = imageCanvas("", {{ shape, drawn }}), paper = [WHITE, GIVEN, HIDDEN, DIMMED];
    paint(canvas, values.map((byte) => byte / 255), 0, (i) => paper[papers[i]]);
    return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}}"""


def of_own_data(
    flavour: str, likelihood: LikelihoodName, channels: int, **settings: Any
) -> tuple[Any, Description, Split]:
    """Return a model with random weights, its data set, and some images. The weights reach the ends of all limits."""
    data = own_data.description(channels=channels, side=20, drawn=False, attributes=ATTRIBUTES)
    config = configure(flavour, data=data, width=8, latent=3, likelihood=likelihood, **settings)  # type: ignore[arg-type]
    model, generator = build(config), torch.Generator().manual_seed(1)
    if model.config.has_baseline:
        model.baseline = Baseline(replace(model.baseline.config, width=8))  # type: ignore[arg-type]
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5, generator=generator)
    images, labels = own_data.sealed(data).splits["test"]
    attributes = torch.tensor([[0.5, math.nan], [math.nan, 2.0]] * (len(labels) // 2))
    return model, data, Split(torch.from_numpy(images), torch.from_numpy(labels).long(), attributes)


def run(page: Page, model: ConditionalVAE, data: Description, act: str, *values: Any) -> Any:
    assert isinstance(model, CVAE)
    packed = base64.b64encode(live_decoder.packed(model, data, "mine", recognition=True)).decode()
    unpack = "new Network(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)))"
    return page.evaluate(
        f"([packed, values]) => {{ {SCRIPTS} return ({act})({unpack}, ...values); }}", [packed, values]
    )


@pytest.mark.parametrize(
    ("flavour", "likelihood", "channels", "settings"),
    [
        ("label", "bernoulli", 3, {"prior": "learned"}),
        ("label", "continuous-bernoulli", 1, {"preset": "classic"}),
        ("vae", "continuous-bernoulli", 3, {}),
        ("quadrant", "discretised-logistic", 3, {"visible": "any"}),
        ("quadrant", "discretised-logistic", 1, {}),
        ("label+quadrant", "bernoulli", 1, {"visible": "1"}),
        ("attributes", "bernoulli", 1, {"prior": "learned"}),
        ("quadrant", "continuous-bernoulli", 1, {"visible": "brush"}),
        ("label+attributes+quadrant", "bernoulli", 3, {"visible": "brush"}),
    ],
)
def test_networks_of_any_shape_and_likelihood_agree_with_torch(
    page: Page, flavour: str, likelihood: LikelihoodName, channels: int, settings: dict[str, Any]
) -> None:
    model, data, test = of_own_data(flavour, likelihood, channels, **settings)
    for index in range(2):
        x, c = held_out(model.config, test, torch.tensor([index]))
        epsilon = noise.normal((1, 1, model.latent), 2, "points", index)
        with torch.inference_mode():
            context = model.context(c)
            p, q, latents = model.prior(context), model.posterior(x, context), model.infer(x, c, epsilon)
            likely = model.likelihood(latents, c)
            expected = {
                "p": torch.stack([part.expand(q.loc.shape) for part in (p.loc, p.scale)]),
                "q": torch.stack([q.loc, q.scale]),
                "z": latents.z,
                "means": completed(likely, c),
                "distortion": -likely.log_prob(x),
            }
        visible = None if c.visible is None else c.visible[0].tolist()
        attributes = [None if math.isnan(value) else value for value in test.attributes[index].tolist()]
        attributes = attributes[: len(model.config.attributes)]
        given = as_bytes(x)[0].tolist(), int(test.labels[index]), attributes, visible, epsilon.flatten().tolist()
        found = run(page, model, data, FLOW, *given)
        for name, values in expected.items():
            np.testing.assert_allclose(np.ravel(found[name]), values.flatten(), 2e-5, 1e-4, err_msg=f"{name}, {index}")


@pytest.mark.parametrize("likelihood", ["bernoulli", "continuous-bernoulli", "discretised-logistic"])
def test_samples_of_pixels_are_those_of_the_servers_picture(page: Page, likelihood: LikelihoodName) -> None:
    model, data, test = of_own_data("quadrant", likelihood, 1, visible="any")
    ink, shown = test.images[0].numpy().tobytes(), "top-left"
    picture = recipes.drawing(model, ink, shown, 2, 5, "ink").images[0, 1:5]
    epsilons = [[0.0] * model.latent, *noise.normal((2, model.latent), 5, "completions").tolist()]
    numbers = recipes.thresholds(data.shape, 4, 5).flatten().tolist()
    found = run(page, model, data, COMPLETE, list(ink), flags(shown).tolist(), epsilons, numbers)
    apart = np.abs(np.reshape(found, (4, -1)) * 255 - picture)
    assert (apart > 1).mean() < 1e-3  # pixels whose mean lies at their threshold


def test_an_image_is_completed_as_each_label_under_any_mask(page: Page) -> None:
    model, data, test = of_own_data("label+quadrant", "bernoulli", 1, visible="brush")
    ink, mask = test.images[0].numpy().tobytes(), noise.uniform((400,), 1, "mask") < 0.4
    epsilons = [[0.0] * model.latent, *noise.normal((2, model.latent), 5, "completions").tolist()]
    found = run(page, model, data, AS_EACH, list(ink), mask.tolist(), epsilons, [0, 1])
    picture = recipes.drawing_as(model, ink, painted(mask), (0, 1), 2, 5).images
    apart = np.abs(np.reshape(found, (6, -1)) * 255 - [*picture[:, 1], picture[1, 0], picture[1, 1]])
    assert apart.max() < 1


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_images_and_photographs_are_painted_as_they_are(page: Page, channels: int) -> None:
    values = as_bytes(noise.uniform((channels * 256,), 3, "colours"))
    papers = np.zeros((16, 16), int)
    papers[:8, :8], papers[:8, 8:], papers[8:, :8] = 1, 2, 3
    painted = page.evaluate(PAINT, [[channels, 16, 16], False, values.tolist(), papers.flatten().tolist()])
    pixels = np.reshape(painted, (16, 16, 4))[..., :3]
    own = np.broadcast_to(values.reshape(channels, 16, 16), (3, 16, 16)).transpose(1, 2, 0)
    assert (pixels[8:, 8:] == own[8:, 8:]).all()
    assert (pixels[1:7, 1:7] == own[1:7, 1:7]).all()
    assert (pixels[0, :8] == [30, 144, 255]).all()
    assert {tuple(pixel) for pixel in pixels[:8, 8:].reshape(-1, 3).tolist()} == {(214, 214, 214), (236, 236, 236)}
    faint = 214 + 0.3 * (own[8:, :8].astype(float) - 214)
    assert np.abs(pixels[8:, :8] - faint).max() <= 1
