"""Replay of trainings: curves of several runs in one chart, and one slider for the stages of all of them."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app.cached import histories, runs
from app.cached.runs import RunKey
from app.cached.stage_figures import Animation, Stage, Strip
from app.charts import plotly_charts
from app.display import elements, presenter, url_state
from app.display.url_forms import switch
from app.live import epoch_slider
from app.text import findings
from app.text.plain_text import Markdown, plain
from app.views import code_snippets
from app.widgets import controls, run_pickers
from cvae_core.models.objectives import elbo
from cvae_core.pictures.stages import Part, Stages, epochs
from cvae_core.system import formats
from cvae_core.training.loop import Learner
from cvae_core.training.validation import STAGE_ROWS, stage, validate

PARTS: tuple[Part, ...] = ("samples", "reconstructions")
QUANTITIES = ("bound", "reconstruction", "rate")
FIRST_RUNS = ("label", "quadrant-1")
MOST_RUNS = 3  # side by side
STRIP_ROWS = (0, 3, 5, 8)
REPLAYED, CURVES = "replay", "curves"  # keys of their choice and of the chart


def preview() -> None:
    """Show how samples changed during one training, and link to the page."""
    labelled = runs.run_keys(given=("label",))
    key = labelled.get("label") or next(iter((labelled | runs.run_keys(given=())).values()), None)
    if key is None:
        st.info("No run is trained yet: `python -m cvae_core train label`")
        return
    rows = min(STAGE_ROWS, runs.description(key).test)
    shown = [row for row in STRIP_ROWS if row < rows]
    alt = f"Samples of {runs.label(key.name)} from the first steps of training to the last"
    elements.picture(Strip(key, "samples", shown), f"{key.name}-strip", alt, scale=1)
    elements.link("training", "Replay the training")


def choose(keys: Mapping[str, RunKey]) -> tuple[list[RunKey], list[RunKey]]:
    """Let the visitor choose runs; return those to replay, and those whose curves are drawn (a superset)."""
    names = list(keys)
    first = [name for name in FIRST_RUNS if name in names] or names[:2]
    words = f"Up to {MOST_RUNS} runs, side by side"
    replayed = run_pickers.run_names("Replay", names, REPLAYED, words, default=first, most=MOST_RUNS)
    more = run_pickers.run_names("More curves", names, "runs", "Runs shown without a replay", most=len(names))
    return [keys[name] for name in replayed], [keys[name] for name in dict.fromkeys([*replayed, *more])]


def compare(chosen: Sequence[RunKey]) -> None:
    """Show a quantity of all chosen runs in one chart."""
    tables, best = {}, {}
    for key in chosen:
        with elements.sentences():
            run_pickers.tell_trouble(key.name)
            tables[key.name], best[key.name] = histories.curves(key), runs.card(key).best_epoch
    if not tables:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        quantity = controls.choice("Quantity", QUANTITIES, "quantity")
        log = st.toggle("Log axis", key=url_state.bound("log", switch(), False))
        words = "Download these runs' curves"
        elements.file_button("CSV", lambda: formats.spreadsheet(histories.joined(tables)), "curves.csv", words=words)
    if len({runs.config(key).likelihood for key in chosen}) > 1 and quantity != "rate":
        elements.caption("These runs have different likelihoods: their values cannot be compared.")
    shown = {runs.label(name): table for name, table in tables.items()}
    stars = {runs.label(name): epoch for name, epoch in best.items()}
    lines = code_snippets.curves(tables, quantity, log)
    alt = f"The {quantity} of {', '.join(shown)} against the epoch"
    elements.chart(plotly_charts.curves(shown, stars, quantity, log), lines, CURVES, alt)


def panel(key: RunKey, stages: Stages, epoch: float, scale: int) -> None:
    """Show a run's latest stage at an epoch."""
    index = histories.latest(stages, epoch)
    after = epochs(stages["epoch"][index])
    st.markdown(f"**{runs.named(key.name)}** after {plain(after)}")
    alt = f"Reconstructions and samples of {runs.label(key.name)} after {after}"
    elements.picture(Stage(key, index), f"{key.name}-stage", alt, scale)
    if not presenter.is_on():
        elements.caption(f"{histories.stage_words(key)} {rate_words(key)}")


def rate_words(key: RunKey) -> Markdown:
    """Say how the rate of a run changed in training; nothing before its first epoch."""
    table = histories.curves(key)
    rows = table[table["split"] == "validation"]
    return findings.training_rate(rows["epoch"].tolist(), rows["rate"].tolist(), runs.card(key).best_epoch)


@url_state.fragment
def replay(replayed: Mapping[RunKey, Stages]) -> None:
    """Show a slider, and a button that plays it, for the epoch of the curves' cursor and of all runs' pictures."""
    moments, of = histories.moments(list(replayed.values())), "+".join(key.name for key in replayed)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        position = epoch_slider.slider(moments)
        place = st.container(width="content")
    for column, (key, stages) in zip(st.columns(len(replayed)), replayed.items(), strict=True):
        with column, elements.sentences():
            panel(key, stages, moments[position], scale=2 if len(replayed) == 1 else 1)
    with place:
        epoch_slider.button(moments, position, of=of, chart=CURVES)


def side_by_side(replayed: Sequence[RunKey]) -> None:
    """Show some stages of each run in one picture, and offer all stages as an animation."""
    elements.heading("The whole training in one picture")
    part = controls.choice("Of", PARTS, "part")
    scale = 2 if len(replayed) == 1 else 1  # unscaled, several fit side by side
    for column, key in zip(st.columns(len(replayed)), replayed, strict=True):
        with column, elements.sentences():
            alt = f"{part.capitalize()} of {runs.label(key.name)} at eight stages of its training, one row per image"
            elements.picture(Strip(key, part), f"{key.name}-{part}", alt, scale=scale)
            elements.gif_button(Animation(key), f"{key.name}-stages")


def show() -> None:
    """Show the view."""
    elements.title(
        "How it learned",
        "The bound is *reconstruction − β · rate*. Samples usually sharpen during training. A growing gap between training "
        "and validation curves usually means overfitting. Drag the slider or press *Play* to move the line on the curves "
        "and the pictures of all runs.",
    )
    keys = dict(sorted(runs.run_keys().items()))
    if not keys:
        st.info(
            "No run is trained yet. Train one here, or with: `python -m cvae_core train label`", icon=":material/info:"
        )
        return
    with st.sidebar:
        replayed, drawn = choose(keys)
    runs.rerun_when_runs_change()
    trainings: dict[RunKey, Stages] = {}
    for key in replayed:
        with elements.sentences():
            trainings[key] = histories.stages(key)
    chart, pictures = st.columns((2, 3)) if presenter.is_on() else (st.container(), st.container())
    with chart:
        if drawn:
            compare(drawn)
    with pictures:
        if trainings:
            replay(trainings)
    if trainings and not presenter.is_on():
        side_by_side(list(trainings))
    if not drawn:
        st.info("Choose runs to show.", icon=":material/info:")
    elements.explanation(
        "Solid lines are validation images, dashed lines training images. A star marks the epoch whose weights were saved: "
        "the best validation bound at the full weight of the rate. The red line is the slider's epoch; every run shows its "
        "latest stage up to it. Curves use the averaged weights if the preset averages. Stages use the current weights. The "
        "last stage uses the saved weights. All stages decode the same base noise and reconstruct the same ten test images "
        "from their posterior means, so only the weights differ.",
        r"\text{bound} = \underbrace{\mathbb{E}_{q(z \mid x, c)} \log p(x \mid z, c)}_{\text{reconstruction}} - \beta\,"
        r"\underbrace{\mathrm{KL}\big(q(z \mid x, c) \,\|\, p(z \mid c)\big)}_{\text{rate}}",
        [elbo, Learner.learn, validate, stage],
    )
