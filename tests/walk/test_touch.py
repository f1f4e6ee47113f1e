"""Touch on charts, on an emulated phone: swipes scroll the page, taps select, and a chosen tool can be used."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.walk.conftest import HEIGHT, NARROW, Open, eventually, moment, point_on_screen, settle

STEPS, FRAME = 20, 16  # of a finger's way, and milliseconds for each
CHART = ".js-plotly-plot"
RANGES = "g => [g._fullLayout.xaxis.range, g._fullLayout.yaxis.range].map(String)"


@pytest.fixture
def fingers(browser: Browser, watched: Callable[[Page], Page]) -> Iterator[Page]:
    """Open a new window on an emulated phone."""
    context = browser.new_context(viewport={"width": NARROW, "height": HEIGHT}, has_touch=True, is_mobile=True)
    yield watched(context.new_page())
    context.close()


def draw_up(page: Page, by: int) -> float:
    """Draw a finger up from the middle of the first chart, some pixels; return how far the page has scrolled for it."""
    scrolled = "() => document.querySelector('[data-testid=stMain]').scrollTop"
    before = page.evaluate(scrolled)
    box = page.locator(f"{CHART} .nsewdrag").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    hand = page.context.new_cdp_session(page)
    hand.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, STEPS + 1):
        place = {"x": x, "y": y - by * step / STEPS}
        hand.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
        moment(page, FRAME)
    hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    now = None
    while now != (now := page.evaluate(scrolled)):  # scrolling continues after the swipe
        moment(page, 600)
    moved: float = now - before
    return moved


@pytest.mark.parametrize("path", ["latent", pytest.param("training", marks=pytest.mark.soak)])
def test_a_finger_scrolls_the_page_but_while_a_tool_is_in_hand(visit: Open, fingers: Page, path: str) -> None:
    visit(path, fingers)
    chart = fingers.locator(CHART).first
    chart.scroll_into_view_if_needed()
    as_it_was = chart.evaluate(RANGES)
    paleness = "tool => getComputedStyle(tool).opacity"
    assert (
        float(chart.locator('.modebar-btn.active[data-attr="dragmode"]').evaluate(paleness)) < 1
    )  # it is not selected
    assert draw_up(fingers, 60) > 30
    assert chart.evaluate(RANGES) == as_it_was
    zoom = chart.locator('.modebar-btn[data-val="zoom"]')
    zoom.tap()
    eventually(fingers, lambda: float(zoom.evaluate(paleness)) == 1)
    assert draw_up(fingers, 60) == 0
    assert (zoomed := chart.evaluate(RANGES)) != as_it_was
    zoom.tap()
    eventually(fingers, lambda: float(zoom.evaluate(paleness)) < 1)
    assert draw_up(fingers, 60) > 30
    assert chart.evaluate(RANGES) == zoomed


def test_a_tap_on_the_map_chooses_a_point(visit: Open, fingers: Page) -> None:
    visit("latent?run=digits-label", fingers)
    fingers.locator(CHART).first.scroll_into_view_if_needed()
    index, x, y = point_on_screen(fingers, 4, 1)
    fingers.touchscreen.tap(x, y)
    fingers.get_by_role("heading", name=re.compile(f"Test image {index}, a")).wait_for()
    settle(fingers)
