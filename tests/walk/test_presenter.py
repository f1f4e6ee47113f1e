"""The presenter layout: everything that matters within 1280×720, and keys for the next page and for play and pause."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.display.navigation import PAGES
from tests.walk.access import serious_faults
from tests.walk.conftest import Open, settle
from tests.walk.test_walk import COLOURS

PROJECTOR = {"width": 1280, "height": 720}
STAGES = (
    *("how", "generate", "inpaint", "latent?route=true&point=5&to=1", "training"),
    *(
        pytest.param(path, marks=pytest.mark.soak)
        for path in (
            "how?run=label-ladder",
            "generate?live=false",
            "generate?run=label-ladder",
            "inpaint?of=My+drawing",
            "latent",
        )
    ),
)
FITS = "page => page.scrollHeight <= page.clientHeight + 1"


def presented(path: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}present=1"


@pytest.fixture
def projected(page: Page) -> Page:
    page.set_viewport_size(PROJECTOR)
    return page


@pytest.mark.parametrize("path", STAGES)
def test_the_picture_and_its_controls_fit_on_a_projector(projected: Page, visit: Open, path: str) -> None:
    visit(presented(path))
    assert projected.get_by_test_id("stMain").evaluate(FITS)
    assert not serious_faults(projected, "light", *COLOURS)
    expect(projected.get_by_test_id("stSidebarContent")).not_to_be_in_viewport()
    size = projected.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    assert size > 16


def test_keys_change_the_page(projected: Page, visit: Open) -> None:
    visit(presented("generate"))
    names = list(PAGES)
    after = PAGES[names[names.index("generate") + 1]]
    projected.keyboard.press("PageDown")
    expect(projected).to_have_url(re.compile(f"/{after.file}\\?.*present=1"))
    settle(projected)
    projected.keyboard.press("PageUp")
    expect(projected).to_have_url(re.compile(r"/generate\?.*present=1"))
    settle(projected)
    projected.get_by_text("Presenter layout").click()
    settle(projected)
    assert "present" not in projected.url
    expect(projected.get_by_test_id("stSidebarContent")).to_be_in_viewport()
    projected.keyboard.press("PageDown")  # scrolls, as usual
    settle(projected)
    expect(projected).to_have_url(re.compile("/generate"))


@pytest.mark.parametrize("path", ["generate", "training?epoch=1"])
def test_the_space_bar_plays_and_pauses(projected: Page, visit: Open, path: str) -> None:
    visit(presented(path))
    button = projected.get_by_role("button", name=re.compile("^(Play|Pause)$"))
    expect(button).to_have_text("Play")
    projected.keyboard.press(" ")
    expect(button).to_have_text("Pause")
    projected.keyboard.press(" ")
    expect(button).to_have_text("Play")
    settle(projected)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("cll", "[data-testid=stDataFrame] canvas"),
        pytest.param("latent", "[data-testid=stMain] [data-testid=stNumberInput] input", marks=pytest.mark.soak),
        pytest.param("how", "[data-testid=stMain] input[type=range]", marks=pytest.mark.soak),
    ],
)
def test_keys_change_the_page_after_a_click_into_it(projected: Page, visit: Open, path: str, place: str) -> None:
    visit(presented(path))
    projected.locator(place).first.click(force=True)
    settle(projected)
    projected.keyboard.press("PageDown")
    expect(projected).not_to_have_url(re.compile(f"/{path}\\?"))
    settle(projected)


def test_the_space_bar_plays_after_a_click_on_a_button(projected: Page, visit: Open) -> None:
    visit(presented("generate"))
    projected.get_by_role("radio", name="2", exact=True).click()
    settle(projected)
    projected.keyboard.press(" ")
    expect(projected.get_by_role("button", name="Pause")).to_be_visible()
    projected.keyboard.press(" ")
    settle(projected)


def test_type_grows_with_the_window(page: Page, visit: Open) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    visit(presented("generate"))
    assert page.get_by_test_id("stMain").evaluate(FITS)
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") > 24


def test_the_space_bar_still_types_a_space(projected: Page, visit: Open) -> None:
    visit(presented("training?task=Sweep"))
    field = projected.get_by_role("textbox").last
    field.click()
    before = field.input_value()
    projected.keyboard.press(" ")
    assert len(field.input_value()) == len(before) + 1
