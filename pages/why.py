"""Why is it done like that?"""

import streamlit as st

from app import charts, controls, display, library
from app.library import RunKey
from app.pictures import Figure
from cvae_core import data, gallery
from cvae_core.examples import first_of_each_label
from cvae_core.monitoring import validate
from cvae_core.objectives import Elbo, elbo
from cvae_core.quadrants import PIXELS

BETAS = (0.1, 0.4, 1, 4, PIXELS)  # of the runs that the first answer asks for
COLUMNS, SEED = 8, 0


def sum_or_mean() -> None:
    """Show what the weight of the rate does: a mark per β, and what the model of one β draws."""
    st.subheader("Sum or mean over the pixels? And what is β?", anchor=False)
    st.markdown(
        "Sum. An image's log-likelihood is a *sum* over its pixels, as the rate is one over the dimensions of $z$. Who takes "
        f"the *mean* over {PIXELS} pixels, and leaves the rate a sum, has multiplied the rate by {PIXELS}: no unit of $z$ "
        "pays for itself any more, and it falls silent. β is a price: so many nats of distortion must a nat of rate save. At "
        "1 the objective is the ELBO; above 1 it is a looser bound on $\\log p(x \\mid c)$, below 1 none."
    )
    family = library.by_beta()
    if not family:
        st.info("No label run is finished yet. Train one with: `python -m cvae_core train label`")
        return
    if len(family) == 1:
        lines = [
            f"python -m cvae_core train label --width 128 --epochs 20 --beta {b} --run label-beta-{b}" for b in BETAS
        ]
        st.info("The curve needs runs that differ in β alone. Train some with:")
        st.code("\n".join(lines), language=None)
    names = {f"{beta:g}": beta for beta in family}
    default = "1" if "1" in names else next(iter(names))
    chosen = st.segmented_control(
        "Weight of the rate, β", list(names), default=default, required=True, key="beta", bind="query-params"
    )
    beta = names[controls.or_default(chosen, default)]
    key = family[beta]
    marks = {beta: library.rate_and_distortion(run) for beta, run in family.items()}
    wide, narrow = st.columns(2, gap="large")
    with wide:
        st.plotly_chart(charts.rate_distortion(marks, beta), config=charts.CONFIG, key="rate-distortion")
        rate, distortion = marks[beta]
        st.caption(
            f"`{key.name}`, validation images: distortion {distortion:.1f} + rate {rate:.1f} = −ELBO "
            f"{distortion + rate:.1f} nats per image. All points of a dotted line have the same ELBO; further down is better."
        )
    with narrow:
        drawn_and_reconstructed(key, beta)
    display.explanation(
        "Each mark is a run of the same network and training, β apart. *Distortion* is −reconstruction, what the pixels "
        "still cost once $z$ is known; the *rate* is what $z$ cost. Of all that a network can reach, training at β looks for "
        "the point where a nat more of rate saves β nats of distortion, so β = 1 lies on the lowest dotted line. A small β "
        "makes sharp reconstructions and poor samples, for the $z$ of images are no longer where the prior draws them; a "
        "large one blurs both, until all samples of a label are its mean.",
        r"\frac{1}{784} \sum_{i=1}^{784} \log p(x_i \mid z, c) - \mathrm{KL} = \frac{1}{784} \Big( \sum_{i=1}^{784} "
        r"\log p(x_i \mid z, c) - 784 \, \mathrm{KL} \Big)",
        Elbo.value,
        elbo,
        validate,
    )


def drawn_and_reconstructed(key: RunKey, beta: float) -> None:
    """Show samples of a run, and what it makes of test digits."""
    labels = {"labels": gallery.ALL_LABELS[::3], "columns": COLUMNS, "seed": SEED}
    st.markdown("**Samples** from the prior, a label per row")
    display.picture(
        Figure(key, gallery.samples, labels, f"{key.name}: samples, beta {beta:g}, seed {SEED}"),
        name=f"{key.name}-samples",
        alt=f"Samples of the run whose β is {beta:g}",
        scale=2,
    )
    dataset = library.config(key).dataset
    if not data.on_disk(dataset):
        st.caption(
            f"Reconstructions need the {dataset} images, which are not on this machine: Home offers their download."
        )
        return
    st.markdown("**Test digits** and, below, their reconstructions")
    settings = {"indices": digits(dataset)[:COLUMNS], "columns": COLUMNS}
    display.picture(
        Figure(
            key,
            gallery.reconstructions,
            settings,
            f"{key.name}: test digits above their reconstructions, beta {beta:g}",
        ),
        name=f"{key.name}-reconstructions",
        alt=f"Test digits and their reconstructions by the run whose β is {beta:g}",
        scale=2,
    )


def digits(dataset: str) -> tuple[int, ...]:
    """Return the first test digit of each label."""
    return tuple(first_of_each_label(library.dataset(dataset).test).tolist())


st.title("Why?")
st.markdown("Questions that learners ask, each with a short answer and something to move that shows it.")
library.rerun_when_runs_change()
QUESTIONS = {"Sum or mean": sum_or_mean}
for tab, answer in zip(st.tabs(list(QUESTIONS), key="question", bind="query-params"), QUESTIONS.values(), strict=True):
    if tab.open:
        with tab, display.sentences():
            answer()
