"""A training of the dashboard and the sliders that a browser plays, side by side: `python -m benchmarks.beside`.

Prints the pictures a second of the sliders alone, then those pictures and the seconds of an epoch of `label` while such a
training runs: with a thread per core, and with one core left to others, in turn. Needs MNIST, the development requirements
and a browser, and a machine that does nothing else.
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
)  # epochs that are timed, after a first one; turns of each kind; seconds without a training
FRAMES = ".lab", "root => root.panel.frames"


def main() -> None:
    begun = ticks()
    path = find_browser() or sys.exit("There is no browser here: install Chromium, or set CHROMIUM to its path.")
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
            f"no training: {(page.eval_on_selector(*FRAMES) - frames) / (time.monotonic() - since):.1f} pictures a second"
        )
        for turn in range(TURNS):
            for name, threads in (("a thread per core", None), ("one core left", distributed.all_but_one())):
                epoch, pictures = beside(page, Path(folder) / f"{turn}-{threads}", threads)
                print(f"{name}: {epoch:.1f} s an epoch, {pictures:.1f} pictures a second", flush=True)
        browser.close()
    print(measured_on(machine(begun)))


def beside(page: Page, root: Path, threads: int | None) -> tuple[float, float]:
    """Train as the dashboard does; return the seconds of an epoch, validation included, and the pictures a second."""
    config = configure("label", epochs=1 + EPOCHS + 1)  # the last one is not waited for
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
        with suppress(RunNotFound):  # it has ended by itself
            control.stop(root, "label")
    return (until - since) / EPOCHS, (more - frames) / (until - since)


if __name__ == "__main__":
    main()
