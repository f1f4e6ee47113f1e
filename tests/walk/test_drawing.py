"""Drawing in a browser: live completions of a digit, its style for all ten digits, and its place on the map."""

import base64
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from cvae_core.data import datasets, noise
from cvae_core.data.conditions import condition
from cvae_core.data.masks import flags, visible_values
from cvae_core.models.conditional_vae import completed
from cvae_core.pictures import recipes
from cvae_core.runs.run import default_root, find
from tests.walk.conftest import Open, eventually, moment, settle
from tests.walk.test_walk import sources

SHEET = ".sheet canvas"
RUN_OF = {"mnist": "quadrant-1", "digits": "digits-quadrant-1"}  # the run that completes a drawing, by data set
STEPS = 12  # steps of the pen along an arc
COMPLETE = """(root, [ink, visible, epsilons]) =>
    [...root.pad.network.complete(
        { image: Float32Array.from(ink), visible }, epsilons.map((each) => Float32Array.from(each)))]"""
TIMED = """root => Array.from({ length: 9 }, () => {
    const since = performance.now();
    root.pad.draw();
    return performance.now() - since;
}).sort((a, b) => a - b)[4]"""


def ink(page: Page) -> np.ndarray:
    drawn: list[float] = page.eval_on_selector(".drawing", "root => [...root.pad.ink]")
    return np.array(drawn)


def answers(page: Page) -> list[str]:
    looks: list[str] = page.eval_on_selector_all(".answers canvas", "all => all.map(canvas => canvas.toDataURL())")
    return looks


def draw(page: Page, turns: float = 0.9) -> None:
    """Draw an arc of an ellipse from its top to the left, without lifting the pen."""
    page.wait_for_selector(SHEET)
    page.locator(SHEET).scroll_into_view_if_needed()
    box = page.locator(SHEET).bounding_box()
    assert box is not None
    pixel = box["width"] / 28
    for step in range(STEPS + 1):
        angle = math.pi * (0.5 + 2 * turns * step / STEPS)
        page.mouse.move(box["x"] + pixel * (14 + 5 * math.cos(angle)), box["y"] + pixel * (14 - 8 * math.sin(angle)))
        if step == 0:
            page.mouse.down()


def lift(page: Page) -> None:
    page.mouse.up()
    settle(page)


def test_half_a_digit_has_ten_different_completions_while_the_pen_is_down(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing")
    page.wait_for_selector(".answers canvas")
    blank = answers(page)
    draw(page, turns=0.55)
    moment(page)
    eventually(page, lambda: not page.eval_on_selector(".drawing", "root => root.pad.dirty"))
    seen = answers(page)
    assert len(seen) == 12
    assert len(set(seen[2:])) == 10
    assert all(one != other for one, other in zip(blank, seen, strict=True))
    lift(page)
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").first.click()
    picture = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert picture.text["run"] == RUN_OF["mnist" if datasets.on_disk("mnist") else "digits"]
    assert answers(page) == seen


@pytest.mark.timed
def test_twelve_completions_keep_up_with_the_pen(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing")
    page.wait_for_selector(".answers canvas")
    assert page.eval_on_selector(".drawing", TIMED) < 100  # milliseconds


@pytest.mark.parametrize(
    "run",
    [
        pytest.param("quadrant-1", marks=pytest.mark.mnist),
        pytest.param("quadrant-3", marks=[pytest.mark.mnist, pytest.mark.soak]),
        "digits-quadrant-1",
    ],
)
def test_the_browser_completes_as_torch_does(visit: Open, run: str) -> None:
    model = find(run, default_root()).model()
    images = "digits" if run.startswith("digits") else "mnist"
    visible = run[-1]
    page = visit(f"inpaint?of=My+drawing&images={images}&visible-{images}={visible}&run-{visible}={run}")
    assert page.eval_on_selector(".drawing", "root => root.pad.data.network").startswith(run)
    page.wait_for_selector(".answers canvas")
    x = torch.from_numpy(np.random.default_rng(1).random((1, 784), np.float32))
    epsilon = noise.normal((3, 1, model.latent), 5, "points")
    c = condition(model.config, x, torch.tensor([0]), flags(visible))
    with torch.inference_mode():
        expected = completed(model.likelihood(model.draw(c, epsilon), c), c)[:, 0].numpy()
        guess = model.baseline.likelihood(model.baseline.draw(c, torch.zeros(1, 1, 0)), c)  # type: ignore[attr-defined]
        first = completed(guess, c)[0].numpy()
    given = [x[0].tolist(), [int(flag) for flag in flags(visible)], epsilon[:, 0].tolist()]
    found = np.array(page.eval_on_selector(".drawing", COMPLETE, given)).reshape(4, 784)
    np.testing.assert_allclose(found, np.concatenate([first, expected]), rtol=0, atol=1e-4)


def test_the_browser_draws_the_ink_that_its_png_has(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing&images=digits&pixels=drawn+ink")
    page.wait_for_selector(".answers canvas")
    draw(page)
    lift(page)
    run = page.eval_on_selector(".drawing", "root => root.pad.data.network").rsplit("-", 1)[0]
    shown = page.eval_on_selector_all(
        ".answers canvas",
        """all => all.map(canvas =>
        [...canvas.getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0))""",
    )
    drawn = (ink(page) * 255).round().astype(np.uint8).tobytes()
    expected, _ = recipes.drawing(find(run, default_root()).model(), drawn, "1", count=10, seed=0, pixels="ink")
    hidden = ~visible_values(flags("1")).numpy()
    assert ((np.array(shown) < 128) == (expected[0, 1:-1] > 128))[:, hidden].mean() > 0.999


def test_a_drawing_is_undone_erased_cleared_framed_and_kept_on_every_page(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing")
    draw(page)
    lift(page)
    drawn = ink(page)
    assert drawn.sum() > 20
    np.testing.assert_allclose(255 * drawn, (255 * drawn).round(), atol=1e-4)  # Python receives the exact values
    page.get_by_role("button", name="Clear", exact=True).click()
    assert not ink(page).any()
    page.get_by_role("button", name="Undo", exact=True).click()
    np.testing.assert_array_equal(ink(page), drawn)
    page.get_by_role("button", name="Erase", exact=True).click()
    draw(page, turns=0.4)
    lift(page)
    rubbed = ink(page)
    assert 0 < rubbed.sum() < drawn.sum()
    page.get_by_role("button", name="Centre", exact=True).click()
    moment(page, 500)
    settle(page)
    framed = ink(page)
    assert (framed != rubbed).any()
    page.get_by_role("link", name="Latent space").first.click()
    settle(page)
    page.get_by_text("Draw an image and find it on the map").click()
    page.wait_for_selector(SHEET)
    np.testing.assert_allclose(ink(page), framed, atol=1 / 255)


def test_a_late_message_does_not_undo_a_newer_change(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing")
    draw(page)
    lift(page)
    drawn = ink(page)
    for _ in range(6):  # faster than the server answers
        page.get_by_role("button", name="Clear", exact=True).click()
        page.get_by_role("button", name="Undo", exact=True).click()
    moment(page, 1500)
    settle(page)
    np.testing.assert_array_equal(ink(page), drawn)


def test_a_drawing_can_start_from_a_test_digit_and_be_made_by_keys(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing")
    page.get_by_role("button", name="Start from it").click()
    eventually(page, lambda: ink(page).any())
    settle(page)
    started = ink(page)
    assert started.sum() > 20
    page.locator(SHEET).focus()
    for key in ["ArrowUp"] * 14 + ["ArrowLeft"] * 14 + [" "]:
        page.keyboard.press(key)
    assert ink(page)[0] > started[0]


def test_what_a_forger_tells_the_pad_is_ignored(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing")
    draw(page)
    lift(page)
    long, wrong = base64.b64encode(bytes(785)).decode(), "!" * 1048
    for nonsense in (f"'{long}'", f"'{wrong}'", "null", "[1, 2]", "7", "{}"):
        page.eval_on_selector(".drawing", f"root => root.pad.news('ink', {nonsense})")
        moment(page, 150)
    for nonsense in ("null", "[true]", "[1, 1, 1, 1]", "'text'", "[0, 0, 0, 0]"):
        page.eval_on_selector(".drawing", f"root => root.pad.news('visible', {nonsense})")
        moment(page, 150)
    settle(page)
    assert page.get_by_test_id("stException").count() == 0
    assert ink(page).sum() > 20


@pytest.mark.mnist
def test_another_quadrant_opens_by_a_click_on_the_digit(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing")
    page.wait_for_selector(".answers canvas")
    assert "Bottom left visible" in page.get_by_test_id("stSidebar").inner_text()
    page.get_by_title("Show or hide the top left quadrant").click()
    moment(page, 1000)
    settle(page)
    assert "Left half visible" in page.get_by_test_id("stSidebar").inner_text()
    assert page.eval_on_selector(".drawing", "root => root.pad.visible") == [True, False, True, False]


@pytest.mark.mnist
def test_no_quick_click_on_a_quadrant_is_lost(visit: Open) -> None:
    page = visit("inpaint?of=My+drawing&visible-mnist=any")
    page.wait_for_selector(".answers canvas")
    for name in ("top left", "top right", "top left"):
        page.get_by_title(f"Show or hide the {name} quadrant").click()
        moment(page, 150)
    moment(page, 1500)
    settle(page)
    assert page.eval_on_selector(".drawing", "root => root.pad.visible") == [False, True, True, False]
    assert "Top right and bottom left visible" in page.get_by_test_id("stSidebar").inner_text()


@pytest.mark.mnist
def test_a_quadrant_of_a_test_digit_opens_by_a_click_on_it_as_often_as_it_was_closed_elsewhere(visit: Open) -> None:
    page = visit("inpaint")
    before = sources(page)[0]
    for _ in range(2):
        box = page.locator(".fixed canvas").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.3 * box["height"])
        page.get_by_test_id("stSidebar").get_by_text("Top right and bottom left visible").wait_for()
        settle(page)
        assert sources(page)[0] != before
        assert "visible-mnist=any" in page.url
        page.get_by_role("radio", name="1", exact=True).click()
        page.get_by_test_id("stSidebar").get_by_text("Bottom left visible", exact=True).wait_for()
        settle(page)
        assert sources(page)[0] == before


def test_all_ten_digits_are_written_in_the_hand_of_a_drawing(visit: Open) -> None:
    page = visit("generate?digit=0")
    page.wait_for_selector(".row canvas")
    before = page.eval_on_selector_all(".row canvas", "all => all.map(canvas => canvas.toDataURL())")
    page.get_by_text("Draw an image and generate all labels").click()
    draw(page)
    lift(page)
    page.get_by_role("button", name="Use its style").click()
    page.wait_for_function("() => /[?&]e[0-9]+=/.test(location.search)")
    settle(page)
    expect(page.get_by_text("In its style: all labels.")).to_be_in_viewport()  # where the button was pressed
    after = page.eval_on_selector_all(".row canvas", "all => all.map(canvas => canvas.toDataURL())")
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_a_drawing_has_a_place_on_the_map(visit: Open) -> None:
    page = visit("latent")
    page.get_by_text("Draw an image and find it on the map").click()
    draw(page)
    lift(page)
    page.wait_for_function("() => document.querySelector('.js-plotly-plot')._fullData.some(t => t.name === 'drawing')")
    assert page.get_by_text("placed by its nearest neighbours").count() == 1
