"""An upload in a browser: from the file to the data set in the list."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from cvae_core.data import datasets
from cvae_core.jobs import control, queue
from tests.app.data.test_data_page import pictures
from tests.server import dashboard
from tests.sources import photographed, pixels, zipped
from tests.waiting import WAIT
from tests.walk.conftest import settle
from tests.walk.test_trained_on_the_page import button, training_as_soon_as_others

PHOTOGRAPH = (4000, 3000)  # pixels: 12 million


def test_an_upload_becomes_a_data_set_without_a_command(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    shapes = {"name": "shapes.zip", "mimeType": "application/zip", "buffer": pictures()}
    with dashboard(tmp_path) as address:
        page.goto(f"{address}/data?view=Upload")
        settle(page)
        page.locator("input[type=file]").set_input_files(shapes)  # type: ignore[arg-type]
        expect(page.get_by_text("Nothing is stored yet.")).to_be_visible()
        expect(page.get_by_role("img", name="Images of the file")).to_be_visible()
        assert not (tmp_path / "data" / "sets").exists()
        page.get_by_role("button", name="Store", exact=True).click()
        page.get_by_role("link", name="Show it").click()
        expect(page).to_have_url(re.compile("/data\\?set=shapes$"))
        expect(page.get_by_text("Made from shapes.zip")).to_be_visible()
        expect(page.get_by_role("link", name="Train a model on it")).to_be_visible()
    assert list((tmp_path / "data" / ".uploads").iterdir()) == []
    assert len(datasets.load("shapes").train) == 22


def photographs() -> dict[str, bytes]:
    """Return thirty photographs in three folders, in all orientations. Each folder has a colour of its own."""
    files = {}
    for index in range(30):
        seen = np.stack([pixels(index, 30, 40) // (1 if channel == index % 3 else 3) for channel in range(3)], axis=-1)
        upright = Image.fromarray(seen).resize(PHOTOGRAPH, Image.Resampling.BICUBIC)
        files[f"Urlaub/{('Äpfel', 'Birnen', 'Meer')[index % 3]}/{index}.jpg"] = photographed(upright, index % 8 + 1)
    return files


@pytest.mark.soak
def test_photographs_go_from_an_upload_to_completions_without_a_command(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "runs"
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CVAE_RUNS", str(root))
    source = zipped(tmp_path / "urlaub.zip", photographs())
    try:
        with dashboard(tmp_path) as address:
            page.goto(f"{address}/data?view=Upload")
            settle(page)
            page.locator("input[type=file]").set_input_files(source)
            expect(page.get_by_text("Nothing is stored yet.")).to_be_visible()
            expect(page.get_by_text("turned by EXIF")).to_be_visible()
            button(page, "Store").click()
            page.get_by_role("link", name="Train a model on it").click()
            settle(page)
            page.get_by_role("combobox", name="Model").click()
            page.get_by_role("option", name="CVAE of quadrants").click()
            settle(page)
            button(page, "Start").click()
            training_as_soon_as_others(page, root)
            page.get_by_role("link", name="Complete images").click(timeout=10_000 * WAIT)  # once both have finished
            settle(page)
            expect(page).to_have_url(re.compile("/inpaint\\?.*run=urlaub-quadrant-1"))
            expect(page.get_by_role("img", name="completed by the baseline and the CVAE")).to_be_visible()
    finally:
        if queue.look(root).has("urlaub-quadrant-1"):
            control.stop(root, "urlaub-quadrant-1")
    assert datasets.load("urlaub").shape.maps == (3, 32, 32)
