"""Questions about z: why it is drawn from the prior, posterior collapse, the effect of the label, and blur."""

import math

import streamlit as st

from app.cached import costs, figures, runs
from app.cached.runs import RunKey
from app.charts import plotly_charts
from app.display import elements, url_state
from app.display.url_forms import one_of
from app.live import latent_sliders
from app.text import findings, glossary
from app.text import labels as names
from app.views import code_snippets
from app.widgets import controls, labels, run_pickers, run_pictures
from cvae_core.evaluation.ablations import SOURCES, by_source, cost_by_source, cost_of_fixing, with_unit_fixed
from cvae_core.models.conditional_vae import ConditionalVAE
from cvae_core.models.flat import CVAE
from cvae_core.models.objectives import elbo
from cvae_core.pictures import recipes
from cvae_core.training.validation import rates as rates_of_units
from cvae_core.training.verdicts import DEAD_RATE

COLUMNS, SEED = 6, 0
COUNTS = tuple(2**power for power in range(9))  # numbers of samples averaged


def why_the_prior() -> None:
    """Show completions with z from the posterior, from the prior and from N(0, I)."""
    elements.heading("Why is z drawn from the posterior in training but from the prior at test time?")
    elements.explained(
        "Because $q(z \\mid x, c)$ needs the image $x$, which is unknown at test time. In training it gives $z$ that explain "
        "the image, which draws from the prior usually do not. The rate penalises its distance from $p(z \\mid c)$, so that "
        "the decoder also works with $z$ from the prior. $\\mathcal N(0, I)$ ignores the condition."
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
        "Images completed with z from the posterior, from the prior, and from a standard normal distribution",
        rows=("input", "truth", *(word for source in SOURCES for word in (source, ""))),
    )
    posterior, prior, ignorant = costs.by_source(key)
    elements.caption(
        f"{costs.first_images(key)}, one draw of $z$ each. From $q(z \\mid x, c)$: {findings.cost(*posterior)} nats. From "
        f"$p(z \\mid c)$, without a rate: distortion {prior.distortion:.1f} nats. From $\\mathcal N(0, I)$: distortion "
        f"{ignorant.distortion:.1f} nats."
    )
    elements.explanation(
        "The rows of one distribution differ in the base noise; all distributions use the same noise, $z = \\mu + "
        "\\sigma\\,\\varepsilon$ with their own mean and scale. A draw from the prior is one possible completion, usually "
        "not the true one, so its distortion is usually high. The likelihood averages *probabilities* over draws, not "
        "nats, so the draws that fit dominate it. It is therefore estimated with draws from $q$, weighted by $p(z \\mid c) "
        "/ q(z \\mid x, c)$.",
        r"\mathbb{E}_{q(z \mid x, c)}[-\log p(x \mid z, c)] + \mathrm{KL}\big(q(z \mid x, c) \,\|\, p(z \mid c)\big) \;\ge\; "
        r"-\log \mathbb{E}_{p(z \mid c)}\, p(x \mid z, c)",
        [by_source, cost_by_source, ConditionalVAE.infer, ConditionalVAE.draw],
    )


def collapsed() -> None:
    """Show the rate per unit, and how the ELBO changes if one unit is fixed to its prior mean."""
    elements.heading("What is posterior collapse?")
    elements.explained(
        "A unit of $z$ has collapsed if $q(z_j \\mid x, c)$ equals the prior for every image. Its rate is then 0, and it "
        "carries no information for the decoder. A unit usually collapses if it would save less distortion than its rate "
        "costs. A few collapsed units are harmless. If all collapse, all samples for a condition are usually alike."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.flat_run("collapse", "quadrant-1")
        if key is None:
            return
        rates = runs.rates(key)
        if not any(rates):
            st.info("The rates of this run's units will be measured when its training ends.", icon=":material/info:")
            return
        units = {f"z{dimension + 1}": dimension for dimension in latent_sliders.by_rate(rates)}
        names = list(units)
        key_of_unit = url_state.bound(f"unit-{len(units)}", one_of(names), names[0])
        words = glossary.explained("unit")
        name = controls.or_default(
            st.selectbox("Unit fixed to its prior mean", names, key=key_of_unit, help=words), names[0]
        )
    unit, indices = units[name], figures.one_of_each(key)[:COLUMNS]
    wide, narrow = st.columns(2, gap="large")
    with wide:
        elements.chart(
            plotly_charts.rate_bars(rates, "latent dimension", unit),
            code_snippets.rates(key, "latent dimension", unit),
            "rates",
            f"The rate of every latent dimension of {runs.label(key.name)}, highest first",
        )
    with narrow:
        run_pictures.show(
            key,
            recipes.without_unit,
            {"indices": indices, "unit": unit},
            f"test images reconstructed, with {name} and without",
            f"without-{name}",
            f"Test images, their reconstructions, and reconstructions with {name} fixed to its prior mean",
            rows=("image", "all units", f"without {name}"),
        )
        whole, less = costs.of_fixing(key, unit)
        change = less.distortion - whole.distortion, less.rate - whole.rate
        st.markdown(findings.without_unit(name, *change, rates[unit] < DEAD_RATE))
        elements.caption(f"{costs.first_images(key)}, one draw from the recognition network each.")
    elements.explanation(
        f"The bars show the mean rate of each unit over validation images; units below {DEAD_RATE} nats are grey "
        "(collapsed). Fixing a unit to its prior mean gives a smaller model whose ELBO has no rate for this unit. The unit "
        "is worth its rate if this increases the distortion by more than it lowers the rate. Units usually collapse early in "
        "training, before the decoder uses them. The presets therefore increase the weight of the rate from zero.",
        r"\text{rate}_j = \mathrm{KL}\big(q(z_j \mid x, c) \,\|\, p(z_j \mid c)\big) = 0 \quad\Leftrightarrow\quad "
        r"q(z_j \mid x, c) = p(z_j \mid c)",
        [with_unit_fixed, cost_of_fixing, rates_of_units],
    )


def without_the_label() -> None:
    """Show reconstructions of images and their −ELBO with another label, and without a label."""
    elements.heading("What does the decoder lose without the label?")
    elements.explained(
        "The label gives the class, so $z$ need not encode it. With another label, the decoder usually turns the same $z$ "
        "into an image of another class in a similar style. If $z$ is inferred with the wrong label, the reconstruction is "
        "usually closer to the image, but not equal to it, and the rate is usually higher. The VAE has no label: its $z$ "
        "must encode the class too."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.flat_run("label", "label", "label")
        if key is None:
            return
        data = runs.description(key)
        label = labels.label(data)
    config, word = runs.config(key), data.classes[label]
    indices = figures.one_of_each(key)
    run_pictures.show(
        key,
        recipes.relabelled,
        {"indices": indices, "label": label},
        f"test images reconstructed with their own label and with the label {word}",
        f"label-{label}",
        f"Test images and their reconstructions with their own label and with the label {word}",
        rows=("image", "own label", f"same z, label {word}", f"inferred, label {word}"),
    )
    own, other = costs.of_label(key, label)
    name = names.name(data, label)
    compared = findings.wrong_label(name, own.total, other.total)
    elements.caption(f"{costs.first_images(key)}, except those of class {name}: {compared}")
    vae = run_pickers.vae_of(key, pixels=config.pixels, likelihood=config.likelihood, groups=0)
    if vae is not None:
        beside_the_vae(key, vae, indices)
    elements.explanation(
        "Reconstructions show pixel means at the posterior mean. *Same z*: inferred with the image's own label, decoded with "
        "the other. *Inferred*: encoder and decoder both use the other label. If all labels are equally frequent, the label "
        "with the largest $\\log p(x \\mid c)$ is the most probable. For true distributions a label saves on average at most "
        f"its entropy, which is then $\\log {len(data.classes)} = {math.log(len(data.classes)):.1f}$ nats. If the CVAE saves "
        "more than that, it is a better model than the VAE or has a tighter bound.",
        r"\mathbb{E}\big[\log p(x \mid c) - \log p(x)\big] = I(x; c) \le H(c) "
        rf"\approx \log {len(data.classes)}",
        [recipes.relabelled, CVAE.context, elbo],
    )


def beside_the_vae(key: RunKey, vae: RunKey, indices: tuple[int, ...]) -> None:
    """Show a VAE's reconstructions of the same images, and compare the −ELBO of both models."""
    run_pictures.show(
        vae,
        recipes.reconstructions,
        {"indices": indices, "columns": len(indices)},
        "the same test images reconstructed without a label",
        "no-label",
        "The same test images reconstructed by a VAE, which has no label as input",
        rows=("image", "VAE, no label"),
    )
    without, given = costs.of_all(vae), costs.of_all(key)
    elements.caption(
        f"{costs.first_images(key)}. {runs.named(vae.name)}, without labels: −ELBO {without.total:.1f} nats, of which "
        f"the rate is {without.rate:.1f}. {runs.named(key.name)}, with the true labels: −ELBO {given.total:.1f} nats, "
        f"of which the rate is {given.rate:.1f}."
    )


def blurred() -> None:
    """Show that the mean of many samples resembles the baseline's prediction, and pixels sampled given z."""
    elements.heading("Why are completions blurred?")
    elements.explained(
        "Because the mean of sharp images is not sharp. The best prediction of the baseline (NN) is the mean of each pixel "
        "over all completions, which is blurred where they differ. Each sample of the CVAE is one completion; the mean of "
        "many usually resembles the baseline's. A single sample is usually still smooth, because it shows pixel means "
        "given $z$."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = run_pickers.flat_run("blur", "quadrant-1", "pixels")
        if key is None:
            return
        counts = list(map(str, COUNTS))
        chosen = st.select_slider("Samples averaged", counts, key=url_state.bound("averaged", one_of(counts), "8"))
    count, config = int(controls.or_default(chosen, "8")), runs.config(key)
    many = "1 sample" if count == 1 else f"mean of {count}"
    sampled = "ink drawn" if config.likelihood == "bernoulli" else "pixels sampled"
    figure = run_pictures.show(
        key,
        recipes.averages,
        {"indices": figures.one_of_each(key), "visible": config.visible_set, "count": count, "seed": SEED},
        f"the baseline's prediction, the mean of CVAE samples, one sample, and {sampled} from it; seed {SEED}",
        f"mean-of-{count}",
        f"Images completed by the baseline, by the mean of {count} samples, by one sample, and with {sampled} from it",
        rows=("input", "truth", "NN", f"CVAE, {many}", "CVAE, 1 sample", sampled),
    )
    _, _, network, mean, one, _ = figure.sheet.images.astype(float) / 255
    data = runs.description(key)
    ink = data.drawn
    of, what = ("the ink of ", "pixels") if ink else ("", f"in total over {data.shape.values:,d} values from 0 to 1")
    apart, one_apart = (abs(row - network).sum(-1).mean() for row in (mean, one))
    elements.caption(
        f"Per image, the mean of {count} differs from the baseline's prediction by {of}**{apart:.1f} {what}**, one "
        f"sample by {one_apart:.1f}."
    )
    best = (
        "The expected cross-entropy is lowest at $p_i = \\mathbb E[x_i \\mid c]$ for each pixel separately."
        if config.likelihood == "bernoulli"
        else "The baseline predicts a distribution of each value separately, whose mean is usually close to "
        "$\\mathbb E[x_i \\mid c]$."
    )
    elements.explanation(
        f"{best} The mean of the CVAE's samples estimates the same expectation. The better both models are, the closer the "
        "two means are. Pictures in this lab show pixel *means* given $z$, which are usually smooth. The last row draws each "
        "pixel from the likelihood. Given $z$ the pixels are independent, hence the speckle.",
        r"\mathbb{E}[x_i \mid c] = \int \mathbb{E}[x_i \mid z, c]\, p(z \mid c)\, \mathrm{d}z \approx "
        r"\frac{1}{S} \sum_{s=1}^{S} \mathbb{E}[x_i \mid z_s, c], \qquad z_s \sim p(z \mid c)",
        [recipes.averages, recipes.thresholds],
    )
