"""The map of a latent space in a real browser: hover, click, lasso, rotation, and a walk between two points."""

import io
import re
from itertools import cycle

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import FloatRect, Page

from cvae_core.data import datasets
from tests.walk.conftest import Open, eventually, moment, point_on_screen, settle, time_to

POINTS = "g => g._fullData.slice(0, 10).reduce((sum, trace) => sum + trace.x.length, 0)"  # of all ten digits on the map
MAP_SECONDS, VISITS = 1, 6
MARKS = "() => [...document.querySelectorAll('canvas.map-marks.above')].map(canvas => ({ ...canvas.dataset }))"


def drawn(page: Page) -> None:
    """Wait until the map shows all its points."""
    page.wait_for_function(
        f"() => {{ const g = document.querySelector('.js-plotly-plot'); return g?._fullData && ({POINTS})(g) >= 5000; }}",
        polling=20,
    )


@pytest.mark.timed
def test_the_map_of_5000_points_opens_at_once(visit: Open) -> None:
    def come_from_home() -> float:
        page = visit()
        return time_to(lambda: (page.get_by_role("link", name="Latent space").first.click(), drawn(page)))

    drawn(visit("latent"))
    assert any(come_from_home() < MAP_SECONDS for _ in range(VISITS))


def move_to_a_point(page: Page, digit: int, number: int) -> int:
    """Move the mouse over a point of the map; return the point's test index."""
    index, x, y = point_on_screen(page, digit, number)
    page.mouse.move(x - 30, y - 30)
    page.mouse.move(x, y, steps=6)
    moment(page)
    return index


def click_on_a_point(page: Page, digit: int, number: int) -> int:
    """Click on a point of the map; return its test index."""
    index = move_to_a_point(page, digit, number)
    page.mouse.down()
    page.mouse.up()
    return index


@pytest.mark.mnist
def test_a_clicked_point_shows_its_digit_and_a_second_one_is_the_end_of_a_walk(visit: Open) -> None:
    page = visit("latent")
    chart = page.locator(".js-plotly-plot").first
    index = click_on_a_point(page, digit=3, number=40)
    page.get_by_role("heading", name=re.compile(r"Test image \d+, a 3")).first.wait_for()
    settle(page)
    shown = int(re.search(r"point=(\d+)", page.url)[1])
    near = chart.evaluate(
        """(g, [index, x, y]) => { const t = g._fullData[3], i = [...t.customdata].indexOf(index), l = g._fullLayout;
        return i < 0 ? 1e9 : Math.hypot(l.xaxis.d2p(t.x[i]) - l.xaxis.d2p(x), l.yaxis.d2p(t.y[i]) - l.yaxis.d2p(y)); }""",
        [shown, *chart.evaluate("g => [g._fullData[3].x[40], g._fullData[3].y[40]]")],
    )
    assert shown == index or near < 8  # points may overlap
    page.keyboard.down("Shift")
    click_on_a_point(page, digit=6, number=20)
    page.keyboard.up("Shift")
    page.get_by_alt_text(re.compile(r"Images decoded between test image \d+ and \d+")).first.wait_for()
    page.wait_for_function('() => location.search.includes("to=")')
    start, end = (int(re.search(rf"{name}=(\d+)", page.url)[1]) for name in ("point", "to"))
    labels = datasets.load("mnist").test.labels
    assert start == shown
    assert (int(labels[start]), int(labels[end])) == (3, 6)


@pytest.mark.mnist
def test_a_hidden_digit_takes_its_glyph_along_and_no_click_on_a_point_brings_either_back(visit: Open) -> None:
    page = visit("latent")
    chart = page.locator(".js-plotly-plot").first
    glyph = chart.locator(".annotation").filter(has_text="7")
    assert glyph.is_visible()
    chart.locator(".legendtoggle").nth(7).click()
    page.wait_for_function("document.querySelector('.js-plotly-plot')._fullData[7].visible === 'legendonly'")
    glyph.wait_for(state="hidden")
    chart.hover()
    chart.locator('[data-title="Pan"]').click()
    chart.hover(position={"x": 200, "y": 300})
    page.mouse.down()
    page.mouse.move(600, 400, steps=8)
    moment(page, 200)
    assert glyph.is_hidden()
    page.mouse.up()
    chart.locator('[data-title="Reset axes"]').click()
    settle(page)
    click_on_a_point(page, digit=3, number=40)
    page.get_by_role("heading", name=re.compile(r"Test image \d+, a 3")).first.wait_for()
    settle(page)
    assert chart.evaluate("g => g._fullData[7].visible") == "legendonly"
    assert glyph.is_hidden()
    chart.locator(".legendtoggle").nth(7).click()
    glyph.wait_for()


def marks(page: Page, count: int = 2) -> list[dict[str, list[int]]]:
    """Return the indices of the marked test images of each map, by kind of mark, when `count` maps have marks."""
    eventually(page, lambda: len(page.evaluate(MARKS)) == count)
    found = page.evaluate(MARKS)
    return [{kind: [int(index) for index in text.split(",") if index] for kind, text in each.items()} for each in found]


def red_at(page: Page, index: int, chart: int) -> int:
    """Return the number of red pixels of a map's marks around the point of a test image."""
    return int(
        page.locator(".js-plotly-plot")
        .nth(chart)
        .evaluate(
            """(g, index) => {
            const t = g._fullData.find(t => [...t.customdata || []].includes(index)), l = g._fullLayout;
            const i = [...t.customdata].indexOf(index), canvas = g.querySelector("canvas.map-marks.above");
            const x = l.xaxis._offset + l.xaxis.d2p(t.x[i]), y = l.yaxis._offset + l.yaxis.d2p(t.y[i]);
            const { data } = canvas.getContext("2d").getImageData(x - 14, y - 14, 28, 28);
            let red = 0;
            for (let p = 0; p < data.length; p += 4) red += data[p] > 190 && data[p + 1] < 60 && data[p + 3] > 200;
            return red; }""",
            index,
        )
    )


def test_a_link_to_a_point_rings_it_on_both_maps(visit: Open) -> None:
    page = visit("latent?point=17")
    assert [each["start"] for each in marks(page)] == [[17], [17]]
    for chart in (0, 1):
        assert red_at(page, 17, chart) > 60
        assert red_at(page, 3, chart) == 0
    assert page.get_by_role("heading", name=re.compile("Test image 17, a")).count() == 2  # one below each map


@pytest.mark.parametrize("chart", [0, 1])
def test_a_click_on_either_map_moves_the_ring_on_both_and_keeps_their_zoom(visit: Open, chart: int) -> None:
    page = visit("latent?point=17")
    drawn(page)
    zoomed = "() => [...document.querySelectorAll('.js-plotly-plot')].map(g => [...g._fullLayout.xaxis.range])"
    for each in (0, 1):
        page.locator(".js-plotly-plot").nth(each).hover()
        page.locator(".js-plotly-plot").nth(each).locator('[data-title="Zoom in"]').click()
    moment(page)
    before = page.evaluate(zoomed)
    x, y = (
        page.locator(".js-plotly-plot")
        .nth(chart)
        .evaluate(
            """g => { const { xaxis: a, yaxis: b } = g._fullLayout, box = g.getBoundingClientRect(), t = g._fullData[3];
        const at = i => [a._offset + a.d2p(t.x[i]), b._offset + b.d2p(t.y[i])];
        const inside = i => { const [x, y] = at(i); return x > 99 && x < a._length - 99 && y > b._offset + 99
            && y < b._offset + b._length - 99; };
        const i = [...t.x.keys()].find(inside), [x, y] = at(i);
        return [x + box.left, y + box.top]; }"""
        )
    )
    page.mouse.move(x - 9, y - 9)
    page.mouse.move(x, y, steps=6)
    moment(page)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("() => !location.search.includes('point=17')")
    settle(page)
    first, second = marks(page)
    assert first["start"] == second["start"] != [17]
    assert f"point={first['start'][0]}" in page.url
    assert red_at(page, first["start"][0], chart) > 60  # on the other map, it may be outside what is seen
    assert len(first["near"]) == len(second["near"]) == 8
    assert page.evaluate(zoomed) == before


def test_all_points_of_a_map_are_seen_when_the_page_is_scrolled(visit: Open) -> None:
    page = visit("latent")
    drawn(page)
    page.set_viewport_size({"width": 1280, "height": 720})
    settle(page)
    chart = page.locator(".js-plotly-plot").first

    def lowest() -> int:
        """Return the distance of the lowest coloured row of pixels from the map's top."""
        box = chart.bounding_box()
        assert box is not None
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")  # with `clip`, the browser draws it anew
        left, top, bottom = int(box["x"]), int(box["y"]), int(box["y"] + box["height"])
        pixels = np.asarray(picture).astype(int)[:bottom, left : left + int(box["width"])]
        return int(np.flatnonzero((np.ptp(pixels, axis=2) > 60).any(axis=1))[-1]) - top

    def scroll(down: int) -> int:
        page.get_by_test_id("stMain").evaluate("(main, down) => main.scrollTo(0, down)", down)
        moment(page)
        return lowest()

    assert abs(scroll(300) - scroll(100)) <= 2  # rounding


def test_a_walk_is_drawn_on_both_maps(visit: Open) -> None:
    page = visit("latent?point=3&to=5&route=true")
    for chart, each in enumerate(marks(page)):
        assert (each["start"], each["end"]) == ([3], [5])
        assert red_at(page, 5, chart) > 60
    if page.get_by_alt_text("Images decoded between test image 3 and 5").count():  # only with the images
        lines = "() => [...document.querySelectorAll('canvas.map-marks.below')].map(canvas => canvas.dataset.paths)"
        assert page.evaluate(lines) == ["1", "1"]


def test_the_digit_under_the_pointer_stands_beside_it(visit: Open) -> None:
    page = visit("latent?run=digits-label")
    thumbnail = page.locator(".thumbnail")
    assert thumbnail.is_hidden()
    move_to_a_point(page, digit=3, number=5)
    thumbnail.wait_for()
    shown, red = thumbnail.evaluate(
        """root => [Number(root.dataset.index),
        [...root.querySelector("canvas").getContext("2d").getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)]"""
    )
    test = datasets.load("digits").test
    ink = 255 - (255 - 22) * (test.images[shown].numpy() / 255)  # from white paper to dark ink
    np.testing.assert_allclose(red, ink, atol=9)  # sixteen shades
    assert thumbnail.inner_text() == str(int(test.labels[shown]))
    box, map_box = thumbnail.bounding_box(), page.locator(".js-plotly-plot").first.bounding_box()
    assert box is not None
    assert map_box is not None
    assert map_box["y"] < box["y"] < map_box["y"] + map_box["height"]
    page.get_by_role("heading", name="The latent space").hover()
    assert thumbnail.is_hidden()


def test_a_map_in_three_dimensions_turns_and_shows_what_is_chosen(visit: Open) -> None:
    page = visit("latent?run=digits-label&method=PCA&3d=true&point=7")
    chart = page.locator(".js-plotly-plot").first
    chosen = "g => g._fullLayout.scene.annotations.map(arrow => arrow.text)"
    eye = "g => Object.values(g._fullLayout.scene._scene.getCamera().eye)"
    assert chart.evaluate(chosen) == ["test image 7"]
    before = chart.evaluate(eye)
    box = chart.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 100, y + 30, steps=8)
    page.mouse.up()
    eventually(page, lambda: chart.evaluate(eye) != before)
    steps = cycle(range(40))  # over the points
    eventually(page, lambda: page.mouse.move(x + 4 * next(steps), y) or page.locator(".thumbnail").is_visible())
    number = page.get_by_label("Test image", exact=True)
    number.fill("9")
    number.press("Enter")
    page.get_by_role("heading", name=re.compile("Test image 9, a")).wait_for()
    settle(page)
    assert chart.evaluate(chosen) == ["test image 9"]


def lasso(page: Page, reach: int) -> FloatRect:
    """Draw a lasso square around the middle of the map, with a distance to each side; return the map's position."""
    chart = page.locator(".js-plotly-plot").first
    chart.hover()
    chart.locator('[data-title="Lasso Select"]').click()
    box = chart.locator(".nsewdrag").bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] - reach, middle[1] - reach)
    page.mouse.down()
    for across, down in ((reach, -reach), (reach, reach), (-reach, reach), (-reach, -reach)):
        page.mouse.move(middle[0] + across, middle[1] + down, steps=4)
    page.mouse.up()
    settle(page)
    return box


def selected(page: Page) -> int:
    """Return the number of selected points that a page shows."""
    heading = page.get_by_role("heading", name=re.compile(r"[\d,]+ selected"))
    heading.wait_for()
    return int(heading.inner_text().split()[0].replace(",", ""))


def test_a_lasso_shows_its_digits_and_saves_them(visit: Open) -> None:
    page = visit("latent")
    drawn(page)
    chart, box = page.locator(".js-plotly-plot").first, lasso(page, 60)
    count = selected(page)
    assert count > 20
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV of the selection").click()
    saved = pd.read_csv(download.value.path())
    assert list(saved.columns[:4]) == ["index", "label", "x", "y"]
    assert len(saved) == count
    places = chart.evaluate(
        """(g, wanted) => g._fullData.slice(0, 10).flatMap(t => [...t.customdata].map((c, i) => [c, t.x[i], t.y[i]]))
        .filter(([c]) => wanted.includes(c)).map(([c, x, y]) => [g._fullLayout.xaxis.d2p(x), g._fullLayout.yaxis.d2p(y)])""",
        saved["index"].tolist(),
    )
    inside = [abs(x - box["width"] / 2) < 64 and abs(y - box["height"] / 2) < 64 for x, y in places]
    assert all(inside)


MARKED = "g => g.querySelector('canvas.map-marks.above').dataset.selected.split(',').filter(Boolean).sort()"


def test_what_a_lasso_has_caught_is_in_the_address_until_another_one_or_none_is(visit: Open, second: Page) -> None:
    page = visit("latent")
    drawn(page)
    lasso(page, 60)
    count = selected(page)
    other = visit(page.url.split("/", 3)[3], second)
    drawn(other)
    chart = other.locator(".js-plotly-plot").first
    assert selected(other) == count == len(chart.evaluate(MARKED))
    assert chart.evaluate(MARKED) == page.locator(".js-plotly-plot").first.evaluate(MARKED)

    lasso(other, 30)
    assert 1 < selected(other) < count
    assert selected(other) == len(chart.evaluate(MARKED))
    fewer = other.url
    other.get_by_role("link", name="Why?").first.click()
    settle(other)
    other.get_by_role("link", name="Latent space").first.click()
    drawn(other)
    settle(other)
    assert other.url == fewer
    assert selected(other) == len(chart.evaluate(MARKED)) < count

    other.get_by_role("button", name="Clear selection").click()
    other.get_by_role("heading", name=re.compile("selected")).wait_for(state="detached")
    settle(other)
    assert chart.evaluate(MARKED) == []
    assert "caught" not in other.url
    other.go_back()
    assert selected(other) == len(chart.evaluate(MARKED)) < count

    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert box is not None
    heading = page.get_by_role("heading", name=re.compile("selected"))
    while heading.count():  # on a busy machine, two clicks may be too slow for a double click
        page.mouse.dblclick(box["x"] + 5, box["y"] + 5)
        settle(page)
    assert "caught" not in page.url


@pytest.mark.soak
def test_another_lasso_catches_more_and_is_cleared_in_its_own_window(visit: Open) -> None:
    page = visit("latent")
    drawn(page)
    lasso(page, 60)
    count = selected(page)
    lasso(page, 90)
    assert selected(page) > count
    page.get_by_role("button", name="Clear selection").click()
    page.get_by_role("heading", name=re.compile("selected")).wait_for(state="detached")
    settle(page)
    assert page.locator(".js-plotly-plot").first.evaluate(MARKED) == []


def test_a_selection_that_is_none_is_left_out_with_a_word(visit: Open) -> None:
    page = visit("latent?caught=eNrt")
    page.get_by_text("Ignored invalid values in the address: caught=eNrt").wait_for()
    assert "caught" not in page.url
    assert page.get_by_role("heading", name=re.compile("selected")).count() == 0


@pytest.mark.mnist
def test_a_walk_between_two_points_can_be_saved_as_an_animation(visit: Open) -> None:
    page = visit("latent?point=3&to=5")
    page.get_by_text("Walk to another image").click()
    page.get_by_alt_text("Images decoded between test image 3 and 5").first.wait_for()
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="GIF", exact=True).first.click()
    animation = Image.open(io.BytesIO(download.value.path().read_bytes()))
    assert (animation.format, animation.n_frames) == ("GIF", 11)


def test_another_runs_map_stands_beside(visit: Open, page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 900})
    visit("latent?beside=label")
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot').length === 2")
    assert page.get_by_text("of the ten nearest neighbours of a point are of the same class").count() == 2
    first, second = (page.locator(".js-plotly-plot").nth(number).bounding_box() for number in (0, 1))
    assert first is not None
    assert second is not None
    assert first["y"] == second["y"]
    assert first["x"] + first["width"] <= second["x"]
