"""What a speaker takes along: code on the clipboard, charts as SVG and as pages of their own."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from playwright.sync_api import Browser, Page, expect

from tests.walk.conftest import Open, eventually, settle

SVG = "{http://www.w3.org/2000/svg}"
NO_CLIPBOARD = "Object.defineProperty(navigator, 'clipboard', { value: undefined })"  # as without encryption
COPIED_BY_HAND = "document.execCommand = (what) => (window.copied = getSelection().toString(), what === 'copy')"


def note(page: Page, words: str) -> None:
    expect(page.get_by_role("status").filter(has_text=words)).to_have_text(words)


def test_copy_as_python_copies_at_the_click_by_mouse_and_by_keyboard_and_says_so(visit: Open) -> None:
    page = visit("training?replay=digits-label")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator(".st-key-python-curves").get_by_role("button")
    for press in (button.click, lambda: button.press("Enter")):
        page.evaluate("navigator.clipboard.writeText('')")
        press()
        note(page, "Copied")
        code = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode").first
        copied = code.locator("code").inner_text()
        assert "figure = charts.curves(" in copied
        eventually(page, lambda: page.evaluate("navigator.clipboard.readText()") == copied)  # noqa: B023
        page.evaluate("navigator.clipboard.writeText('')")
        button.click()  # closes it
        expect(code).to_be_hidden()
        assert page.evaluate("navigator.clipboard.readText()") == ""


def test_where_the_browser_offers_no_clipboard_the_code_is_copied_as_a_selection(visit: Open) -> None:
    page = visit("training?replay=digits-label")
    page.evaluate(f"{NO_CLIPBOARD}; {COPIED_BY_HAND}")
    page.locator(".st-key-python-curves").get_by_role("button").click()
    note(page, "Copied")
    assert "figure = charts.curves(" in page.evaluate("window.copied")
    page.keyboard.press("Escape")
    page.evaluate("document.execCommand = () => false")
    page.locator(".st-key-python-curves").get_by_role("button").click()
    note(page, "Not copied: select the code and copy it")


def test_a_chart_is_saved_as_svg_as_it_is_shown_and_its_camera_still_saves_a_png(visit: Open, tmp_path: Path) -> None:
    page = visit("training?replay=digits-label")
    with page.expect_download() as download:
        page.locator(".st-key-svg-curves").get_by_role("button").press("Enter")
    note(page, "Saved")
    assert download.value.suggested_filename == "curves.svg"
    download.value.save_as(tmp_path / "curves.svg")
    drawing = ElementTree.parse(tmp_path / "curves.svg").getroot()
    assert drawing.tag == f"{SVG}svg"
    said = [text.text or "" for text in drawing.iter(f"{SVG}text")]
    assert "−bound, nats per image" in said
    assert not list(drawing.iter(f"{SVG}image"))
    page.locator(".js-plotly-plot").first.hover()
    with page.expect_download() as download:
        page.locator('.modebar-btn[data-title^="Download plot"]').first.click()
    assert download.value.suggested_filename.endswith(".png")


def test_the_chart_that_the_cll_table_opens_on_has_its_files(visit: Open) -> None:
    page = visit("cll")
    for kind in ("svg", "html"):
        with page.expect_download() as download:
            page.locator(f".st-key-{kind}-glance").get_by_role("button").click()
        assert download.value.suggested_filename == f"glance.{kind}"
    settle(page)


def test_the_page_of_a_chart_needs_no_network(
    visit: Open, browser: Browser, watched: Callable[[Page], Page], tmp_path: Path
) -> None:
    page = visit("training?replay=digits-label")
    with page.expect_download() as download:
        page.locator(".st-key-html-curves").get_by_role("button").click()
    download.value.save_as(tmp_path / "curves.html")
    settle(page)
    elsewhere = browser.new_context(offline=True)
    alone, requests = elsewhere.new_page(), []
    alone.on("request", lambda request: requests.append(request.url))
    alone.goto((tmp_path / "curves.html").as_uri())
    expect(alone.locator(".js-plotly-plot .legendtext")).to_have_text("CVAE, label, digits · digits-label")
    expect(alone).to_have_title("The bound of CVAE, label, digits · digits-label against the epoch")
    assert requests == [(tmp_path / "curves.html").as_uri()]
    elsewhere.close()
