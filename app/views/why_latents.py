"""What learners ask about z: where it comes from, what a unit, a label and a mean over many of it are worth."""

import streamlit as st

from app.cached import costs, figures, runs
from app.cached.runs import RunKey
from app.display import elements, plotly_charts
from app.display.plain_text import code, plain
from app.views import code_snippets
from app.widgets import controls, latent_sliders, run_pickers, run_pictures
from cvae_core.data.conditions import LABELS
from cvae_core.evaluation.ablations import SOURCES, by_source, cost_by_source, cost_of_silence, silenced
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.flat import LabelCVAE
from cvae_core.models.objectives import elbo
from cvae_core.pictures import recipes
from cvae_core.training.validation import rates as rates_of_units
from cvae_core.training.verdicts import DEAD_RATE

COLUMNS, SEED = 6, 0
COUNTS = tuple(2**power for power in range(9))  # of samples averaged


def why_the_prior() -> None:
    """Show what z from the posterior, from the prior and from N(0, I) complete."""
    st.subheader("z comes from the posterior in training: why from the prior at test?", anchor=False)
    st.markdown(
        "Because $q(z \\mid x, c)$ has seen the answer, and at test there is none to look at. In training that is its "
        "use: it says which of all answers this one is, where a blind draw would hardly ever fit and teach nothing. The "
        "rate is what this hint costs, and it keeps the hint near $p(z \\mid c)$, so that the decoder can live on the "
        "prior alone. $\\mathcal N(0, I)$ has not even seen the condition."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.flat_run("prior", "quadrant-1", "pixels")
        if key is None:
            return
        seed = controls.seed()
    config = runs.config(key)
    settings = {"indices": figures.one_of_each(key), "visible": config.visible_set, "count": 2, "seed": seed}
    run_pictures.show(
        key,
        recipes.sources,
        settings,
        f"z from three distributions, the same base noise, seed {seed}",
        f"sources-seed{seed}",
        "Digits completed with z from the posterior, from the prior, and from a standard normal distribution",
        rows=("input", "truth", *(word for source in SOURCES for word in (source, ""))),
    )
    posterior, prior, ignorant = costs.by_source(key)
    st.caption(
        f"{costs.first_images(key)}, one draw each: a $z$ from $q(z \\mid x, c)$ leaves {posterior.distortion:.1f} "
        f"nats, but its rate is {posterior.rate:.1f}, together {posterior.total:.1f}, the −ELBO; one from $p(z \\mid c)$ "
        f"costs no rate and leaves {prior.distortion:.1f}; one from $\\mathcal N(0, I)$, {ignorant.distortion:.1f}."
    )
    elements.explanation(
        "The rows of one kind differ in their noise, and the same noise is used for all kinds: $z = \\mu + "
        "\\sigma\\,\\varepsilon$ with the mean and scale of each. One draw from the prior is one possible answer, mostly "
        "another than the truth, so it leaves many nats; the likelihood averages *probabilities* over draws, not nats, "
        "and is ruled by those that fit. That is why it is estimated with draws from $q$, weighed by $p(z \\mid c) / q(z "
        "\\mid x, c)$.",
        r"\mathbb{E}_{q(z \mid x, c)}[-\log p(x \mid z, c)] + \mathrm{KL}\big(q(z \mid x, c) \,\|\, p(z \mid c)\big) \;\ge\; "
        r"-\log \mathbb{E}_{p(z \mid c)}\, p(x \mid z, c)",
        [by_source, cost_by_source, ConditionalVAE.infer, ConditionalVAE.draw],
    )


def collapsed() -> None:
    """Show the rate per unit, and what is lost when one is fixed to its prior mean."""
    st.subheader("What is collapse?", anchor=False)
    st.markdown(
        "A unit of $z$ has collapsed when $q(z_j \\mid x, c)$ is the prior whatever the image: its rate is nothing, it says "
        "nothing, and the decoder does not listen. It does so where it would save fewer nats of distortion than it costs in "
        "rate. Some dead units are thrift; when all are dead, the model is one answer per condition."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.flat_run("collapse", "quadrant-1")
        if key is None:
            return
        rates = runs.rates(key)
        if not any(rates):
            st.info("The rates of this run's units are measured when its training ends.", icon=":material/info:")
            return
        units = {f"z{dimension + 1}": dimension for dimension in latent_sliders.by_rate(rates)}
        names = list(units)
        name = controls.or_default(
            st.selectbox("Unit fixed to its prior mean", names, key=f"unit-{len(units)}", bind="query-params"), names[0]
        )
    unit, indices = units[name], figures.one_of_each(key)[:COLUMNS]
    wide, narrow = st.columns(2, gap="large")
    with wide:
        elements.chart(
            plotly_charts.rate_bars(rates, "latent dimension", unit),
            code_snippets.rates(key, "latent dimension", unit),
            "rates",
            f"The rate of every latent dimension of {key.name}, highest first",
        )
    with narrow:
        run_pictures.show(
            key,
            recipes.without_unit,
            {"indices": indices, "unit": unit},
            f"test digits reconstructed, with {name} and without",
            f"without-{name}",
            f"Test digits, their reconstructions, and these with {name} fixed to its prior mean",
            rows=("image", "all units", f"without {name}"),
        )
        whole, less = costs.of_silence(key, unit)
        worth = "dead, and nobody misses it" if rates[unit] < DEAD_RATE else "worth its rate"
        if less.total < whole.total and rates[unit] >= DEAD_RATE:
            worth = "not worth its rate"
        st.markdown(
            f"Without {plain(name)}: distortion {costs.signed(less.distortion - whole.distortion)} nats, rate "
            f"{costs.signed(less.rate - whole.rate)}, so −ELBO **{costs.signed(less.total - whole.total)}** nats per image. "
            f"The unit is {worth}."
        )
        st.caption(
            f"{costs.first_images(key)}, one draw from the recognition network each. Every number is rounded by "
            "itself, the sum too."
        )
    elements.explanation(
        f"The bars are the mean rate of each unit over validation images; one with less than {DEAD_RATE} nats is grey, dead. "
        "Fixing a unit to its prior mean makes a smaller model, whose ELBO has no rate for it: a unit is worth having where "
        "the distortion grows by more than the rate shrinks. Units die early in training, while the decoder does not use "
        "them yet and their rate is all loss: the presets let the weight of the rate grow from zero.",
        r"\text{rate}_j = \mathrm{KL}\big(q(z_j \mid x, c) \,\|\, p(z_j \mid c)\big) = 0 \quad\Leftrightarrow\quad "
        r"q(z_j \mid x, c) = p(z_j \mid c)",
        [silenced, cost_of_silence, rates_of_units],
    )


def without_the_label() -> None:
    """Show what an image becomes, and costs, under another label, and without any."""
    st.subheader("What does the decoder lose without the label?", anchor=False)
    st.markdown(
        "What the label says, $z$ need not say again. Tell the decoder another label and the same $z$ becomes another "
        "digit in the same hand; a $z$ that is inferred for the wrong label can talk it out of that, but badly and dearly. "
        "The VAE's decoder is told nothing: all of the digit has to come through its $z$."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.flat_run("label", "label", "label")
        if key is None:
            return
        label = int(controls.digit([str(digit) for digit in range(LABELS)]))
    config = runs.config(key)
    indices = figures.one_of_each(key)
    run_pictures.show(
        key,
        recipes.relabelled,
        {"indices": indices, "label": label},
        f"test digits reconstructed under their own label and under the label {label}",
        f"told-{label}",
        f"Test digits, their reconstructions, and what becomes of them under the label {label}",
        rows=("image", "own label", f"same z, told {label}", f"inferred, told {label}"),
    )
    own, other = costs.of_label(key, label)
    lost = f"{other.total - own.total:.1f}".replace("-", "−")
    st.caption(
        f"{costs.first_images(key)}, but for every {label}: −ELBO {own.total:.1f} nats under their own label, "
        f"{other.total:.1f} when told {label}, so the wrong word loses **{lost} nats** an image."
    )
    vae = run_pickers.vae_of(key, pixels=config.pixels, groups=0)
    if vae is not None:
        beside_the_vae(key, vae, indices)
    elements.explanation(
        "Each reconstruction is the pixel means at the posterior mean. *Same z*: inferred under the digit's own label, "
        "decoded under the other. *Inferred*: encoder and decoder are both told the other label. The differences of "
        "$\\log p(x \\mid c)$ between labels are all that a classifier needs. Between true distributions a label saves "
        "at most its entropy, $\\log 10 = 2.3$ nats if all ten are as frequent; what the CVAE saves beyond that is a "
        "better model, or a tighter bound.",
        r"\mathbb{E}\big[\log p(x \mid c) - \log p(x)\big] = I(x; c) \le H(c) \approx \log 10",
        [recipes.relabelled, LabelCVAE.context, elbo],
    )


def beside_the_vae(key: RunKey, vae: RunKey, indices: tuple[int, ...]) -> None:
    """Show what a VAE makes of the same digits, and say what it costs more."""
    run_pictures.show(
        vae,
        recipes.reconstructions,
        {"indices": indices, "columns": len(indices)},
        "the same test digits reconstructed, no label told",
        "told-nothing",
        "The same test digits reconstructed by a VAE, which knows no label",
        rows=("image", "VAE, no label"),
    )
    without, given = costs.of_all(vae), costs.of_all(key)
    st.caption(
        f"{costs.first_images(key)}: without a label, {code(runs.label(vae.name))} needs "
        f"−ELBO {without.total:.1f} nats, of which {without.rate:.1f} are rate; {code(runs.label(key.name))}, told the "
        f"right ones, {given.total:.1f}, of which {given.rate:.1f}."
    )


def blurred() -> None:
    """Show that the mean of many samples is the network's one answer, and what ink drawn from pixel means looks like."""
    st.subheader("Why is it blurred?", anchor=False)
    st.markdown(
        "Because a mean of sharp digits is not a sharp digit. The network's one answer is best where every pixel is its "
        "mean over all completions, and so grey wherever they differ. Each sample of the CVAE is one completion; average "
        "many, and the network's blur comes back. What is left of blur in a sample is again a mean: that of the ink, "
        "given $z$."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.flat_run("blur", "quadrant-1", "pixels")
        if key is None:
            return
        chosen = st.select_slider(
            "Samples averaged", list(map(str, COUNTS)), value="8", key="averaged", bind="query-params"
        )
    count, config = int(controls.or_default(chosen, "8")), runs.config(key)
    many = "1 sample" if count == 1 else f"mean of {count}"
    figure = run_pictures.show(
        key,
        recipes.averages,
        {"indices": figures.one_of_each(key), "visible": config.visible_set, "count": count, "seed": SEED},
        f"the network's answer, CVAE samples averaged, one sample, and ink drawn from it; seed {SEED}",
        f"mean-of-{count}",
        f"Digits completed by the network, by the mean of {count} samples, by one sample, and as drawn ink",
        rows=("input", "truth", "NN", f"CVAE, {many}", "CVAE, 1 sample", "ink drawn"),
    )
    _, _, network, mean, one, _ = figure.sheet.images.astype(float) / 255
    apart, one_apart = (abs(row - network).sum(-1).mean() for row in (mean, one))
    st.caption(
        f"The mean of {count} differs from the network's answer by the ink of **{apart:.1f} pixels** a digit, one sample by "
        f"{one_apart:.1f}."
    )
    elements.explanation(
        "Cross-entropy is least where $p_i = \\mathbb E[x_i \\mid c]$, pixel by pixel, whatever the other pixels do; the "
        "mean of the CVAE's samples estimates the same expectation, so the two agree as far as both models are right. "
        "Pictures in this lab are pixel *means* given $z$, smooth because they are means. The last row draws every pixel "
        "from them: given $z$ the pixels are independent, hence the speckle.",
        r"\mathbb{E}[x_i \mid c] = \int p(x_i = 1 \mid z, c)\, p(z \mid c)\, \mathrm{d}z \approx "
        r"\frac{1}{S} \sum_{s=1}^{S} p(x_i = 1 \mid z_s, c), \qquad z_s \sim p(z \mid c)",
        [recipes.averages, recipes.thresholds],
    )
