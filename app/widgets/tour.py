"""The tour: a lesson in eight steps, each with the address of the picture that it is about."""

from collections.abc import Mapping
from typing import NamedTuple

from app.text.plain_text import Markdown

PARAMETER = "tour"  # of the address: the number of the step


class Step(NamedTuple):
    """One step: what to see, and the page and query parameters that show it."""

    title: Markdown
    words: Markdown
    page: str
    query: Mapping[str, str]
    at: Markdown = ""  # key of the element to scroll to; "" is the top of the page
    runs: tuple[str, ...] = ()  # whose numbers or pictures are shown
    images: str | None = None  # the data set that the picture needs


STEPS = (
    Step(
        "What a CVAE does",
        "A test digit flows through the networks of a CVAE. The recognition network sees the image $x$ and the condition "
        "$c$, its label, and predicts the latent vector $z$. The generation network sees $z$ and $c$, and predicts the "
        "image. Press *Prediction*: the recognition network is crossed out, and $z$ is drawn from the prior.",
        "how",
        {"run": "label"},
        runs=("label",),
        images="mnist",
    ),
    Step(
        "z is style",
        "The ten digits have different labels and the same $z$. The slider ε2 is far to the right, and nearly all are "
        "wide. Drag it to the far left: they become narrow and lean to the right.",
        "generate",
        {"run": "label", "digit": "all", "e2": "2.5"},
        runs=("label",),
    ),
    Step(
        "The label matters",
        "Both models decode the same base noise. The VAE has no label: its samples are of different digits. The "
        "CVAE is given the label 7: nearly all its samples are sevens, in different styles.",
        "generate",
        {"run": "label", "digit": "7", "view": "VAE beside CVAE"},
        at="view",
        runs=("label", "vae"),
    ),
    Step(
        "Several completions",
        "The models see only the tinted quarter. Look at the first column. The baseline (NN) predicts one image, "
        "grey where it is undecided. Samples 1 and 2 of the CVAE are fours, sample 3 is a nine: the quarter fits "
        "both.",
        "inpaint",
        {"random": "false", "indices": "4, 61, 15, 18", "samples": "3"},
        at="narrow-quadrant-1-seed0",
        runs=("quadrant-1",),
        images="mnist",
    ),
    Step(
        "What z contains",
        "Each point is a test image, coloured by its digit. The first map is the VAE's: it falls into digits, "
        "because $z$ contains the digit. In the second map, the label CVAE's, digits are mixed: $c$ is the digit, "
        "and $z$ the style.",
        "latent",
        {"run": "vae", "beside": "label"},
        runs=("label", "vae"),
    ),
    Step(
        "Why one prediction is blurred",
        "The rows *NN* and *CVAE, mean of 256* look nearly the same: a single prediction is the mean of all "
        "completions. Each image in the row *CVAE, 1 sample* is one completion, and sharper.",
        "why",
        {"question": "Blur", "run-blur": "quadrant-1", "averaged": "256"},
        at="question",
        runs=("quadrant-1",),
        images="mnist",
    ),
    Step(
        "How it learned",
        "After one epoch, reconstructions and samples are blurred, and the samples in a row look alike. Press "
        "*Play*: they become digits in different styles.",
        "training",
        {"task": "Replay", "replay": "label", "epoch": "1"},
        at="epoch",
        runs=("label",),
    ),
    Step(
        "How good is it?",
        "−log p of the hidden pixels, in nats per image: lower is better. By importance sampling, the CVAE is "
        "better than the baseline (NN) with one, two and three visible quadrants. The row *gap: NN − best model* "
        "shows the difference: it is largest with one.",
        "cll",
        {},
        runs=("quadrant-1", "quadrant-2", "quadrant-3", "baseline-1", "baseline-2", "baseline-3"),
    ),
)
