"""Questions about the condition: what each of its parts saves, and whether a model uses it."""

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.cached import costs, runs
from app.cached.runs import RunKey
from app.charts import plotly_charts
from app.display import elements
from app.text import findings
from app.text.plain_text import plain
from app.views import code_snippets
from app.widgets import run_pickers
from cvae_core.config.of_data_set import Given
from cvae_core.data import datasets
from cvae_core.evaluation import table, table_formats
from cvae_core.evaluation.savings import Saving, changes, entropy, exchanged, savings
from cvae_core.models.objectives import from_posterior

FIRST = ("label-quadrant-1", "label", "quadrant-1")  # runs in the order in which the question opens with them
WORDS: dict[Given, str] = {"label": "label", "attributes": "attributes", "pixels": "visible pixels"}


def what_it_saves() -> None:
    """Show what each part of a condition saves, and whether a model uses the parts that it is given."""
    elements.heading("What does each part of the condition save?")
    elements.explained(
        "A condition can make an image more probable: it saves nats. Two runs with equal settings, of which one is given "
        "more, show how many. On average, true distributions save the information that the part has about the image: for a "
        "label at most its entropy. Only runs that score the same pixels can be compared, so what the visible pixels save "
        "cannot be read from two such runs."
    )
    readable, _ = table.with_readable_results([runs.run_named(name) for name in runs.cards()[0]])
    if found := savings(readable):
        saved(found)
    else:
        st.info(
            "No two stored scores differ only in what is given. Train and score two runs, for example: "
            "`python -m cvae_core train vae --dataset digits` and `… train label --dataset digits`, then `… evaluate RUN`"
        )
    elements.explained(
        "**Given does not mean used.** A model may ignore a part of its condition, for example if $z$ or the visible pixels "
        "already contain it. To find out, each test image is given the part of another image. If the score does not change, "
        "the model ignores this part."
    )
    used()
    elements.explanation(
        "The table has differences of stored scores: importance sampling with the same draws on the same test images. They "
        "have no standard error, because the two scores are correlated over the images. For the chart, a model scores the "
        "same images with the same base noise twice: under their own condition, and with one part from another image. What "
        "is visible stays the same set of pixels. Another image may have the same label, so exchanging labels usually "
        "changes less than wrong labels do.",
        r"\mathbb{E}\big[\log p(x \mid a, b) - \log p(x \mid b)\big] = I(x; a \mid b) \le H(a), \qquad "
        r"\Delta = \mathbb{E}\big[\log p(x \mid a, b) - \log p(x \mid a', b)\big]",
        [savings, exchanged, changes, from_posterior],
    )


def saved(found: Sequence[Saving]) -> None:
    """Show a table of savings, a row for each pair of runs."""
    rows = [
        {
            "images": one.less.images_name,
            "scored": table_formats.scored(one.more),
            "given": _words(one.parts),
            "beside": _words(one.beside) or "nothing",
            "without": one.less.nats,
            "with": one.more.nats,
            "saves": round(round(one.less.nats, 1) - round(one.more.nats, 1), 1),
            "at most": one.information,
            "runs": " − ".join((*one.less.runs, *one.more.runs)),
        }
        for one in found
    ]
    numbers = {name: st.column_config.NumberColumn(format="%.1f") for name in ("without", "with", "saves")}
    numbers["at most"] = st.column_config.NumberColumn(format="%.2f", help="ln of the number of classes")
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", column_config=numbers)
    larger = any(one.information is not None and one.nats > one.information for one in found)
    elements.caption(
        "Test images, −log p(x | c) in nats per image. *At most* is the highest entropy of the labels, the logarithm of the "
        "number of classes."
        + (
            " Where a label saves more, the model with it also fits better, or its estimate is tighter."
            if larger
            else ""
        )
    )


def used() -> None:
    """Let the visitor choose a run, and show how its score changes with the parts of other images."""
    keys = {name: key for name, key in runs.run_keys(groups=0).items() if _can_be_scored(key)}
    if not keys:
        st.info("No suitable run for the images on this machine. Train one with: `python -m cvae_core train label`")
        return
    rank = {name: place for place, name in enumerate(FIRST)}
    order = sorted(keys, key=lambda name: (bool(runs.other_images(keys[name])), rank.get(name, len(rank)), name))
    key = run_pickers.run("Run", {name: keys[name] for name in order}, key="run-given")
    found = costs.of_exchange(key)
    elements.chart(
        plotly_charts.changes(found),
        code_snippets.changes(key, costs.EXCHANGED_DRAWS, costs.EXCHANGED_IMAGES),
        "changes",
        f"How −log p(x | c) of {runs.label(key.name)} changes with each part of the condition of another image",
    )
    one = next(iter(found.values()))
    values = plain(", ".join(f"{WORDS[part]} {change}" for part, change in found.items()))
    verdict = findings.exchanged({WORDS[part]: change for part, change in found.items()})
    ceiling = ""
    if "label" in found:
        of_labels, classes = entropy(runs.images(key).test.labels), runs.config(key).classes
        ceiling = f" Entropy of the test labels in nats: {of_labels:.2f} (ln {classes:d} = {math.log(classes):.2f})."
    elements.caption(
        f"{verdict} Change of −log p(x | c) in nats per "
        f"image ± standard error: {values}. The first {one.images:,} test images, S = {one.samples:d}.{ceiling}"
    )


def _can_be_scored(key: RunKey) -> bool:
    config = runs.config(key)
    return bool(config.given) and datasets.on_disk(config.dataset) and not config.objective.gsnn


def _words(parts: Sequence[Given]) -> str:
    return " and ".join([WORDS[part] for part in parts])
