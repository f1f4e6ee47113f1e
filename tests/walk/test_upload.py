"""An upload in a browser: from the file to the data set in the list."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cvae_core.data import datasets
from tests.app.data.test_data_page import pictures
from tests.server import dashboard
from tests.walk.conftest import settle


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
