"""A run that is started on the page, followed, stopped, resumed, found by another server, and used by other pages."""

import contextlib
import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from cvae_core.jobs import control, queue
from tests.server import dashboard
from tests.waiting import WAIT
from tests.walk.conftest import settle

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
CURVE = ".st-key-followed canvas"
EPOCHS = "() => Number(document.querySelector('.st-key-followed [role=img]')?.ariaLabel.split(' ').at(-1) ?? 0)"


@pytest.fixture
def own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the dashboard use a separate folder of runs, and end all processes there after the test."""
    root = tmp_path / "runs"
    shutil.copytree(CHECKPOINTS / "digits-label", root / "digits-label")
    monkeypatch.setenv("CVAE_RUNS", str(root))
    return root


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def fill(page: Page, label: str, text: str) -> None:
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")
    settle(page)


def training_as_soon_as_others(page: Page, root: Path) -> None:
    """Wait until the run trains; raise its low priority if the system permits, because the machine may be busy."""
    button(page, "Stop training").wait_for()
    entry = queue.look(root).training
    assert entry
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, entry.process.pid, 0)


def grown(page: Page, beyond: int) -> int:
    page.wait_for_function(f"() => ({EPOCHS})() > {beyond}")
    return int(page.evaluate(EPOCHS))


def test_a_run_is_started_followed_stopped_resumed_and_used(
    page: Page, own_root: Path, tmp_path: Path, browser_type_launch_args: dict
) -> None:
    try:
        with dashboard(tmp_path) as address:
            page.goto(f"{address}/training?task=Train")
            settle(page)
            page.get_by_role("combobox", name="Data set").click()
            page.get_by_role("option", name="digits").click()
            settle(page)
            fill(page, "Epochs, at most", "120")
            fill(page, "Latent dimensions", "1")
            page.get_by_text("More settings").click()
            fill(page, "Width", "32")
            fill(page, "Batch size", "256")
            fill(page, "Name", "mine")
            expect(page.get_by_text(" epochs of ", exact=False)).to_be_visible()  # the estimated time
            button(page, "Start").click()
            training_as_soon_as_others(page, own_root)
            epochs, curve = grown(page, 1), page.locator(CURVE).element_handle()
            drawn = curve.evaluate("canvas => canvas.toDataURL()")
            grown(page, epochs)
            page.wait_for_function("([canvas, drawn]) => canvas.toDataURL() !== drawn", arg=[curve, drawn])
            assert curve.evaluate(f"canvas => canvas === document.querySelector('{CURVE}')")  # it updates in place
            beside_the_form, followed = page.get_by_role("progressbar").all()
            expect(beside_the_form).to_be_in_viewport()  # where the button was pressed
            expect(followed).to_be_visible()
            expect(button(page, "Start")).to_have_count(0)
            page.get_by_text("Output", exact=True).click()
            expect(page.get_by_text("best so far").first).to_be_visible()
            button(page, "Stop training").click()
            button(page, "Resume training").wait_for()
            settle(page)
            assert control.state_of(own_root, "mine").state == "stopped"
            button(page, "Resume training").click()
            training_as_soon_as_others(page, own_root)
            epochs = grown(page, int(page.evaluate(EPOCHS)))
        assert queue.look(own_root).trains("mine")  # although the server has ended
        with dashboard(tmp_path) as address:
            page.goto(f"{address}/training?task=Train")
            grown(page, epochs)
            page.get_by_role("link", name="Generate images").click(timeout=3000 * WAIT)  # once it has finished
            settle(page)
            assert "run=mine" in page.url
            expect(page.get_by_role("combobox", name="Run")).to_have_value(
                re.compile("CVAE, label, 1 latent, digits.* · mine")
            )
            page.goto(f"{address}/cll?estimate=mine&draws=100&over=360")
            settle(page)
            expect(
                page.get_by_text(re.compile("Not scored yet: CVAE, label, 1 latent, digits.* · mine"))
            ).to_be_visible()
            button(page, "Estimate").click()
            expect(
                page.get_by_text(re.compile("Not scored yet: CVAE, label, 1 latent, digits.* · mine"))
            ).to_be_hidden()
    finally:
        if queue.look(own_root).has("mine"):
            control.stop(own_root, "mine")
