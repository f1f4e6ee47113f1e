"""The address is the state of a page: opened elsewhere it shows the same, and Back shows what was there before."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from app.display.navigation import PAGES
from tests.walk.conftest import Open, eventually, moment, settle

MANY = (
    20  # changes of a page in `make soak`; in `make test`, one, and a history of three on the page that opens soonest
)
TRIES = 12  # for a change that has an effect: some controls are at their end already
# What a page shows: pictures (their addresses identify their content), texts, charts, and what the browser draws itself.
SHOWN = """() => {
    const found = { pictures: [], texts: [], charts: [], canvases: [] };
    const look = (root) => root.querySelectorAll("*").forEach((each) => {
        if (each.shadowRoot) look(each.shadowRoot);
        if (each.matches("[data-testid=stImage] img")) found.pictures.push(each.getAttribute("src"));
        if (each.matches("[data-testid=stMarkdown], [data-testid=stTable]")) found.texts.push(each.innerText);
        if (each.matches(".js-plotly-plot")) found.charts.push(JSON.stringify((each.data ?? []).map(
            ({ x, y, name, text, selectedpoints }) => [x, y, name, text, selectedpoints])));
        if (each.matches(".lab canvas, .sheet canvas, .answers canvas")) found.canvases.push(each.toDataURL());
    });
    look(document.querySelector("[data-testid=stMain]"));
    return found;
}"""
SET_RANGE = """(input, share) => {
    input.valueAsNumber = Math.round((2 * share - 1) * 2.9 * 20) / 20;
    ["input", "change"].forEach((kind) => input.dispatchEvent(new Event(kind, { bubbles: true })));
}"""


# The form of Sweep, what confirms a training on other images, and controls in a folded side bar.
NOT_CHANGED = """each => each.closest('[class*=st-key-new-other], [class*=st-key-sweep-]')
    || each.getBoundingClientRect().right <= 0"""


def choose_another(page: Page, box: Locator, chance: Random) -> None:
    """Choose an option of a selectbox."""
    options = page.get_by_role("option")
    while not options.count():  # a click on an open list would close it
        box.press("ArrowDown")
        moment(page, 200)
    options.nth(chance.randrange(min(options.count(), 6))).click()


def press_arrow(page: Page, slider: Locator, chance: Random) -> None:
    slider.focus()
    slider.press(chance.choice(["ArrowLeft", "ArrowRight"]))


def fill(page: Page, field: Locator, chance: Random) -> None:
    field.fill(str(chance.randrange(1, 60)))
    field.press("Enter")


def draw(page: Page, sheet: Locator, chance: Random) -> None:
    """Draw two straight lines."""
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    assert box is not None
    for _ in range(2):
        for number in range(2):
            at = (0.2 + 0.6 * chance.random() for _ in range(2))
            page.mouse.move(
                *(box[corner] + box[size] * share for corner, size, share in zip("xy", SIZES, at, strict=True))
            )
            page.mouse.up() if number else page.mouse.down()


def click(page: Page, control: Locator, chance: Random) -> None:
    control.click()


SIZES = ("width", "height")
Act = Callable[[Page, Locator, Random], None]
# Kinds of controls. Explanations and code are no part of the state.
CONTROLS: dict[str, Act] = {
    "[data-testid=stButtonGroup] button:not([aria-checked=true])": click,
    "[data-testid=stCheckbox] label": click,
    "[data-testid=stTab][aria-selected=false]": click,
    "[class*='st-key-draw'] summary, .st-key-route summary, .st-key-completion-walk summary, .st-key-units summary": click,
    "[data-testid=stSelectbox] [role=combobox], [data-testid=stSelectbox] input": choose_another,
    "[data-testid=stSlider] [role=slider], [data-testid=stSlider] input[type=range]": press_arrow,
    "[data-testid=stNumberInput] input": fill,
    ".hand .slider input": lambda page, slider, chance: slider.evaluate(SET_RANGE, chance.random()),
    ".hand .buttons button:has-text('z')": click,
    ".paper:not(.fixed *) canvas": draw,
    ".doors button": click,
}


def shown(page: Page) -> Any:
    return page.evaluate(SHOWN)


def still(page: Page) -> Any:
    """Return what a page shows once the browser has drawn all of it."""
    states = [shown(page)]

    def drawn() -> bool:
        states.append(shown(page))
        return bool(states[-1] == states[-2])

    eventually(page, drawn)
    return states[-1]


def same(page: Page, expected: Any) -> bool:
    """Return whether a page shows what is expected; if a busy machine has prevented the start of live sliders, try again."""
    late = page.get_by_role("button", name="Try live sliders again")
    if late.count():
        late.click()
        settle(page)
    return bool(shown(page) == expected)


def change(page: Page, chance: Random) -> None:
    """Change one control at random, until the address changes; without a new address the page must be the same."""
    before, address = still(page), page.evaluate("location.href")
    for _ in range(TRIES):
        kinds = list(CONTROLS)
        chance.shuffle(kinds)
        for kind in kinds:
            there = page.locator(kind).locator("visible=true")
            if count := there.count():
                control = there.nth(chance.randrange(count))
                if control.is_enabled() and not control.evaluate(NOT_CHANGED):
                    CONTROLS[kind](page, control, chance)
                    break
        settle(page)
        if page.evaluate("location.href") != address:
            return
        eventually(page, lambda: same(page, before))
    raise AssertionError(f"no control of {address} changes the address")


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        pytest.param(name, steps, marks=[pytest.mark.soak] if steps == MANY else [])
        for name in PAGES
        if name != "home"
        for steps in (3 if name == "generate" else 1, MANY)
    ],
)
def test_random_states_are_in_the_address_and_in_the_history(visit: Open, second: Page, name: str, steps: int) -> None:
    chance, page, seen = Random(f"{name} {steps}"), visit(name), []
    for _ in range(steps):
        seen.append(still(page))
        change(page, chance)
        expected = still(page)
        other = visit(page.evaluate("location.href").split("/", 3)[3], second)
        eventually(other, lambda: same(other, expected))  # noqa: B023
    for expected in reversed(seen):
        page.go_back()
        settle(page)
        eventually(page, lambda: same(page, expected))  # noqa: B023
    page.go_back()
    assert page.evaluate("location.href") == "about:blank"
