"""Accessibility faults that the engine axe finds on a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
STILL = "() => document.getAnimations().every(animation => animation.playState !== 'running')"
FAULTS_ONLY = {"resultTypes": ["violations"]}  # describing the passed checks takes seconds
# Streamlit's own: the chosen values of a multiselect are white on the primary colour, which in the dark look is a light one;
# the blue of numbers and calls in code, which no theme sets, is light on light paper (3.7 where 4.5 is asked).
NOT_OURS = {
    ("color-contrast", "dark"): '[data-testid="stMultiSelect"]',
    ("color-contrast", "light"): '[data-testid="stCode"] .token',
}


def serious_faults(page: Page, look: str, *rules: str) -> list[tuple[str, str, str]]:
    """Return rule, place and reason of serious faults in the lab's own elements, by the given rules or all."""
    page.wait_for_function(STILL)  # after animations, so that colours are final
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
