"""Findings of axe, the accessibility engine, on a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
STILL = "() => document.getAnimations().every(animation => animation.playState !== 'running')"
FAULTS_ONLY = {"resultTypes": ["violations"]}  # a report of passed rules takes seconds
# Streamlit's own faults. The selected values of a multiselect are white on the primary colour, which is light in the dark
# theme. The blue of numbers and calls in code, which no theme sets, is too light in the light theme (3.7, required: 4.5).
NOT_OURS = {
    ("color-contrast", "dark"): '[data-testid="stMultiSelect"]',
    ("color-contrast", "light"): '[data-testid="stCode"] .token',
}


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
