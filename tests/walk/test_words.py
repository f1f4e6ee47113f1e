"""The glossary's terms on every page: explained on hover, focus and tap, and within the window."""

import pytest
from playwright.sync_api import Page

from app.display.navigation import PAGES
from app.text import glossary
from tests.walk.access import serious_faults
from tests.walk.conftest import Open

TERM, BOX = f'a[href="{glossary.LINK}"]', "#glossary"
# Focus every visible term; return what is wrong with its explanation once the page has scrolled to it.
WRONG = """async (selector) => {
    const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const wrong = [], terms = [...document.querySelectorAll(selector)].filter((term) => term.checkVisibility());
    for (const term of terms) {
        const said = term.title;
        term.focus();
        await frame();
        const box = document.querySelector("#glossary"), { left, top, right, bottom } = box.getBoundingClientRect();
        const fits = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
        const told = said && !box.hidden && box.textContent === said && term.getAttribute("aria-describedby") === box.id;
        if (!fits || !told || term.tabIndex !== 0) wrong.push([term.textContent, said, fits, told]);
        term.blur();
    }
    return [terms.length, wrong];
}"""


@pytest.mark.parametrize("path", ["" if page.default else name for name, page in PAGES.items()])
@pytest.mark.parametrize(("width", "height"), [(390, 844), pytest.param(1280, 720, marks=pytest.mark.soak)])
def test_every_term_of_a_page_is_explained_by_keyboard_within_the_window(
    visit: Open, page: Page, path: str, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    visit(path)
    count, wrong = page.evaluate(WRONG, TERM)
    assert count > 0
    assert wrong == []


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
