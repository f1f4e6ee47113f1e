"""The tour in a browser: from Home, by *Next*, to the picture that each step is about."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from app.display.navigation import PAGES
from app.widgets.tour import STEPS
from cvae_core.data import datasets
from tests.walk.conftest import Open, eventually, settle

SIZE = {"width": 1280, "height": 720}
NEEDS_MNIST = pytest.mark.skipif(not datasets.on_disk("mnist"), reason="the steps are about pictures of MNIST")


def at_step(page: Page, number: int) -> None:
    """Assert that a step is shown: its page, its values, the open tab, and the picture within the window."""
    step, settings = STEPS[number - 1], page.locator(".st-key-tour")
    expect(settings).to_contain_text(f"{number} of {len(STEPS)}: {step.title}")
    settle(page)
    url = urlsplit(page.url)
    assert url.path == ("/" if PAGES[step.page].default else f"/{step.page}")
    assert parse_qs(url.query)["tour"] == [str(number)]
    for tab in {"view", "question"} & step.query.keys():
        assert page.get_by_role("tab", selected=True).inner_text() == step.query[tab]
    for alert in ("stException", "stAlertContentError"):
        assert page.get_by_test_id(alert).count() == 0
    if step.at:
        place = page.locator(f".st-key-{step.at}").first
        eventually(page, lambda: 0 <= place.bounding_box()["y"] < SIZE["height"] / 4)
    for part in [*settings.get_by_role("link").all(), settings.get_by_role("button")]:  # the text is between them
        assert part.bounding_box()["y"] + part.bounding_box()["height"] < SIZE["height"]


@NEEDS_MNIST
def test_next_leads_from_home_through_all_steps_and_back_leads_back(visit: Open, page: Page) -> None:
    page.set_viewport_size(SIZE)
    visit()
    page.get_by_role("link", name="Start the tour").click()
    for number in range(1, len(STEPS) + 1):
        at_step(page, number)
        if number < len(STEPS):
            page.locator(".st-key-tour").get_by_role("link", name="Next").click()
    page.locator(".st-key-tour").get_by_role("link", name="Back").click()
    at_step(page, len(STEPS) - 1)
    page.reload()
    at_step(page, len(STEPS) - 1)


@NEEDS_MNIST
def test_a_step_opens_as_prepared_in_a_session_with_other_values(visit: Open, page: Page) -> None:
    visit("generate?run=label-2d&digit=5&seed=3&e1=1&view=Interpolation")
    page.get_by_role("link", name="Home").first.click()
    settle(page)
    page.get_by_role("link", name="2. ").click()
    at_step(page, 2)
    expect(page.get_by_role("combobox", name="Run").first).to_have_value(re.compile("label$"))
    assert "e1=" not in page.url
    page.locator(".st-key-tour").get_by_role("link", name="Next").click()
    at_step(page, 3)
    assert page.get_by_label("Seed", exact=True).input_value() == "0"
    page.locator(".st-key-tour").get_by_role("link", name="Back").click()
    at_step(page, 2)
    assert page.locator("input[type=range]").nth(1).input_value() == "2.5"


@NEEDS_MNIST
@pytest.mark.parametrize("first", [len(STEPS) - 1, pytest.param(1, marks=pytest.mark.soak)])
def test_in_the_presenter_layout_keys_lead_through_all_steps(visit: Open, page: Page, first: int) -> None:
    page.set_viewport_size(SIZE)
    visit("?present=1")
    page.get_by_role("link", name=f"{first}. ").click()
    step = page.locator(".st-key-tour")
    for number in range(first, len(STEPS) + 1):
        expect(step).to_contain_text(f"{number} of {len(STEPS)}: {STEPS[number - 1].title}")
        settle(page)
        shown = parse_qs(urlsplit(page.url).query)
        assert (shown["tour"], shown["present"]) == ([str(number)], ["1"])
        if name := STEPS[number - 1].query.get("view"):
            expect(page.get_by_role("radio", name=name)).to_be_checked()
        page.keyboard.press("PageDown")
    expect(page.get_by_role("link", name=f"Continue with step {len(STEPS)}")).to_be_visible()
    settle(page)
    page.keyboard.press("PageUp")
    expect(step).to_contain_text(f"{len(STEPS) - 1} of {len(STEPS)}")
    settle(page)
    step.get_by_role("button").first.click()
    expect(page.get_by_test_id("stPopoverBody")).to_contain_text("Press Play")
    page.get_by_role("button", name="Leave the tour").click()
    settle(page)
    assert "tour" not in parse_qs(urlsplit(page.url).query)
    expect(step).to_have_count(0)
