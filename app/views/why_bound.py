"""Questions about the numbers: sum or mean and β, ELBO or importance sampling, and the floor of grey pixels."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.cached import figures, runs
from app.cached.runs import RunKey
from app.charts import plotly_charts
from app.display import elements, url_state
from app.display.url_forms import number
from app.text import findings, glossary
from app.text.plain_text import plain
from app.views import code_snippets
from app.widgets import controls, labels, run_pickers, run_pictures
from cvae_core.config.descriptions import BUILT_IN
from cvae_core.config.flavours import Config
from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.evaluation import table, table_formats
from cvae_core.evaluation.table import Entry
from cvae_core.evaluation.toy_model import REPEATS, X, settling
from cvae_core.models.distributions import cross_entropy
from cvae_core.models.likelihoods import Bernoulli
from cvae_core.models.objectives import Elbo, LogMeanExp, elbo, from_posterior
from cvae_core.pictures import recipes
from cvae_core.training.validation import validate

BETAS = (0.1, 0.4, 1, 4)  # of the runs that the first answer compares, beside one for each value of an image
COLUMNS, SEED = 7, 0
QUOTED = ("importance", "baseline", "floor")  # estimators of the figures beside which a proper density is shown
SAMPLED_LABELS = 3
TEXTS = ("images", "scored")  # columns of a table that are no numbers
DRAWS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000)


def preview() -> None:
    """Show a small chart of rate and distortion by β, and link to the page."""
    family = runs.by_beta()
    if not family:
        st.info("No label run is finished yet: `python -m cvae_core train label`")
        return
    marks = {beta: runs.rate_and_distortion(run) for beta, run in family.items()}
    elements.chart(
        plotly_charts.bare(plotly_charts.rate_distortion(marks, 1.0, plotly_charts.THUMBNAIL_HEIGHT)),
        code_snippets.rate_and_distortion(family, 1.0),
        "rate-distortion",
        "The distortion of runs against their rate, one mark per weight β",
        config=plotly_charts.BARE_CONFIG,
    )
    elements.caption(f"Distortion and rate by β, the weight of the rate. {findings.betas(marks)}")
    elements.link("why", "See all questions")


def sum_or_mean() -> None:
    """Show rate and distortion by β, and samples and reconstructions of the model of one β."""
    family = runs.by_beta()
    data = runs.description(next(iter(family.values()))) if family else BUILT_IN[Config.dataset]
    values = data.shape.values
    elements.heading("Sum or mean over the pixels? And what is β?")
    elements.explained(
        "Sum. An image's log-likelihood is a *sum* over its pixels, and the rate is a sum over the dimensions of $z$. If the "
        f"log-likelihood is averaged over {values:,d} values but the rate is summed, the rate has {values:,d} times its "
        "weight: all units of $z$ usually collapse. With the weight β, one more nat of rate pays only if the distortion "
        "falls by at least β nats. β = 1 gives the ELBO, β > 1 a looser bound on $\\log p(x \\mid c)$. With β < 1 it may be "
        "no bound."
    )
    if not family:
        st.info("No label run is finished yet. Train one with: `python -m cvae_core train label`")
        return
    if len(family) == 1:
        of, prefix = (f" --dataset {data.name}", f"{data.name}-") if data.name != Config.dataset else ("", "")
        train = f"python -m cvae_core train label{of} --width 128 --epochs 20"
        lines = [f"{train} --beta {b} --run {prefix}label-beta-{b}" for b in (*BETAS, values)]
        st.info("The curve needs runs that differ in β alone. Train some with:")
        st.code("\n".join(lines), language=None)
    names = {f"{beta:g}": beta for beta in family}
    default = "1" if "1" in names else next(iter(names))
    beta = names[controls.choice("Weight of the rate, β", list(names), "beta", default, glossary.explained("β"))]
    key = family[beta]
    marks = {beta: runs.rate_and_distortion(run) for beta, run in family.items()}
    wide, narrow = st.columns(2, gap="large")
    with wide:
        elements.chart(
            plotly_charts.rate_distortion(marks, beta),
            code_snippets.rate_and_distortion(family, beta),
            "rate-distortion",
            "The distortion of runs against their rate, one mark per weight β",
        )
        rate, distortion = marks[beta]
        elements.caption(
            f"{runs.named(key.name)}, validation images: {findings.cost(distortion, rate)} nats per image. "
            f"{findings.betas(marks)} Points on a dotted line have equal ELBO; lower is better."
        )
    with narrow:
        drawn_and_reconstructed(key, beta)
    elements.explanation(
        "The marks are runs that differ in β only. *Distortion* is −reconstruction: the nats for the pixels given $z$. The "
        "*rate* is the nats for $z$. Training minimises distortion + β · rate, so β = 1 usually lies on the lowest dotted "
        "line. A small β usually gives sharp reconstructions and poor samples, because the $z$ of images are not where the "
        "prior draws. A large β usually blurs both; at collapse, all samples of a label are usually alike.",
        rf"\frac{{1}}{{{values:d}}} \sum_{{i=1}}^{{{values:d}}} \log p(x_i \mid z, c) - \mathrm{{KL}} = "
        rf"\frac{{1}}{{{values:d}}} \Big( \sum_{{i=1}}^{{{values:d}}} \log p(x_i \mid z, c) - {values:d} \, "
        r"\mathrm{KL} \Big)",
        [Elbo.value, elbo, validate],
    )


def drawn_and_reconstructed(key: RunKey, beta: float) -> None:
    """Show samples and reconstructions of a run."""
    every = labels.of_run(key)
    settings = {"labels": every[:: max(1, len(every) // 3)], "columns": COLUMNS, "seed": SEED}
    elements.explained("**Samples** from the prior, one label per row")
    run_pictures.show(
        key,
        recipes.samples,
        settings,
        f"samples, beta {beta:g}, seed {SEED}",
        "samples",
        f"Samples of the run whose β is {beta:g}",
    )
    if why := runs.lacks_images(key):
        elements.caption(f"Reconstructions need the images. {why}")
        return
    elements.explained("**Test images** above their reconstructions")
    settings = {"indices": figures.one_of_each(key)[:COLUMNS], "columns": COLUMNS}
    run_pictures.show(
        key,
        recipes.reconstructions,
        settings,
        f"test images above their reconstructions, beta {beta:g}",
        "reconstructions",
        f"Test images and their reconstructions by the run whose β is {beta:g}",
    )


def elbo_or_sampling() -> None:
    """Show both estimates by number of draws: for a model with a known likelihood, and for a run."""
    elements.heading("ELBO or importance sampling?")
    elements.explained(
        "Both use draws from $q(z \\mid x, c)$, and in expectation both are upper bounds on $-\\log p(x \\mid c)$. The ELBO "
        "averages logarithms: more draws reduce its variance but not its gap, "
        "$\\mathrm{KL}(q(z \\mid x, c) \\,\\|\\, p(z \\mid x, c))$. Importance sampling averages weights before taking the "
        "logarithm, and converges to the true value as S grows. Train with the ELBO; quote importance sampling."
    )
    chosen = st.slider(
        "Scale of q(z | x), 1 is exact", 0.2, 2.0, step=0.1, key=url_state.bound("scale", number(0.2, 2), 0.5),
        help="For a model with a one-dimensional z and a known log p(x)",
    )  # fmt: skip
    scale = round(float(chosen), 1)
    found = settling(scale, DRAWS, SEED)
    elements.chart(
        plotly_charts.known_settling(DRAWS, found),
        code_snippets.known_settling(scale, DRAWS, SEED),
        "known",
        "−ELBO, importance sampling and the exact value against the number of draws",
    )
    elements.caption(
        f"$z \\sim \\mathcal N(0, 1)$, $x \\sim \\mathcal N(z, 1)$, at $x = {X:g}$: the exact value is {found.exact:.1f} "
        f"nats, −ELBO {found.bound:.1f}; importance sampling {found.importance_sampling[0]:.1f} with one draw, "
        f"{found.importance_sampling[-1]:.1f} with {DRAWS[-1]:,}. {findings.known(scale, DRAWS, found)}"
    )
    if settled := run_pickers.curve("quadrant-1"):
        name, cells = settled
        elements.chart(
            plotly_charts.by_draws([cell for cell in cells if cell.estimator != "prior"]),
            code_snippets.by_draws(name, hidden="prior"),
            "by-draws",
            f"−ELBO and importance sampling by {runs.label(name)} against the number of draws",
        )
        elements.caption(
            f"The first {cells[0].images:,} test images, {runs.named(name)}; the bars are standard errors over them. "
            f"{findings.beside_importance(cells, 'elbo')}"
        )
    elements.link("cll", "See why prior Monte Carlo is usually too high", figures="Number of draws")
    elements.explanation(
        "With one draw, the expectation of importance sampling equals the ELBO; more draws never loosen the bound (Burda et "
        f"al. 2016). The first chart shows this for a one-dimensional $z$: means over {REPEATS:,} estimates.",
        r"\mathbb{E} \log \frac{p(x, z \mid c)}{q(z \mid x, c)} \;\le\; \mathbb{E} \log \frac{1}{S} \sum_{s=1}^{S} "
        r"\frac{p(x, z_s \mid c)}{q(z_s \mid x, c)} \;\le\; \log p(x \mid c), \qquad z, z_s \sim q(z \mid x, c)",
        [from_posterior, LogMeanExp, settling],
    )


def not_zero() -> None:
    """Show the cross-entropy of a grey pixel by the predicted probability, and the floors of the table."""
    elements.heading("Why is the best possible figure not zero?")
    elements.explained(
        "Because the pixels are grey and the likelihood is Bernoulli. If a model predicts the probability $p$ of ink for a "
        "pixel of intensity $x$, the cost is their cross-entropy. It is lowest at $p = x$, where it is the entropy of $x$: "
        "0 only for pure black or white. Summed over the pixels, this entropy is the floor: no model scores lower."
    )
    key_of_grey = url_state.bound("grey", number(0, 1), 0.3)
    grey = float(st.slider("Intensity x of a pixel", 0.0, 1.0, step=0.05, key=key_of_grey))
    elements.chart(
        plotly_charts.grey_cost(grey),
        code_snippets.grey_cost(grey),
        "grey-cost",
        f"The cost of a pixel of intensity {grey:g} against the probability of ink, lowest at {grey:g}",
    )
    scored, _ = table.with_readable_results([runs.run_named(name) for name in runs.cards()[0]])
    rows = table.entries(scored)
    floors = table_formats.above_floors(rows)
    if floors.empty:
        st.info(
            "No floor is stored yet. Train a run with `python -m cvae_core train label`, then score it: `… evaluate label`"
        )
    else:
        numbers = ("floor", "lowest figure", "above the floor")
        columns = {name: st.column_config.NumberColumn(format="%.1f") for name in numbers}
        st.dataframe(floors, hide_index=True, height="content", column_config=columns)
        elements.caption(
            "Test images, nats per image: the entropy of the scored pixels, the lowest stored figure, and their difference."
        )
        elements.link("cll", "See the whole table")
    proper_densities(rows)
    elements.explanation(
        "The score of a grey pixel is the expected score of its binarisation, ink with probability $x$. Even a perfect "
        "prediction costs the entropy, so only differences between models are meaningful. Figures for binarised pixels have "
        "a floor of 0 and cannot be compared with these.",
        r"-x \log p - (1 - x) \log(1 - p) = H(x) + \mathrm{KL}(x \,\|\, p) \ge H(x)",
        [cross_entropy, Bernoulli.log_prob],
    )


def proper_densities(rows: Sequence[Entry]) -> None:
    """Say what a proper density changes, if a run has one: its best figures beside those of Bernoulli pixels, and samples."""
    kinds = [name for name, facts in LIKELIHOOD_FACTS.items() if facts.proper]
    keys = [key for kind in kinds for key in runs.run_keys(given=("label",), likelihood=kind).values()]
    best = _best_of_likelihoods(rows)
    if not keys and not best:
        return
    elements.heading("What does a proper density change?")
    elements.explained(
        "A *discretised logistic* gives each of the 256 levels of a value a probability, and these sum to 1. A *continuous "
        "Bernoulli* is a density that integrates to 1 over the intensities from 0 to 1. With both, $-\\log p(x \\mid c)$ "
        "scores the intensities themselves. The lowest possible mean is the entropy of the images, which is unknown, so "
        "there is no floor. A density can exceed 1, so its figure can be negative. Figures in nats of different likelihoods "
        "cannot be compared. *Bits per dimension* can be compared between proper ones. Without a model, a value costs 8 bits."
    )
    if best:
        formats = {name: "%.2f" if "bits" in name else "%.1f" for row in best for name in row}
        columns = {name: st.column_config.NumberColumn(format=each) for name, each in formats.items()}
        order = [*TEXTS, *sorted(columns.keys() - set(TEXTS), key=lambda name: ("bits" in name, name))]
        st.dataframe(
            pd.DataFrame(best)[order], hide_index=True, height="content", placeholder="–",
            column_config={name: column for name, column in columns.items() if name not in TEXTS},
        )  # fmt: skip
        elements.caption("The lowest stored figures on test images, by importance sampling or of a baseline.")
    for key in keys:
        apart = runs.alike(key, runs.run_keys(given=("label",), likelihood="bernoulli"))
        if partner := min(apart, key=lambda other: len(apart[other]), default=None):
            _sampled_side_by_side(runs.run_keys()[partner], key)
            break


def _best_of_likelihoods(rows: Sequence[Entry]) -> list[dict[str, object]]:
    """Return the lowest figure of each likelihood, in its unit, for images that a run with a proper density is scored on."""
    sets = {row.images_name for row in rows if row.bits is not None}
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row.images_name not in sets or row.pixels != "grey" or row.estimators[0] not in QUOTED:
            continue
        words = LIKELIHOOD_FACTS[row.likelihood].words
        name = f"{words}, nats" if row.bits is None else f"{words}, bits per dimension"
        if row.kind == "floor":
            name = "floor, nats"
        elif row.kind != "score":
            continue
        numbers = found.setdefault((row.images_name, table_formats.scored(row)), {})
        number = row.nats if row.bits is None else row.bits
        numbers[name] = min(number, numbers.get(name, number))
    return [{**dict(zip(TEXTS, place, strict=True)), **numbers} for place, numbers in found.items()]


def _sampled_side_by_side(bernoulli: RunKey, proper: RunKey) -> None:
    """Show samples of two runs on the same images with the same noise."""
    settings = {"labels": labels.of_run(proper)[:SAMPLED_LABELS], "columns": COLUMNS, "seed": SEED}
    for column, key in zip(st.columns(2, gap="large"), (bernoulli, proper), strict=True):
        with column:
            words = LIKELIHOOD_FACTS[runs.config(key).likelihood].words
            elements.explained(f"**{plain(words)}**: {runs.named(key.name)}")
            run_pictures.show(
                key,
                recipes.samples,
                settings,
                f"samples, means of {words} pixels, seed {SEED}",
                "of-likelihood",
                f"Samples of the run whose pixels are {words}",
            )
