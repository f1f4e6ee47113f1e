"""The figure of How it works agrees with torch, its printed parts add up, and it follows the visitor."""

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, WebSocket

from app.live import live_decoder
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Config
from cvae_core.config.model_names import model_name
from cvae_core.config.presets import configure
from cvae_core.data import datasets, noise
from cvae_core.data.batches import held_out
from cvae_core.data.intensities import as_bytes
from cvae_core.models import build
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.flat import CVAE
from cvae_core.models.objectives import elbo
from cvae_core.runs.run import default_root, find
from cvae_core.system.files import REPOSITORY
from cvae_core.system.rounding import rounded_sum
from tests.walk.conftest import Open, eventually, moment, settle

FLOW = """(root, [x, label, visible, noise, mode]) => {
    const { figure } = root;
    figure.x = Float32Array.from(x, (ink) => ink / 255);
    Object.assign(figure.data, { label, visible, noise: [noise] });
    figure.state = { draw: 0, moved: {}, visible: null, mode };
    const { p, q, z, means, distortion, rates } = figure.flow();
    const all = ({ loc, scale }) => [...loc, ...scale];
    return { p: all(p), q: all(q), z: [...z], means: [...means], distortion, rates: [...rates] };
}"""
REPLACE = """({ figure }, packed) => {
    const Kind = figure.network.constructor;
    figure.network = new Kind(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)));
}"""
IMAGES = 4
MNIST, SOAK = pytest.mark.mnist, [pytest.mark.mnist, pytest.mark.soak]
RUNS = [
    "digits-label",
    pytest.param("quadrant-any", marks=MNIST),
    *(pytest.param(name, marks=SOAK) for name in ("digits-quadrant-1", "label-2d", "label", "vae", "quadrant-1")),
]
PRINTED = """root => Object.fromEntries(
    [...root.querySelectorAll(".terms .box")].map((box) => [box.classList[1], box.lastChild.textContent]))"""


def shown(page: Page) -> Page:
    """Wait until the figure has its networks and is drawn."""
    page.wait_for_selector(".how .board")
    eventually(page, lambda: page.eval_on_selector(".how", "({ figure }) => Boolean(figure.found) && !figure.dirty"))
    return page


def means(page: Page) -> str:
    return str(page.eval_on_selector(".means canvas", "canvas => canvas.toDataURL()"))


def subject(run: str, index: int) -> tuple[ConditionalVAE, torch.Tensor, Any, torch.Tensor]:
    """Return a run's model, a test image, its condition and the evaluation's first noise, (1, 1, latent)."""
    model = find(run, default_root()).model()
    x, c = held_out(model.config, datasets.load(model.config.dataset).test, torch.tensor([index]))
    return model, x, c, noise.per_image(torch.tensor([index]), 1, model.latent, 0, "evaluation", "posterior")


@pytest.mark.parametrize("run", RUNS)
def test_every_value_is_what_torch_computes(visit: Open, run: str) -> None:
    page = shown(visit(f"how?run={run}"))
    labels = datasets.load("digits" if run.startswith("digits") else "mnist").test.labels
    for index in range(IMAGES):
        model, x, c, epsilon = subject(run, index)
        with torch.inference_mode():
            context = model.context(c)
            p, q = model.prior(context), model.posterior(x, context)  # type: ignore[operator]
            for mode, latents in (("training", model.infer(x, c, epsilon)), ("prediction", model.draw(c, epsilon))):
                likelihood = model.likelihood(latents, c)
                expected = {
                    "p": torch.stack([part.expand(q.loc.shape) for part in (p.loc, p.scale)]),
                    "q": torch.stack([q.loc, q.scale]),
                    "z": latents.z,
                    "means": completed(likelihood, c),
                    "distortion": -likelihood.log_prob(x),
                    "rates": model.infer(x, c, epsilon).rate,
                }
                visible = None if c.visible is None else c.visible[0].tolist()
                given = [as_bytes(x)[0].tolist(), int(labels[index]), visible, epsilon.flatten().tolist(), mode]
                found = page.eval_on_selector(".how", FLOW, given)
                for name, values in expected.items():
                    where = f"{name} in {mode}, image {index}"
                    np.testing.assert_allclose(np.ravel(found[name]), values.flatten(), 1e-6, 1e-4, err_msg=where)


@pytest.mark.parametrize(
    "config",
    [
        configure("label", dataset="digits", width=16, latent=3, prior="learned"),
        configure("vae", "classic", dataset="digits", width=16, latent=3),
        configure("quadrant", "classic", dataset="digits", width=16, latent=3),
        configure("quadrant", dataset="digits", width=16, latent=3, visible="any"),
    ],
    ids=model_name,
)
def test_weights_that_float16_would_round_are_run_as_they_are(visit: Open, config: Config) -> None:
    model = build.build(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3, generator=generator)
    x, c = held_out(config, datasets.load("digits").test, torch.tensor([5]))
    epsilon = noise.normal((1, 1, model.latent), 3, "points")
    with torch.inference_mode():
        terms = elbo(model, x, c, epsilon)
    assert isinstance(model, CVAE)
    packed = base64.b64encode(live_decoder.packed(model, BUILT_IN["digits"], "mine", recognition=True)).decode()
    page = shown(visit("how?run=digits-label"))
    page.eval_on_selector(".how", REPLACE, packed)
    visible = None if c.visible is None else c.visible[0].tolist()
    label = int(datasets.load("digits").test.labels[5])
    given = [as_bytes(x)[0].tolist(), label, visible, epsilon.flatten().tolist(), "training"]
    found = page.eval_on_selector(".how", FLOW, given)
    np.testing.assert_allclose(-found["distortion"], float(terms.reconstruction), 1e-5)
    np.testing.assert_allclose(sum(found["rates"]), float(terms.rate), 1e-5)


@pytest.mark.parametrize(
    "run", ["digits-label", pytest.param("quadrant-any", marks=MNIST), pytest.param("quadrant-1-ladder", marks=MNIST)]
)
def test_the_printed_parts_add_up_and_their_sum_is_the_bound_of_torch(visit: Open, run: str) -> None:
    page = shown(visit(f"how?run={run}&index=7"))
    printed = {name: float(text) for name, text in page.eval_on_selector(".how", PRINTED).items()}
    rates = page.eval_on_selector_all(".units .rates:not(.head)", "all => all.map((one) => Number(one.textContent))")
    assert round(printed["rate"] + printed["distortion"], 2) == printed["bound"]
    assert round(sum(rates), 2) == printed["rate"]
    found = page.eval_on_selector(".how", "({ figure: { found } }) => [found.distortion, ...found.rates]")
    assert rounded_sum(found, 2)[1] == printed["bound"]
    assert rounded_sum(found, 2)[0][0] == printed["distortion"]
    model, x, c, epsilon = subject(run, 7)
    with torch.inference_mode():
        assert abs(float(elbo(model, x, c, epsilon).value()) + printed["bound"]) < 0.01


def test_prediction_draws_z_from_the_prior_and_crosses_out_what_it_does_not_use(visit: Open) -> None:
    page = shown(visit("how?run=digits-quadrant-1&index=3"))
    crossed = "root => [...root.querySelectorAll('.box.out')].map((box) => box.classList[1]).sort()"
    crosses = "root => [...root.querySelectorAll('.crosses i')].map((cross) => cross.classList.contains('out'))"
    training = means(page)
    assert page.eval_on_selector(".how", crossed) == []
    assert not any(page.eval_on_selector(".how", crosses))
    page.get_by_role("button", name="Prediction", exact=True).click()
    page.wait_for_function("() => location.search.includes('mode=prediction')")
    settle(page)
    for _ in range(2):  # as it is, and after a reload
        assert page.eval_on_selector(".how", crossed) == ["bound", "rate", "recognition"]
        assert page.eval_on_selector(".how", crosses) == [True, True, False, True]  # bottom left is visible
        assert page.eval_on_selector(".how", PRINTED)["bound"] == "–"  # rate and distortion are of different z
        assert means(page) != training
        page.reload()
        settle(page)
        shown(page)
    page.get_by_role("button", name="Training", exact=True).click()
    eventually(page, lambda: means(page) == training)


def test_on_a_phone_every_arrow_ends_at_the_next_box(visit: Open, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    shown(visit("how?run=digits-quadrant-1"))
    lengths = "root => [...root.querySelectorAll('svg > path')].map((path) => path.getTotalLength())"
    eventually(page, lambda: 0 < max(page.eval_on_selector(".how", lengths)) < 40)


def test_a_box_shows_its_line_of_code_by_pointer_and_by_keyboard(visit: Open) -> None:
    page = shown(visit("how?run=digits-quadrant-1"))
    code, seen = page.locator(".how .code"), set()
    page.get_by_role("button", name="Reset", exact=True).focus()
    for _ in range(3):
        page.keyboard.press("Tab")
        text, place = code.locator("code").inner_text(), code.locator("span").inner_text()
        number, file = re.search(r"line (\d+) of (.+)", place).groups()  # type: ignore[union-attr]
        assert (REPOSITORY / Path(file)).read_text().splitlines()[int(number) - 1].strip() == text
        seen.add(text)
    assert len(seen) == 3
    for name in ("prior", "generation"):
        page.locator(f".how .box.{name}").hover(position={"x": 20, "y": 8})
        eventually(page, lambda name=name: f"self.{name}" in code.inner_text())  # type: ignore[misc]


def test_the_figure_follows_noise_without_the_server_and_its_link_shows_the_same(visit: Open) -> None:
    sent: list[int] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framesent", lambda message: sent.append(len(message)))

    page = visit("how?run=digits-label")
    page.on("websocket", watch)
    page.reload()
    settle(page)
    start = means(shown(page))
    moment(page, 1000)
    before = len(sent)
    slider = page.locator(".noise input").first
    slider.evaluate("input => { input.valueAsNumber = 2.5; input.dispatchEvent(new Event('input')); }")
    eventually(page, lambda: means(page) != start)
    assert len(sent) == before
    slider.evaluate("input => input.dispatchEvent(new Event('change'))")
    page.wait_for_function("() => /moved=[0-9]+%3A2.5/.test(location.search)")
    page.get_by_role("button", name="Prediction", exact=True).click()
    page.wait_for_function("() => location.search.includes('mode=prediction')")
    settle(page)
    moved = means(page)
    page.reload()
    settle(page)
    assert means(shown(page)) == moved
    page.remove_listener("websocket", watch)
    page.get_by_role("button", name="New ε").click()
    page.wait_for_function("() => location.search.includes('noise=1') && !location.search.includes('moved')")
    eventually(page, lambda: means(page) != moved)
    page.get_by_role("button", name="Reset", exact=True).click()
    page.wait_for_function("() => !location.search.includes('noise=')")
    page.get_by_role("button", name="Training", exact=True).click()
    eventually(page, lambda: means(page) == start)


@pytest.mark.mnist
def test_a_click_hides_a_quadrant_and_the_picture_below_follows(visit: Open) -> None:
    page = shown(visit("how?run=quadrant-any&visible=top-left%2Bbottom-right"))
    start, picture = means(page), page.get_by_test_id("stImage").locator("img").first.get_attribute("src")
    page.get_by_role("button", name="top left: visible").click()
    page.wait_for_function("() => location.search.includes('visible=bottom-right')")
    settle(page)
    assert means(page) != start
    assert page.get_by_test_id("stImage").locator("img").first.get_attribute("src") != picture
    page.get_by_role("button", name="bottom right: visible").click()  # no model completes an empty set
    moment(page)
    assert "visible=bottom-right" in page.url
    page.eval_on_selector(
        ".how", "root => root.figure.news('state', { draw: -1, moved: [9], visible: 'all', mode: 3 })"
    )
    page.wait_for_function("() => !location.search.includes('visible=')")
    settle(page)
    assert page.get_by_test_id("stException").count() == 0
