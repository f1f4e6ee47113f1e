"""A folder of runs in which every text contains Markdown and HTML: a picture, a link, a formula and a colour."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cvae_core.evaluation.results import RESULTS
from cvae_core.evaluation.sample_quality import RESULTS as JUDGEMENT
from cvae_core.jobs import heartbeat
from cvae_core.system import files, processes
from cvae_core.system.folders import QUEUE
from tests.jobs import a_job

SHIPPED = Path(__file__).resolve().parents[1] / "checkpoints"
WHEN = "2026-01-31T00:00:00+00:00"


def marked(what: str, address: str) -> str:
    """Return a text that contains `what`; rendered as Markdown or HTML, it makes the browser request `address`."""
    return (
        f"{what} ![x]({address}/{what}.png) [link]({address}/{what}) <img src='{address}/{what}'> {address}/{what} "
        rf"$\frac{{1}}{{2}}$ :red[{what}] :material/home: ~~{what}~~"
    )


def _card(run: Path, **changes: Any) -> None:
    files.write_json(run / "card.json", {**files.read_json(run / "card.json"), **changes})


@contextmanager
def marked_root(folder: Path, address: str) -> Iterator[Path]:
    """Make a folder of imported, failed, running, dead and damaged runs, results and a queue, all with such texts."""

    def text(what: str) -> str:
        return marked(what, address)

    root = folder / "~~runs~~ :red[root] $y$"
    for name in ("digits-label", "digits-baseline-1", "digits-quadrant-1"):
        shutil.copytree(SHIPPED / name, root / name)
    for name in ("failed", "dead", "at-work", "damaged"):
        (root / name).mkdir()
        shutil.copy(SHIPPED / "digits-label" / "card.json", root / name / "card.json")
        _card(root / name, weights=None, read_only=False, command=text(f"command of {name}"))
    _card(
        root / "digits-label", read_only=False, imported=text("origin"), note=text("note"), device=text("device"),
        dtype=text("dtype"), versions={text("version"): text("number")},
    )  # fmt: skip
    _card(root / "failed", status="failed", reason=text("reason"))
    _card(root / "damaged", created=text("created"))
    me = asdict(processes.this())
    alive = {
        **me, "boot": text("boot"), "killed_for_memory": 0, "words": "",
        "progress": asdict(heartbeat.Progress(text("doing"), 0.5)),
    }  # fmt: skip
    for name, says in (("dead", {"words": text("words")}), ("at-work", {})):
        _card(root / name, status="running")
        (root / name / heartbeat.FILE).write_text(json.dumps({**alive, **says}))
    cells = files.read_json(root / "digits-quadrant-1" / RESULTS)
    files.write_json(root / "digits-baseline-1" / RESULTS, {**cells, "cells": [{text("field"): 1}]})
    weights = files.read_json(root / "digits-quadrant-1" / "card.json")["weights"]["sha256"]
    finding = {"name": text("finding"), "value": 0.5, "of": 10, "reference": None}
    files.write_json(root / "digits-quadrant-1" / JUDGEMENT, {"weights": weights, "findings": [finding]})
    here = asdict(processes.this())
    entries = [
        {"job": a_job(run).to_json(), "process": here, "created": WHEN, "since": since}
        for run, since in (("at-work", WHEN), ("waits", None))
    ]
    files.write_json(root / QUEUE / "queue.json", {"entries": entries})
    (root / QUEUE / "unborn.log").write_text(f"$ {text('command')}\n{text('said')}\n")
    (root / ".sweeps").mkdir()
    (root / ".sweeps" / "grid.toml").write_text(f"flavour = {json.dumps(text('flavour'))}\n")
    yield root
