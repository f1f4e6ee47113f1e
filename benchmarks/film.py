"""Record the pictures of README.md and docs/ from a running dashboard: python -m benchmarks.film http://localhost:8501.

Writes docs/lab.gif, which shows a visitor using the dashboard, and docs/draws.png, the chart of two estimators against the
number of draws. Both show only generated and drawn digits. Needs the development requirements, a browser, and MNIST for the
runs on the pages.
"""

import io
import math
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from tests.browser import find_browser
from tests.walk.conftest import FLAGS, settle

DOCS = Path(__file__).resolve().parents[1] / "docs"
VIEW = {"width": 1400, "height": 800}
WIDTH = 840  # pixels of the GIF
COLOURS = 96  # of the GIF
FRAME, PAUSE = 110, 1200  # milliseconds per frame, while moving and at rest
GENERATE = "generate?digit=3&seed=2"
INPAINT = "inpaint?of=My+drawing"
TABLE = "cll"
DRAWS = "cll?figures=Number+of+draws"
# An arc at the lower left, in pixels of a 28 × 28 sheet, which 0, 2, 3, 5, 6 and 8 can all contain.
STROKE = [(13 - 5.5 * math.sin(t), 17.5 - 5 * math.cos(t)) for t in [math.pi * (0.3 + 0.7 * k / 40) for k in range(41)]]


class Film:
    """Frames of a page, each with its duration."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._frames: list[Image.Image] = []
        self._times: list[int] = []

    def open(self, address: str) -> None:
        """Open a page, wait until it is complete, and take a long frame."""
        self.page.goto(address)
        settle(self.page)
        self.page.wait_for_timeout(1000)
        self.take(PAUSE)

    def take(self, milliseconds: int = FRAME) -> None:
        """Take a frame of the page."""
        frame = Image.open(io.BytesIO(self.page.screenshot()))
        self._frames.append(frame.resize((WIDTH, WIDTH * frame.height // frame.width), Image.Resampling.LANCZOS))
        self._times.append(milliseconds)

    def save(self, path: Path) -> None:
        """Write a GIF that repeats forever."""
        palette = self._frames[-1].convert("RGB").quantize(COLOURS)
        small = [frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE) for frame in self._frames]
        small[0].save(path, save_all=True, append_images=small[1:], duration=self._times, loop=0, optimize=True)


def drag(film: Film, slider: Locator, reach: float) -> None:
    """Drag a slider from its middle by `reach` times half its width; take a frame at each step."""
    box = slider.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    film.page.mouse.move(x, y)
    film.page.mouse.down()
    for step in range(13):
        film.page.mouse.move(x + reach * math.sin(step / 12 * math.pi / 2) * box["width"] / 2, y)
        film.take()
    film.page.mouse.up()
    settle(film.page)
    film.take(PAUSE // 2)


def draw(film: Film) -> None:
    """Draw a part of a digit on the pad; take a frame at every second point."""
    sheet = film.page.locator(".sheet canvas")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    assert box is not None
    pixel = box["width"] / 28
    for number, (x, y) in enumerate(STROKE):
        film.page.mouse.move(box["x"] + pixel * x, box["y"] + pixel * y)
        if not number:
            film.page.mouse.down()
        if number % 2 == 0:
            film.take()
    film.page.mouse.up()
    settle(film.page)
    film.take(2 * PAUSE)


def main(address: str) -> None:
    DOCS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS.split())
        page = browser.new_page(viewport=VIEW)  # type: ignore[arg-type]
        film = Film(page)
        film.open(f"{address}/{GENERATE}")
        for number, reach in enumerate((0.7, -0.8, 0.9)):
            drag(film, page.locator(".slider input").nth(number), reach)
        film.open(f"{address}/{INPAINT}")
        draw(film)
        film.open(f"{address}/{TABLE}")
        film.take(PAUSE)
        film.save(DOCS / "lab.gif")
        page.goto(f"{address}/{DRAWS}")
        settle(page)
        page.locator(".st-key-by-draws").screenshot(path=str(DOCS / "draws.png"))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
