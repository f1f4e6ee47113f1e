"""The table of conditional log-likelihoods in a browser: the opening view, clicks on numbers, and sorting."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import FloatRect, Locator, Page

from app.charts import glance_chart
from app.views import cll_glance
from cvae_core.evaluation.glance import LARGEST
from tests.walk.conftest import Open, moment, settle

WIDTH, HEIGHT = 1280, 720


@pytest.fixture
def projected(page: Page) -> Iterator[Page]:
    size = page.viewport_size
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    yield page
    assert size
    page.set_viewport_size(size)


def box(found: Locator) -> FloatRect:
    place = found.bounding_box()
    assert place
    return place


def rows(table: Locator) -> list[list[str]]:
    """Return the displayed rows of a table as its grid describes them to screen readers."""
    return table.locator("canvas tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('[role=gridcell]')].map(cell => cell.textContent))"
    )


def click(page: Page, table: Locator, x: int, y: int) -> None:
    table.hover(position={"x": x, "y": y})
    moment(page, 500)
    page.mouse.down()
    page.mouse.up()
    settle(page)


def test_the_opening_view_holds_the_chart_and_a_table_of_at_most_twelve_rows(visit: Open, projected: Page) -> None:
    page = visit("cll")
    table, chart = page.get_by_test_id("stDataFrame"), page.locator(".js-plotly-plot")
    assert (table.count(), chart.count()) == (1, 1)
    shown = rows(table)
    assert 0 < len(shown) <= LARGEST
    above, below = box(chart), box(table)
    assert above["y"] + above["height"] <= below["y"]
    room = (LARGEST - len(shown)) * (cll_glance.ROW_HEIGHT + glance_chart.ROW)  # for models that come later
    assert below["y"] + below["height"] + room <= HEIGHT
    assert table.evaluate("table => table.querySelector('.dvn-scroller').scrollWidth <= table.clientWidth + 1")


@pytest.mark.parametrize(("view", "x", "y"), [("cll", 690, 50), ("cll?figures=All+figures", 280, 60)])
def test_the_source_of_a_clicked_number_is_beside_it(visit: Open, projected: Page, view: str, x: int, y: int) -> None:
    page = visit(view)
    table, told = page.get_by_test_id("stDataFrame").first, page.locator(".st-key-provenance")
    table.scroll_into_view_if_needed()
    x = min(x, int(box(table)["width"]) - 180)
    before = box(table)
    click(page, table, x, y)
    told.wait_for()
    assert box(table) == before
    assert box(told)["x"] >= before["x"] + before["width"]
    assert box(told)["y"] <= before["y"] + y < HEIGHT


def test_numbers_sort_as_numbers(visit: Open, projected: Page) -> None:
    page = visit("cll")
    table = page.get_by_test_id("stDataFrame")
    click(page, table, 230, 18)  # the heading "1 quadrant"
    found = [float(row[1].split(" ")[0]) for row in rows(table)]
    assert found == sorted(found)
    assert found[0] < 90 < 100 < found[-1]
