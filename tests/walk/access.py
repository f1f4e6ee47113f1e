"""Findings of axe, the accessibility engine, on a page, and whether the terms of the glossary are explained."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from app.text import glossary

SERIOUS = ("serious", "critical")
STILL = "() => document.getAnimations().every(animation => animation.playState !== 'running')"
FAULTS_ONLY = {"resultTypes": ["violations"]}  # a report of passed rules takes seconds
# Streamlit's own faults. The selected values of a multiselect are white on the primary colour, which is light in the dark
# theme. The blue of numbers and calls in code, which no theme sets, is too light in the light theme (3.7, required: 4.5).
NOT_OURS = {
    ("color-contrast", "dark"): '[data-testid="stMultiSelect"]',
    ("color-contrast", "light"): '[data-testid="stCode"] .token',
}

TERM = f'a[href="{glossary.LINK}"]'
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
    document.querySelector("[data-testid=stMain]").scrollTo(0, 0);
    return [terms.length, wrong];
}"""


def serious_faults(page: Page, look: str, *rules: str) -> list[tuple[str, str, str]]:
    """Return rule, element and reason of each serious fault of the lab's own, by the given rules or by all rules."""
    page.wait_for_function(STILL)  # elements that fade in have their final colours by then
    found = []
    for fault in Axe().run(page, options=FAULTS_ONLY | ({"runOnly": rules} if rules else {})).response["violations"]:
        if fault["impact"] not in SERIOUS:
            continue
        theirs = NOT_OURS.get((fault["id"], look), "no-such-element")
        for node in fault["nodes"]:
            (place, *_) = node["target"]
            if not page.locator(place).first.evaluate("(element, theirs) => Boolean(element.closest(theirs))", theirs):
                found.append((fault["id"], place, node["failureSummary"]))
    return found


def every_term_is_explained(page: Page) -> None:
    """Assert that a page has terms of the glossary, and explains each of them by keyboard within the window."""
    count, wrong = page.evaluate(WRONG, TERM)
    assert count > 0
    assert wrong == []
