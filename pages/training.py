"""How did it get there?"""

from collections.abc import Mapping

import streamlit as st

from app import charts, controls, display, library
from app.library import RunKey
from app.pictures import Stage
from cvae_core import figures
from cvae_core.monitoring import stage, validate
from cvae_core.objectives import elbo
from cvae_core.training import Learner

QUANTITIES = ("bound", "reconstruction", "rate")
FIRST_RUNS = ("quadrant-1", "quadrant-2", "quadrant-3")


def compare(chosen: Mapping[str, RunKey]) -> None:
    """Show a quantity of the chosen runs over each other."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        quantity = st.segmented_control(
            "Quantity", QUANTITIES, default="bound", required=True, key="quantity", bind="query-params"
        )
        log = st.toggle("Log axis", key="log", bind="query-params")
    tables = {}
    for name, key in chosen.items():
        with display.sentences():
            tables[name] = library.curves(key)
    if not tables:
        return
    best = {name: library.card(chosen[name]).best_epoch for name in tables}
    st.plotly_chart(
        charts.curves(tables, best, controls.or_default(quantity, "bound"), log), config=charts.CONFIG, key="curves"
    )
    st.download_button(
        "CSV",
        data=lambda: library.joined(tables).to_csv(index=False).encode(),
        file_name="curves.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def replay(key: RunKey) -> None:
    """Show what a run could draw at a moment of its training."""
    name, stages = key.name, library.stages(key)
    epochs = [f"{epoch:.4g}" for epoch in stages["epoch"]]
    chosen = st.select_slider(
        "After how many epochs", epochs, value=epochs[-1], key=f"stage-{name}", bind="query-params"
    )
    chosen = controls.or_default(chosen, epochs[-1])
    index = epochs.index(chosen)
    display.picture(
        Stage(key, index),
        name=f"{name}-stage-{chosen}",
        alt=f"Reconstructions and samples of {name} after {chosen} epochs",
        scale=2,
    )
    st.download_button(
        "GIF",
        data=lambda: figures.gif([Stage(key, number).draw(2) for number in range(len(epochs))]),
        file_name=f"{name}-stages.gif",
        mime="image/gif",
        on_click="ignore",
        icon=":material/movie:",
        help="All moments as an animation",
    )


st.title("How it learned")
st.markdown(
    "The bound is *reconstruction − rate*. Early on the rate is nearly nothing, for $z$ has nothing to say yet; the "
    "picture sharpens as it learns to say it. Where training and validation part, the model learns its images by heart."
)
keys = dict(sorted(library.run_keys().items()))
names = list(keys)
if not names:
    st.info("No run is trained yet. Train one with: `python -m cvae_core train label`", icon=":material/info:")
    st.stop()
with st.sidebar:
    runs = st.multiselect(
        "Curves of", names, default=[name for name in FIRST_RUNS if name in names] or names[:2], key="runs",
        bind="query-params",
    )  # fmt: skip
    replayed = st.selectbox(
        "Stages of", names, index=names.index("label") if "label" in names else 0, key="run", bind="query-params"
    )
    replayed = controls.or_default(replayed, names[0])
library.rerun_when_runs_change()
with display.sentences():
    if runs:
        compare({name: keys[name] for name in runs})
    else:
        st.info("Choose runs whose curves you want to see.", icon=":material/info:")
st.subheader(f"{replayed}, moment by moment", anchor=False)
with display.sentences():
    st.markdown(library.stage_words(library.config(keys[replayed])))
    replay(keys[replayed])
display.explanation(
    "Solid lines are validation images, dashed ones training images, a star is the epoch whose weights were kept: the best "
    "validation bound at the full weight of the rate. The curves are of the averaged weights where a preset averages; the "
    "stages are of the weights themselves, and the last one of those that were kept. In every stage the same noise is "
    "decoded and the same ten test digits are reconstructed from their posterior means, so that all change is learning.",
    r"\text{bound} = \underbrace{\mathbb{E}_{q(z \mid x, c)} \log p(x \mid z, c)}_{\text{reconstruction}} - \beta\,"
    r"\underbrace{\mathrm{KL}\big(q(z \mid x, c) \,\|\, p(z \mid c)\big)}_{\text{rate}}",
    elbo,
    Learner.learn,
    validate,
    stage,
)
