"""What the lab promises of reliability and security, and what `make soak` measured: `python -m benchmarks.promises`.

Tests marked `soak` measure, by the fixture `measured`; the run as a whole, where all have passed, goes to
benchmarks/promises.json, from which the table in SECURITY.md is written.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.docs import between
from benchmarks.machine import measured_on

RESULTS = Path(__file__).with_name("promises.json")
SECURITY = Path(__file__).resolve().parents[1] / "SECURITY.md"
Figures = Mapping[str, Mapping[str, int | float]]
PROMISES: Mapping[str, tuple[str, str]] = {  # what, and the figure to meet
    "damage": (
        "damaged run folders: bit flips, truncation, zeroed blocks, swapped files, wrong shapes, NaN, pickles, lying "
        "headers, empty files, folders, links and pipes in the place of files, a card of another version",
        "≥ 500 inputs, none accepted silently; one sentence that names the file; the other runs are shown",
    ),
    "kills": (
        "kill -9 while anything is written: run, embedding, evaluation, judgement, queue, export, import",
        "100 kills: no unreadable state, no stale temporary file after the next start",
    ),
    "names": (
        "hostile run names and paths: command line, address, page, imported archive",
        "≥ 60 at each entrance, and hypothesis on top: none leaves the folder",
    ),
    "inputs": (
        "hostile drawings, addresses, component states",
        "≥ 200: no exception, memory growth under 50 MB",
    ),
    "flags": ("a shell of garbage in every flag of the command line", "exit 0 or 2, never a traceback"),
    "visitors": (
        "10 visitors, each clicking one second after the last answer; 50 idle and 5 active; 20 on the same cold cache",
        "p95 < 2.5 s on the heaviest page; < 1.5 s; computed once; no error",
    ),
    "isolation": ("10 visitors, different seeds and runs", "500 pictures, each equal to its single-visitor reference"),
    "endurance": (
        "1,000 reruns, 300 visitors, 20 runs opened in turn",
        "memory growth after warm-up under 50 MB, open files constant",
    ),
    "misfortune": (
        "disk full, read-only folder, no MNIST, half-downloaded MNIST, no internet, clock set back",
        "one sentence, nothing lost, the rest works",
    ),
    "server": (
        "WebSockets with a foreign Host or Origin, path traversal, oversize messages, uploads without token",
        "refused; loopback and local hosts only, no telemetry",
    ),
    "dependencies": (
        "everything installed, direct and indirect",
        "at the version that `requirements.lock` names",
    ),
    "requests": ("every page in a browser, on a phone and wide, light and dark", "no request leaves the machine"),
    "texts": (
        "Markdown, HTML and formulas in every text of every file that the lab reads, in addresses and in names of folders",
        "shown as it is written on every page: no picture, no link, no request",
    ),
    "terminal": (
        "control characters in cards, signs of life, queues, transcripts, flags and errors",
        "none is sent to the terminal or the log: each is shown as an escape",
    ),
    "numbers": (
        "numbers in cards, cells, findings, signs of life and queues that no training and no evaluation has",
        "refused where they are read, by a sentence that names the file",
    ),
    "links": (
        "links in the place of what the lab writes, moves or deletes below a folder of runs",
        "none is followed: what it leads to stays as it is",
    ),
    "images": (
        "MNIST's files of the right sizes, each with one byte changed and its time of modification kept; a memory of digests "
        "that lies",
        "named as other images than the published ones; not trained on without a flag",
    ),
    "sweeps": ("TOML of a sweep that takes long to read: 200,000 dots, brackets, digits", "refused unread above 8 kB"),
    "pickles": ("pickles in the place of every file that the lab reads", "none is opened"),
    "commands": (
        "hostile commands in cards, in the queue, in what trainings have said, in archives that are taken in",
        "none is shown as a command or run: commands are made of configuration and known options",
    ),
    "held": (
        "rename, discard or replacement of a run that is evaluated, laid out, judged or exported; its folder moved by hand",
        "the one who comes later gets a sentence, what is computed is kept; a process that was killed holds nothing",
    ),
    "stopped": (
        "a trainer that is stopped while it waits or while it begins, before its run has a card",
        "called stalled after a minute without a sign of life",
    ),
    "formulas": (
        "texts that a spreadsheet takes for formulas, in a card and in any table",
        "≥ 100: none is one in a CSV, and none is lost",
    ),
}


def added(before: Mapping[str, int | float], more: Mapping[str, int | float]) -> dict[str, int | float]:
    """Join two tests' figures of one promise: whole numbers count and add up, of others the largest is the worst.

    >>> added({"inputs": 60, "megabytes": 3.5}, {"inputs": 2, "megabytes": 1.0})
    {'inputs': 62, 'megabytes': 3.5}
    """
    joined = dict(before)
    for name, value in more.items():
        known = joined.get(name, 0)
        joined[name] = known + value if isinstance(value, int) else max(known, value)
    return joined


def table(measured: Figures) -> str:
    """Return the promises with what was measured of each as a Markdown table."""
    rows = ["| what | promised | measured |", "| --- | --- | --- |"]
    for key, (what, promised) in PROMISES.items():
        rows.append(f"| {what} | {promised} | {said(measured.get(key, {}))} |")
    return "\n".join(rows)


def said(figures: Mapping[str, int | float]) -> str:
    """Return figures in words."""
    words = (f"{name.replace('_', ' ')}: {value:,}" for name, value in figures.items() if isinstance(value, int))
    decimals = (
        f"{name.replace('_', ' ')}: {value:,.2f}" for name, value in figures.items() if isinstance(value, float)
    )
    return "; ".join([*words, *decimals]) or "not measured"


def written(text: str) -> str:
    """Return SECURITY.md with its table made anew."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"measured": {}}
    lines = table(results["measured"])
    if "machine" in results:
        lines += f"\n\n{measured_on(results['machine'])}"
    return between(text, "promises", lines)


if __name__ == "__main__":
    SECURITY.write_text(written(SECURITY.read_text()))
