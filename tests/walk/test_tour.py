"""The tour in a browser: from Home, by *Next*, to the picture that each step is about."""

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
    for link in settings.get_by_role("link").all():
        assert link.bounding_box()["y"] < SIZE["height"]


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
    assert page.get_by_test_id("stSelectbox").first.inner_text().endswith("label")
    assert "e1=" not in page.url
    page.locator(".st-key-tour").get_by_role("link", name="Next").click()
    at_step(page, 3)
    assert page.get_by_label("Seed").input_value() == "0"
    page.locator(".st-key-tour").get_by_role("link", name="Back").click()
    at_step(page, 2)
    assert page.locator("input[type=range]").nth(1).input_value() == "2.5"
