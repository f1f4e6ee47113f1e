"""Measure a training and the live sliders of the dashboard at the same time: `python -m benchmarks.beside`.

Prints the pictures per second of the sliders alone. Then it trains `label` at the same time, in turn with one thread per core
and with one core left free, and prints the seconds per epoch and the pictures per second. Needs MNIST, the development
requirements and a browser. The figures are meaningful only on an idle machine.
"""

import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from benchmarks.machine import machine, measured_on, ticks
from cvae_core.config.job import Job, Options
from cvae_core.config.presets import configure
from cvae_core.errors import RunNotFound
from cvae_core.jobs import control
from cvae_core.runs.card import CARD, read_card
from cvae_core.system import distributed
from tests.browser import find_browser
from tests.server import dashboard
from tests.walk.conftest import COUNT_RUNS, FLAGS, HEIGHT, WIDE, settle

EPOCHS, TURNS, ALONE = (
    2,
    2,
    20.0,
)  # timed epochs after the first; trainings with each number of threads; seconds without a training
FRAMES = ".lab", "root => root.panel.frames"


def main() -> None:
    begun = ticks()
    path = find_browser() or sys.exit("No browser was found: install Chromium, or set CHROMIUM to its path.")
    with TemporaryDirectory() as folder, dashboard(Path(folder)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        page = browser.new_page(viewport={"width": WIDE, "height": HEIGHT})
        page.add_init_script(COUNT_RUNS)
        page.goto(f"{address}/generate")
        page.wait_for_selector(".slider input")
        settle(page)
        page.get_by_role("button", name="Play", exact=True).click()
        since, frames = time.monotonic(), page.eval_on_selector(*FRAMES)
        page.wait_for_timeout(1000 * ALONE)
        print(
            f"no training: {(page.eval_on_selector(*FRAMES) - frames) / (time.monotonic() - since):.1f} pictures per second"
        )
        for turn in range(TURNS):
            for name, threads in (("one thread per core", None), ("one core free", distributed.all_but_one())):
                epoch, pictures = beside(page, Path(folder) / f"{turn}-{threads}", threads)
                print(f"{name}: {epoch:.1f} s per epoch, {pictures:.1f} pictures per second", flush=True)
        browser.close()
    print(measured_on(machine(begun)))


def beside(page: Page, root: Path, threads: int | None) -> tuple[float, float]:
    """Train as the dashboard does; return the seconds per epoch, including validation, and the pictures per second."""
    config = configure("label", epochs=1 + EPOCHS + 1)  # the last epoch is not awaited
    root.mkdir()
    control.start(root, Job(run="label", config=config, options=Options(embed=False, threads=threads)))

    def after(epochs: int) -> tuple[float, int]:
        while not (root / "label" / CARD).exists() or read_card(root / "label").epochs < epochs:
            if (state := control.state_of(root, "label")).state not in ("training", "waiting"):
                sys.exit(f"The training {state.state}: {state.reason}")
            page.wait_for_timeout(100)
        return time.monotonic(), page.eval_on_selector(*FRAMES)

    try:
        (since, frames), (until, more) = after(1), after(1 + EPOCHS)
    finally:
        with suppress(RunNotFound):  # the training has already ended
            control.stop(root, "label")
    return (until - since) / EPOCHS, (more - frames) / (until - since)


if __name__ == "__main__":
    main()
