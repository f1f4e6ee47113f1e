"""Take the README's picture of a running dashboard: python -m benchmarks.screenshot http://localhost:8501.

It shows generated digits only. Needs the development requirements and a browser.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import find_browser

VIEW = "generate?digit=3&seed=2&e11=1.2&e2=-0.8"
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "generate.png"
WIDTH, HEIGHT = 1280, 860


def main(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"{address}/{VIEW}")
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        page.wait_for_function("() => [...document.images].every(image => image.complete)")
        page.wait_for_timeout(1000)
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=str(PICTURE))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
