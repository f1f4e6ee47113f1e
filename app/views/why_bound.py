"""What learners ask about the numbers: sum or mean and β, ELBO or importance sampling, why the best is not zero."""

import streamlit as st

from app.cached import figures, runs
from app.cached.runs import RunKey
from app.display import elements, plotly_charts
from app.display.plain_text import code
from app.views import code_snippets
from app.widgets import controls, run_pickers, run_pictures
from cvae_core.data.masks import PIXELS
from cvae_core.evaluation import table, table_formats
from cvae_core.evaluation.toy_model import REPEATS, X, settling
from cvae_core.models.distributions import MaskedBernoulli, cross_entropy
from cvae_core.models.objectives import Elbo, LogMeanExp, elbo, from_posterior
from cvae_core.pictures import recipes
from cvae_core.training.validation import validate

BETAS = (0.1, 0.4, 1, 4, PIXELS)  # of the runs that the first answer asks for
COLUMNS, SEED = 7, 0
DRAWS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000)


def preview() -> None:
    """Show what β does, small, and lead to the page."""
    family = runs.by_beta()
    if not family:
        st.info("No label run is finished yet: `python -m cvae_core train label`")
        return
    marks = {beta: runs.rate_and_distortion(run) for beta, run in family.items()}
    elements.chart(
        plotly_charts.bare(plotly_charts.rate_distortion(marks, 1.0, plotly_charts.THUMBNAIL_HEIGHT)),
        code_snippets.rate_and_distortion(family, 1.0),
        "rate-distortion",
        "The distortion of runs against their rate, a mark for each weight β",
        config=plotly_charts.BARE_CONFIG,
    )
    st.caption("What the weight β of the rate does: at 1, the least distortion and rate together, the best ELBO")
    elements.link("why", "Ask why")


def sum_or_mean() -> None:
    """Show what the weight of the rate does: a mark per β, and what the model of one β draws."""
    st.subheader("Sum or mean over the pixels? And what is β?", anchor=False)
    st.markdown(
        "Sum. An image's log-likelihood is a *sum* over its pixels, as the rate is one over the dimensions of $z$. Who takes "
        f"the *mean* over {PIXELS} pixels, and leaves the rate a sum, has multiplied the rate by {PIXELS}: no unit of $z$ "
        "pays for itself any more, and it falls silent. β is a price: so many nats of distortion must a nat of rate save. At "
        "1 the objective is the ELBO; above 1 it is a looser bound on $\\log p(x \\mid c)$, below 1 none."
    )
    family = runs.by_beta()
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
    beta = names[controls.choice("Weight of the rate, β", list(names), "beta", default)]
    key = family[beta]
    marks = {beta: runs.rate_and_distortion(run) for beta, run in family.items()}
    wide, narrow = st.columns(2, gap="large")
    with wide:
        elements.chart(
            plotly_charts.rate_distortion(marks, beta),
            code_snippets.rate_and_distortion(family, beta),
            "rate-distortion",
            "The distortion of runs against their rate, a mark for each weight β",
        )
        rate, distortion = marks[beta]
        st.caption(
            f"{code(key.name)}, validation images: distortion {distortion:.1f} + rate {rate:.1f} = −ELBO "
            f"{distortion + rate:.1f} nats per image. All points of a dotted line have the same ELBO; further down is better."
        )
    with narrow:
        drawn_and_reconstructed(key, beta)
    elements.explanation(
        "Each mark is a run of the same network and training, β apart. *Distortion* is −reconstruction, what the pixels "
        "still cost once $z$ is known; the *rate* is what $z$ cost. Of all that a network can reach, training at β looks for "
        "the point where a nat more of rate saves β nats of distortion, so β = 1 lies on the lowest dotted line. A small β "
        "makes sharp reconstructions and poor samples, for the $z$ of images are no longer where the prior draws them; a "
        "large one blurs both, until all samples of a label are its mean.",
        r"\frac{1}{784} \sum_{i=1}^{784} \log p(x_i \mid z, c) - \mathrm{KL} = \frac{1}{784} \Big( \sum_{i=1}^{784} "
        r"\log p(x_i \mid z, c) - 784 \, \mathrm{KL} \Big)",
        [Elbo.value, elbo, validate],
    )


def drawn_and_reconstructed(key: RunKey, beta: float) -> None:
    """Show samples of a run, and what it makes of test digits."""
    labels = {"labels": recipes.ALL_LABELS[::3], "columns": COLUMNS, "seed": SEED}
    st.markdown("**Samples** from the prior, a label per row")
    run_pictures.show(
        key,
        recipes.samples,
        labels,
        f"samples, beta {beta:g}, seed {SEED}",
        "samples",
        f"Samples of the run whose β is {beta:g}",
    )
    if why := runs.lacks_images(key):
        st.caption(f"Reconstructions need the images. {why}")
        return
    st.markdown("**Test digits** and, below, their reconstructions")
    settings = {"indices": figures.one_of_each(key)[:COLUMNS], "columns": COLUMNS}
    run_pictures.show(
        key,
        recipes.reconstructions,
        settings,
        f"test digits above their reconstructions, beta {beta:g}",
        "reconstructions",
        f"Test digits and their reconstructions by the run whose β is {beta:g}",
    )


def elbo_or_sampling() -> None:
    """Show both estimates as draws are added: where the truth is known, and of runs."""
    st.subheader("ELBO or importance sampling?", anchor=False)
    st.markdown(
        "Both use draws from $q(z \\mid x, c)$ and neither is below $-\\log p(x \\mid c)$ in expectation. The ELBO averages "
        "logarithms: more draws make it steadier, not better, and it stays off by "
        "$\\mathrm{KL}(q(z \\mid x, c) \\,\\|\\, p(z \\mid x, c))$. Importance sampling averages weights before it takes the "
        "logarithm, and closes in on the truth as S grows. The ELBO is what one trains by, the other what one quotes."
    )
    chosen = st.slider(
        "Scale of q(z | x), 1 is right", 0.2, 2.0, value=0.5, step=0.1, key="scale", bind="query-params",
        help="Of a model with one z, whose integral is known",
    )  # fmt: skip
    scale = round(float(chosen), 1)
    found = settling(scale, DRAWS, SEED)
    elements.chart(
        plotly_charts.known_settling(DRAWS, found),
        code_snippets.known_settling(scale, DRAWS, SEED),
        "known",
        "Importance sampling comes down from −ELBO to the truth as draws are added",
    )
    st.caption(
        f"$z \\sim \\mathcal N(0, 1)$, $x \\sim \\mathcal N(z, 1)$, at $x = {X:g}$: the truth is {found.exact:.1f} nats, "
        f"−ELBO {found.bound:.1f}; importance sampling {found.importance_sampling[0]:.1f} with one draw, "
        f"{found.importance_sampling[-1]:.1f} with {DRAWS[-1]:,}. Too narrow a $q$ misses what matters and settles "
        "slowly."
    )
    if settled := run_pickers.curve("quadrant-1"):
        name, cells = settled
        elements.chart(
            plotly_charts.by_draws([cell for cell in cells if cell.estimator != "prior"]),
            code_snippets.by_draws(name, hidden="prior"),
            "by-draws",
            f"−ELBO and importance sampling by {name} against the number of draws",
        )
        st.caption(f"The first {cells[0].images:,} test images, {code(name)}; the bars are standard errors over them.")
    elements.link("cll", "See why prior Monte Carlo lies", figures="Number of draws")
    elements.explanation(
        "In expectation one draw of importance sampling *is* the ELBO, and each draw more makes it no worse (Burda et al. "
        f"2016). The first chart shows that on a model of one $z$: expectations over {REPEATS:,} estimates.",
        r"\mathbb{E} \log \frac{p(x, z \mid c)}{q(z \mid x, c)} \;\le\; \mathbb{E} \log \frac{1}{S} \sum_{s=1}^{S} "
        r"\frac{p(x, z_s \mid c)}{q(z_s \mid x, c)} \;\le\; \log p(x \mid c), \qquad z, z_s \sim q(z \mid x, c)",
        [from_posterior, LogMeanExp, settling],
    )


def not_zero() -> None:
    """Show what a grey pixel costs against the probability that a model gives it, and the floors of the table."""
    st.subheader("Why is the best possible figure not zero?", anchor=False)
    st.markdown(
        "Because the pixels are grey. A model that gives a pixel of grey $x$ the probability $p$ of ink pays a "
        "cross-entropy that is least at $p = x$, and there it is the entropy of $x$, which is nothing only for pure "
        "black and white. Summed over the pixels that is a floor below which no model goes."
    )
    grey = float(st.slider("Grey of the pixel, x", 0.0, 1.0, value=0.3, step=0.05, key="grey", bind="query-params"))
    elements.chart(
        plotly_charts.grey_cost(grey),
        code_snippets.grey_cost(grey),
        "grey-cost",
        f"What a pixel of intensity {grey:g} costs against the probability of ink, least at {grey:g}",
    )
    scored, _ = table.with_readable_results([runs.run_named(name) for name in runs.cards()[0]])
    floors = table_formats.above_floors(table.entries(scored))
    if floors.empty:
        st.info(
            "No floor is stored yet. Train a run with `python -m cvae_core train label`, then score it: `… evaluate label`"
        )
    else:
        numbers = ("floor", "lowest figure", "above the floor")
        columns = {name: st.column_config.NumberColumn(format="%.1f") for name in numbers}
        st.dataframe(floors, hide_index=True, height="content", column_config=columns)
        st.caption(
            "Test images, nats per image. The lowest stored figure of the table beside the entropy of the same pixels; the "
            "difference is taken before all three are rounded."
        )
        elements.link("cll", "See the whole table")
    elements.explanation(
        "A grey intensity counts as the expected score of its binarisation, ink with probability $x$. Even a model that knew "
        "every intensity would pay its entropy; so only differences between models mean something, and figures for pixels "
        "that were binarised, whose floor is zero, cannot be compared with these.",
        r"-x \log p - (1 - x) \log(1 - p) = H(x) + \mathrm{KL}(x \,\|\, p) \ge H(x)",
        [cross_entropy, MaskedBernoulli.log_prob],
    )
