"""Pictures that the browser decodes: they follow the sliders, agree with torch, and have ordinary sliders as fallback."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, WebSocket

from app.live import latent_sliders
from cvae_core.data import noise
from cvae_core.data.conditions import labelled
from cvae_core.models.conditional_vae import completed
from cvae_core.runs.run import default_root, find
from tests.walk.conftest import Open, eventually, moment, settle
from tests.walk.test_walk import sources

DRAGS, DRAG_SECONDS, MIN_FRAMES = 2, 2, 50  # frames a second
DRAG = """async (root, seconds) => {
    const input = root.querySelector(".slider input"), panel = root.panel, frames = panel.frames, since = performance.now();
    while (performance.now() - since < 1000 * seconds || panel.frames === frames) {
        input.valueAsNumber = 2 * Math.sin(performance.now() / 300);
        input.dispatchEvent(new Event("input"));
        await new Promise(requestAnimationFrame);
    }
    return (panel.frames - frames) / (performance.now() - since) * 1000;
}"""
FRAMES_ASKED = """() => new Promise(resolve => {
    const ask = window.requestAnimationFrame;
    let asked = 0;
    window.requestAnimationFrame = (act) => (asked += 1, ask(act));
    setTimeout(() => {
        window.requestAnimationFrame = ask;
        resolve(asked);
    }, 300);
})"""
DRAWN = "({ panel }) => !panel.dirty && panel.stale === 0 && !panel.frame"
DECODE = "(root, [epsilon, label]) => [...root.panel.network.decode(Float32Array.from(epsilon), [label])]"


@pytest.fixture
def messages(page: Page) -> Iterator[list[int]]:
    """Provide the sizes of all messages to and from the server."""
    sizes: list[int] = []

    def watch(socket: WebSocket) -> None:
        socket.on("framesent", lambda message: sizes.append(len(message)))
        socket.on("framereceived", lambda message: sizes.append(len(message)))

    page.on("websocket", watch)
    yield sizes
    page.remove_listener("websocket", watch)


def shown(page: Page) -> Any:
    """Wait until the live sliders are shown; return their appearance.

    If a busy machine prevents their start in time, press the button that tries again, as a visitor would.
    """
    late = page.get_by_role("button", name="Try live sliders again")
    while page.locator(".slider input").or_(late).first.wait_for() or late.count():
        late.click()
        settle(page)
    settle(page)
    return page.eval_on_selector(".chosen canvas", "canvas => canvas.toDataURL()")


def test_the_picture_follows_the_hand_without_the_server(visit: Open, messages: list[int]) -> None:
    page = visit("generate")
    shown(page)
    moment(page, 1000)
    before = len(messages)
    assert page.eval_on_selector(".lab", DRAG, 1) > 0
    assert len(messages) == before


@pytest.mark.timed
def test_the_picture_moves_when_it_follows_the_hand(visit: Open) -> None:
    page = visit("generate")
    shown(page)
    assert max(page.eval_on_selector(".lab", DRAG, DRAG_SECONDS) for _ in range(DRAGS)) >= MIN_FRAMES


def test_a_drag_with_the_mouse_moves_all_ten_digits_and_its_end_reaches_address_and_grid(visit: Open) -> None:
    page = visit("generate")
    large, grid = shown(page), sources(page)[1]
    small = page.eval_on_selector_all(".row canvas", "all => all.map(canvas => canvas.toDataURL())")
    box = page.locator(".slider input").first.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + box["width"] / 3, middle[1], steps=5)
    eventually(page, lambda: page.eval_on_selector(".lab", DRAWN))
    assert page.eval_on_selector(".chosen canvas", "canvas => canvas.toDataURL()") != large
    moved = page.eval_on_selector_all(".row canvas", "all => all.map(canvas => canvas.toDataURL())")
    assert all(one != other for one, other in zip(small, moved, strict=True))
    assert "?e" not in page.url
    assert sources(page)[1] == grid
    page.mouse.up()
    page.wait_for_function("() => /[?&]e[0-9]+=/.test(location.search)")
    settle(page)
    assert sources(page)[1] != grid
    assert page.eval_on_selector_all(".row canvas", "all => all.map(canvas => canvas.toDataURL())") == moved


@pytest.mark.parametrize("run", ["label", pytest.param("label-2d", marks=pytest.mark.soak), "digits-label"])
def test_the_browser_decodes_what_torch_does(visit: Open, run: str) -> None:
    page = visit(f"generate?run={run}")
    shown(page)
    model = find(run, default_root()).model()
    for index in range(12):
        epsilon, label = noise.normal((1, 1, model.latent), 5, "points", index), index % 10
        with torch.inference_mode():
            c = labelled(torch.tensor([label]))
            expected = completed(model.likelihood(model.draw(c, epsilon), c), c)[0, 0].numpy()
        found = page.eval_on_selector(".lab", DECODE, [epsilon.flatten().tolist(), label])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_buttons_set_all_sliders_and_play_walks(visit: Open) -> None:
    page = visit("generate?e3=1.5")
    start = shown(page)
    for words in ("Reset", "Random z"):
        page.get_by_role("button", name=words, exact=True).click()
        moment(page, 500)
        settle(page)
        now = shown(page)
        assert now != start
        start = now
    drawn = re.findall(r"[?&]e\d+=", page.url)
    assert len(drawn) > 10  # of 16: values within half a step of 0 become 0, which the address omits
    page.get_by_role("button", name="Play", exact=True).click()
    moment(page, 700)
    assert shown(page) != start
    page.get_by_role("radio", name="7", exact=True).click()
    settle(page)
    page.get_by_role("button", name="Pause", exact=True).click()
    moment(page)
    still = shown(page)
    assert page.evaluate(FRAMES_ASKED) == 0  # an idle page requests no frames
    assert shown(page) == still


def test_a_test_digit_is_encoded_by_one_click_and_reset_as_often_as_one_likes(visit: Open) -> None:
    page = visit("generate")
    middle = shown(page)
    page.get_by_role("button", name="Reset", exact=True).click()
    for _ in range(2):
        page.get_by_role("button", name="Encode it").click()
        page.wait_for_function("() => /[?&]e[0-9]+=/.test(location.search)")
        settle(page)
        assert shown(page) != middle
        page.get_by_role("button", name="Reset", exact=True).click()
        page.wait_for_function("() => !/[?&]e[0-9]+=/.test(location.search)")
        assert shown(page) == middle


def test_a_reload_shows_the_same_z(visit: Open) -> None:
    page = visit("generate?digit=5&e3=1.5&e12=-2")
    before = shown(page)
    limits = page.locator(".slider input").first.evaluate("input => [input.min, input.max, input.step].map(Number)")
    assert limits == [-latent_sliders.NOISE_RANGE, latent_sliders.NOISE_RANGE, latent_sliders.NOISE_STEP]
    page.reload()
    settle(page)
    assert shown(page) == before


def test_the_plane_of_two_dimensions_has_a_handle_for_hand_and_keys(visit: Open) -> None:
    page = visit("generate?run=label-2d")
    start = shown(page)
    box = page.locator(".pad").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 5 / 6, box["y"] + box["height"] / 3)
    page.wait_for_function("() => location.search.includes('e1=2&e2=1')")
    clicked = shown(page)
    assert clicked != start
    page.locator(".handle").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => location.search.includes('e1=2.1')")
    assert shown(page) != clicked


def test_what_a_forger_tells_is_ignored(visit: Open) -> None:
    page = visit("generate?e3=1.5")
    before = shown(page)
    for nonsense in ('"text"', "[1]", "null", "[" + "1e9," * 15 + "1]", '{"a": 1}', "[" + '"x",' * 15 + '"x"]'):
        page.eval_on_selector(".lab", f"root => root.panel.news('epsilon', {nonsense})")
        moment(page, 200)
    settle(page)
    assert page.get_by_test_id("stException").count() == 0
    assert "e3=1.5" in page.url
    assert shown(page) == before


def test_ordinary_sliders_stand_in_where_the_live_ones_do_not_start(
    wide: Page, address: str, watched: Callable[[Page], Page]
) -> None:
    page = wide.context.new_page()
    page.add_init_script("window.cvaeNetworks = { get() {}, set() {} }")
    watched(page).goto(f"{address}/generate?e3=1.5")
    page.wait_for_selector("[data-testid=stSlider]")
    settle(page)
    assert page.get_by_text("The live sliders did not start in this browser").count() == 1
    assert page.get_by_text("1.50").count()
    page.close()
