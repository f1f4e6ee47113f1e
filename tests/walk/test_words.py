"""The glossary's terms: explained on hover, focus and tap, and within the window; test_walk looks at those of every page."""

import pytest
from playwright.sync_api import Page

from app.display.navigation import PAGES
from tests.walk.access import TERM, every_term_is_explained, serious_faults
from tests.walk.conftest import Open

BOX = "#glossary"


@pytest.mark.soak
@pytest.mark.parametrize("path", ["" if page.default else name for name, page in PAGES.items()])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 720)])
def test_every_term_of_a_page_is_explained_by_keyboard_within_the_window(
    visit: Open, page: Page, path: str, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    every_term_is_explained(visit(path))


def test_a_term_is_explained_on_hover_by_tab_and_on_a_tap_until_escape(visit: Open, page: Page) -> None:
    visit("inpaint")
    term, box = page.get_by_test_id("stMain").locator(TERM).first, page.locator(BOX)
    said = term.get_attribute("title")
    term.hover()
    assert box.inner_text() == said
    assert not serious_faults(page, "light")
    page.keyboard.press("Escape")
    assert box.is_hidden()
    assert term.get_attribute("title") == said
    term.click()  # as a tap is
    assert box.is_visible()
    assert page.url.endswith("/inpaint")
    page.mouse.click(1, 1)
    assert box.is_hidden()
    term.focus()
    page.keyboard.press("Tab")
    assert box.inner_text() not in ("", said)
    page.keyboard.press("Shift+Tab")
    assert box.inner_text() == said
