"""What is a conditional VAE?"""

import pandas as pd
import streamlit as st

from app.cached import figures as pictures
from app.cached import maps
from app.cached import runs as library
from app.cached.figures import Figure, Strip
from app.display import elements, plotly_charts
from app.display.navigation import PAGES
from app.display.plain_text import code, plain
from app.views import code_snippets
from app.widgets import downloads, quadrant_controls
from cvae_core.config.quadrant_names import described
from cvae_core.data import datasets
from cvae_core.data.fingerprints import named_here
from cvae_core.evaluation.latent_space import USUAL
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.objectives import elbo
from cvae_core.pictures import recipes

TOUR = (
    ("generate", "Press *Random z*: ten digits in one hand. Then drag the first slider: all ten lean."),
    ("generate", "Open *VAE beside CVAE*: the same noise, without the label and with it."),
    (
        "inpaint",
        "Look for a column where the network is grey and the samples disagree: there the quarter leaves it open.",
    ),
    ("latent", "Click a point of the VAE's map, then choose `label` as the run: the digits have left z."),
    ("why", "Open *Blur* and average more and more samples: the network's answer appears."),
    ("training", "Press *Play*: blur, blobs, digits."),
    ("cll", "Press *Estimate* and watch three estimators settle; the dotted lines are the stored figures."),
)
STYLES, DIGITS, STRIP_DIGITS, SEED = 7, (2, 4, 17, 61, 15, 8), (0, 3, 5, 8), 7
ANSWERS = 6

st.title("The CVAE lab")
st.markdown(
    "A **conditional variational auto-encoder** learns all that an image $x$ can be once something about it, the condition "
    "$c$, is known. Whatever $c$ leaves open goes into a latent $z$: draw another $z$, and get another answer."
)
label, quadrant = st.columns(2, gap="medium")
with label.container(border=True, height="stretch"), elements.sentences():
    st.subheader("c is the label", anchor=False)
    runs = library.run_keys(flavour="label")
    key = runs.get("label") or next(iter(runs.values()), None)
    if key is None:
        st.info("No label run is trained yet: `python -m cvae_core train label`")
    else:
        st.markdown(
            "“Write a 3”: but how? Each column is one $z$ under all ten labels, drawn live from "
            f"{code(library.label(key.name))}."
        )
        caption = f"{key.name}: {STYLES} z under ten labels, seed {SEED}"
        settings = {"labels": recipes.ALL_LABELS, "columns": STYLES, "seed": SEED}
        elements.picture(
            Figure(key, recipes.samples, settings, caption),
            f"{key.name}-styles",
            "Seven styles of handwriting, the digits 0 to 9 in each",
        )
        elements.link("generate", "Slide through z")
with quadrant.container(border=True, height="stretch"), elements.sentences():
    st.subheader("c is a quarter of the image", anchor=False)
    families = quadrant_controls.quadrant_families()
    if not families:
        st.info("No quadrant run is trained yet: `python -m cvae_core train quadrant`")
    else:
        dataset, completers = next(iter(families.items()))
        visible, (completing, *_) = next(iter(sorted(completers.items())))
        st.markdown(
            f"“The {plain(described(visible))} is this”: but the rest? The network blurs all answers into one; "
            f"each sample of {code(library.label(completing.name))} is one answer."
        )
        caption = f"{completing.name}: {named_here(dataset)} test digits {', '.join(map(str, DIGITS))}, seed {SEED}"
        settings = {"indices": DIGITS, "visible": visible, "count": ANSWERS, "seed": SEED}
        rows = {"input": 0, "truth": 1, "NN": 2} | {f"CVAE, {number}": 3 + number for number in range(1, ANSWERS + 1)}
        elements.picture(
            Figure(completing, recipes.completions, settings, caption, rows=tuple(rows), only=tuple(rows.values())),
            f"{completing.name}-completed",
            "Quarters of digits, completed by the network and the CVAE",
        )
        elements.link("inpaint", "Complete digits")

library.rerun_when_runs_change()
space, why = st.columns(2, gap="medium")
with space.container(border=True, height="stretch"), elements.sentences():
    st.subheader("How is z arranged?", anchor=False)
    mapped = maps.first_stored()
    if mapped is None:
        st.info("No latent space is laid out yet: `python -m cvae_core embed RUN`")
    else:
        key, embedding = mapped
        elements.thumbnail(pictures.map_thumbnail(embedding), f"t-SNE of {key.name}, a colour per digit")
        elements.numbers(code_snippets.places(key, USUAL), "map")
        elements.link("latent", f"Explore the space of {plain(library.label(key.name))}")
with why.container(border=True, height="stretch"), elements.sentences():
    st.subheader("Why is it done like that?", anchor=False)
    family = library.by_beta()
    if not family:
        st.info("No label run is finished yet: `python -m cvae_core train label`")
    else:
        marks = {beta: library.rate_and_distortion(run) for beta, run in family.items()}
        elements.chart(
            plotly_charts.bare(plotly_charts.rate_distortion(marks, 1.0, plotly_charts.THUMBNAIL_HEIGHT)),
            code_snippets.rate_and_distortion(family, 1.0),
            "rate-distortion",
            "The distortion of runs against their rate, a mark for each weight β",
            config=plotly_charts.BARE_CONFIG,
        )
        st.caption("What the weight β of the rate does: at 1, the least distortion and rate together, the best ELBO")
        elements.link("why", "Ask why")
training, table = st.columns(2, gap="medium")
with training.container(border=True, height="stretch"), elements.sentences():
    st.subheader("How did it learn?", anchor=False)
    labelled = library.run_keys(flavour="label")
    key = labelled.get("label") or next(iter((labelled | library.run_keys(flavour="vae")).values()), None)
    if key is None:
        st.info("No run is trained yet: `python -m cvae_core train label`")
    else:
        elements.picture(
            Strip(key, "samples", STRIP_DIGITS),
            f"{key.name}-strip",
            f"Samples of {key.name} from the first steps of training to the last",
            scale=1,
        )
        elements.link("training", "Replay the training")
with table.container(border=True, height="stretch"), elements.sentences():
    st.subheader("How good is it?", anchor=False)
    figures = library.headline()
    if not figures:
        st.info("No quadrant run on MNIST is scored yet: `python -m cvae_core evaluate RUN`")
    else:
        elements.chart(
            plotly_charts.bare(plotly_charts.headline_bars(figures)),
            code_snippets.headline(figures),
            "headline",
            "The importance-sampling estimates of the quadrant runs as bars",
            config=plotly_charts.BARE_CONFIG,
        )
        cell = next(iter(figures.values()))
        st.caption(
            f"−log p(hidden | visible), nats per image, by importance sampling with S = {cell.samples:,} over "
            f"{cell.images:,} test images; lower is better"
        )
        elements.link("cll", "See the whole table")

with st.expander("A tour of one minute", icon=":material/tour:"):
    for number, (page, words) in enumerate(TOUR, start=1):
        st.markdown(f"{number}. {words}")
        elements.link(page, plain(PAGES[page].question))

st.subheader("What is here", anchor=False)
if not datasets.on_disk("mnist"):
    st.info(
        "MNIST is not on this machine. Generation works without it; completions use the small digits that are embedded. "
        "You can fetch it whenever there is a connection.",
        icon=":material/info:",
    )
    downloads.offer("mnist")
cards, damaged = library.cards()
for fault in damaged:
    st.warning(plain(fault), icon=":material/broken_image:")
table = pd.DataFrame(
    [
        {
            "run": name,
            "kind": library.kind(card.config) + (card.imported and f", imported {card.imported}"),
            "images": card.image_set,
            "preset": card.config.preset,
            "latents": card.config.latents,
            "verdict": card.trouble or card.verdict or "",
            "−ELBO": -card.metrics["elbo"],
            "minutes": card.seconds / 60,
            "parameters": card.parameters / 1e6,
        }
        for name, card in cards.items()
    ]
)
st.dataframe(
    table,
    hide_index=True,
    height="content",
    column_config={
        "−ELBO": st.column_config.NumberColumn(
            "−ELBO, validation",
            format="%.1f",
            help="Nats per image, lower is better; a baseline's is its cross-entropy",
        ),
        "minutes": st.column_config.NumberColumn("training", format="%.1f min"),
        "parameters": st.column_config.NumberColumn(format="%.1f M"),
    },
)
sets = ", ".join(f"{named_here(name)} {'here' if datasets.on_disk(name) else 'not here'}" for name in datasets.NAMES)
st.caption(
    f"Image sets: {plain(sets)}. Everything is trained on this lab's own command line: `python -m cvae_core --help`."
)
elements.explanation(
    "A CVAE is trained to maximise the *evidence lower bound*: how well an image is reconstructed from a $z$ that has seen "
    "it, minus the *rate*, the nats by which that $z$ had to leave the prior. Sohn, Lee & Yan (2015) call $q(z \\mid x, c)$ "
    "the recognition network, $p(z \\mid c)$ the prior network and $p(x \\mid z, c)$ the generation network.",
    r"\log p(x \mid c) \;\ge\; \mathbb{E}_{q(z \mid x, c)} \log p(x \mid z, c) \;-\; \mathrm{KL}\big(q(z \mid x, c)"
    r"\,\|\, p(z \mid c)\big)",
    [elbo, ConditionalVAE.infer, completed],
)
