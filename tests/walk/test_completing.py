"""Completing in a browser: a mask is painted, and half a digit is asked for as each label."""

import io
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page

from cvae_core.data import masks
from cvae_core.evaluation import classifier
from cvae_core.runs.run import default_root, find, run_at
from tests.walk.conftest import Open, eventually, moment, settle
from tests.walk.test_drawing import SHEET, answers, draw, lift

PAINTED = {"mnist": "quadrant-brush", "digits": "digits-quadrant-brush"}  # the run for any mask, by data set
LABELLED = {"mnist": "label-quadrant-1", "digits": "digits-label-quadrant-1"}  # the run that is given a label too
COMPLETE = """({ pad: { network, data, ink, visible } }) => [...network.complete(
    { image: ink, visible: visible.map(Number), label: data.label }, data.epsilons)]"""
SEVERAL = (3, 5, 8)  # what `hook` may become


def first_of(runs: dict[str, str]) -> str:
    """Return the data set of the first run that is on this machine with its weights."""
    here = [(images, run_at(name, default_root())) for images, name in runs.items()]
    found = [images for images, run in here if run.exists() and run.has_weights()]
    if not found:
        pytest.skip(f"none of these runs is here: {', '.join(runs.values())}")
    return found[0]


def hook(page: Page) -> None:
    """Draw the lower left of a 3, a 5 or an 8: a piece of an ellipse."""
    box = page.locator(SHEET).bounding_box()
    assert box is not None
    pixel = box["width"] / 28
    for step in range(13):
        angle = 2.5 + 2.4 * step / 12
        page.mouse.move(
            box["x"] + pixel * (13.5 + 4.4 * math.cos(angle)), box["y"] + pixel * (19.7 - 4.3 * math.sin(angle))
        )
        if step == 0:
            page.mouse.down()


def mask(page: Page, pad: str = ".fixed") -> np.ndarray:
    shown: list[bool] = page.eval_on_selector(f".drawing{pad}", "root => root.pad.visible")
    return np.array(shown)


def test_a_mask_is_painted_on_a_test_image_and_kept_in_the_address(visit: Open) -> None:
    images = first_of(PAINTED)
    page = visit(f"inpaint?images={images}&visible-{images}=brush")
    page.wait_for_selector(".answers canvas")
    before, seen = mask(page), answers(page)
    assert before.reshape(28, 28)[14:, :14].all()
    assert before.mean() == 0.25
    page.get_by_role("button", name="Show", exact=True).click()
    box = page.locator(SHEET).bounding_box()
    assert box is not None
    pixel = box["width"] / 28
    page.mouse.move(box["x"] + 20 * pixel, box["y"] + 4 * pixel)
    page.mouse.down()
    page.mouse.move(box["x"] + 20 * pixel, box["y"] + 24 * pixel, steps=5)
    eventually(page, lambda: not page.eval_on_selector(".drawing", "root => root.pad.dirty"))
    assert all(one != other for one, other in zip(seen, answers(page), strict=True))  # while the pointer is down
    lift(page)
    painted = mask(page)
    assert painted.sum() > before.sum()
    assert painted.reshape(28, 28)[5:23, 20].all()
    (name,) = re.findall(r"[?&]mask=([^&]*)", page.url)
    np.testing.assert_array_equal(masks.flags(name).numpy(), painted)
    assert len(name) < 200
    again = visit(page.url.partition("/inpaint")[2] and "inpaint" + page.url.partition("/inpaint")[2])
    again.wait_for_selector(".answers canvas")
    np.testing.assert_array_equal(mask(again), painted)
    page.get_by_role("button", name="Clear", exact=True).click()
    assert mask(page).all()
    page.get_by_role("button", name="Undo", exact=True).click()
    np.testing.assert_array_equal(mask(page), painted)
    page.locator(SHEET).focus()
    for key in ["ArrowUp"] * 14 + ["ArrowLeft"] * 14 + [" "]:
        page.keyboard.press(key)
    assert not mask(page)[0]  # the brush hides by default
    settle(page)


def test_a_part_of_a_drawing_is_hidden_with_the_brush(visit: Open) -> None:
    images = first_of(PAINTED)
    page = visit(f"inpaint?images={images}&visible-{images}=brush&of=My+drawing")
    draw(page)
    lift(page)
    drawn = page.eval_on_selector(".drawing", "root => [...root.pad.ink]")
    page.get_by_role("button", name="Show", exact=True).click()
    draw(page, turns=0.4)
    lift(page)
    assert page.eval_on_selector(".drawing", "root => [...root.pad.ink]") == drawn
    assert mask(page, "").mean() > 0.25
    assert page.get_by_test_id("stException").count() == 0
    for nonsense in ("null", "[true]", "[1, 1, 1, 1]", "'text'", f"'{'x' * 784}'"):
        page.eval_on_selector(".drawing", f"root => root.pad.news('visible', {nonsense})")
        moment(page, 150)
    settle(page)
    assert page.get_by_test_id("stException").count() == 0


def test_half_a_digit_is_completed_as_each_label_while_it_is_drawn(visit: Open) -> None:
    images = first_of(LABELLED)
    page = visit(f"inpaint?images={images}&visible-{images}=1&run-1={LABELLED[images]}&of=My+drawing")
    page.wait_for_selector(".each canvas")
    draw(page, turns=0.55)
    eventually(page, lambda: not page.eval_on_selector(".drawing", "root => root.pad.dirty"))
    looks = page.eval_on_selector_all(".each canvas", "all => all.map(canvas => canvas.toDataURL())")
    assert len(set(looks)) == 10
    lift(page)
    page.get_by_role("radio", name="5", exact=True).click()
    settle(page)
    assert "as=5" in page.url
    each = page.eval_on_selector_all(".each canvas", "all => all.map(canvas => canvas.toDataURL())")
    assert each == looks  # the row does not depend on the chosen label
    assert answers(page)[1] == looks[5]  # the best guess as a 5
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").get_by_role("button").first.click()
    picture = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert picture.text["label"] == "5"


@pytest.mark.mnist
def test_half_a_digit_becomes_what_is_asked_for(visit: Open) -> None:
    if first_of(LABELLED) != "mnist":
        pytest.skip("no run on MNIST is given a label and a quadrant")
    run = find(LABELLED["mnist"], default_root())
    reader = classifier.load_classifier(run.card().description, default_root())
    right = []
    page = visit(f"inpaint?images=mnist&visible-mnist=1&run-1={run.name}&of=My+drawing&as={SEVERAL[0]}")
    page.wait_for_selector(".each canvas")
    hook(page)
    lift(page)
    for label in SEVERAL:
        choices = page.get_by_role("radiogroup", name="Complete as")
        choices.get_by_role("radio", name=str(label), exact=True).click()
        settle(page)
        visible, rows = page.eval_on_selector(".drawing", "root => [root.pad.visible, root.pad.data.label]")
        assert rows == label
        assert visible == [False, False, True, False]
        shown = page.eval_on_selector(".drawing", COMPLETE)
        completions = torch.tensor(shown).reshape(-1, 784)[2:]  # after both guesses
        right.append((classifier.classified(reader, completions) == label).double().mean())
    assert min(right) >= 0.9, right
