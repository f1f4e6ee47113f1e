"""One image completed as each label, and the label that its visible part could have."""

from collections.abc import Sequence

from app.cached import label_readings, runs
from app.charts import label_charts
from app.display import elements, presenter
from app.live import live_decoder
from app.live.drawing_pad import Quadrants
from app.text import labels
from app.text.plain_text import code, plain
from app.views import code_snippets
from app.widgets import controls, run_pictures
from cvae_core.config.quadrant_names import SETS, described
from cvae_core.evaluation.label_posterior import SAMPLES
from cvae_core.pictures import recipes
from cvae_core.pictures.recipes import Shown

DRAWN = 3  # samples of each label
WORTH_SAYING = 0.05  # a probability
NOT_FULL = 10.0  # effective draws: with fewer, an estimate is usually too low


def of_images(opened: Quadrants, indices: Sequence[int], shown_as: Shown, seed: int) -> None:
    """Let the visitor choose one of the test images, and show what its hidden part and its label could be."""
    if _labelled(opened):
        elements.heading("One image as each label")
        index = _one_of(indices)
        _as_each(opened, index, f"test image {index}", f"as-each-{index}", shown_as, seed)
        own = int(runs.images(opened.key).test.labels[index])
        with elements.sentences():
            _hidden(opened, index, own, seed)
        _offer(opened, index, seed, own)
    else:
        _offer(opened, indices, seed)


def of_drawing(opened: Quadrants, ink: bytes, words: str, shown_as: Shown, seed: int) -> None:
    """Show a drawing or a picture as each label, and which label it could have. Nobody knows its hidden part."""
    if _labelled(opened):
        elements.heading(f"Your {plain(words)} as each label")
        _as_each(opened, ink, f"a {words}", f"{words}-as-each", shown_as, seed)
    _offer(opened, ink, seed)


def _labelled(opened: Quadrants) -> bool:
    return "label" in runs.config(opened.key).given and not presenter.is_on()


def _one_of(indices: Sequence[int]) -> int:
    """Let the visitor choose one of the test images by its column."""
    columns = [str(position + 1) for position in range(len(indices))]
    return indices[int(controls.choice("Column", columns, "column-as")) - 1]


def _as_each(opened: Quadrants, given: int | bytes, words: str, name: str, shown_as: Shown, seed: int) -> None:
    """Show completions of a test image or of a drawing as each label, a column per label."""
    classes = runs.description(opened.key).classes
    shown = live_decoder.shown_labels(len(classes), opened.label or 0)
    drawing = isinstance(given, bytes)
    run_pictures.show(
        opened.key,
        recipes.drawing_as if drawing else recipes.completions_as,
        {"ink" if drawing else "index": given, **opened._replace(label=None).given, "labels": shown, "count": DRAWN,
         "seed": seed, "pixels": shown_as},
        f"{words} with the {described(opened.visible)} visible, completed as each label with the same z noise, seed {seed}",
        name,
        "One image, completed as each label",
        rows=("NN", "best guess", *(f"sample {n + 1}" for n in range(DRAWN))),
        columns=[classes[label] for label in shown],
    )  # fmt: skip


def _hidden(opened: Quadrants, index: int, own: int, seed: int) -> None:
    """Show log p(hidden | visible, label) of a test image for each label."""
    data, key = runs.description(opened.key), opened.key
    found = label_readings.hidden_by_label(key, index, opened.visible, seed)
    title = code_snippets.P_HIDDEN
    chart = label_charts.by_label(found.log_p.numpy(), found.error.numpy(), data.classes, title, own)
    lines = code_snippets.hidden_by_label(key, index, opened.visible, seed, own)
    elements.chart(chart, lines, "hidden-by-label", f"{title} of a test image for each label")
    best = int(found.log_p.argmax())
    likely = "with its own label" if best == own else f"as {labels.a(data, best)}"
    elements.caption(
        f"Log-likelihood of the hidden part of test image {index} in nats, by importance sampling (S = {SAMPLES:,} per "
        f"label; standard errors up to {found.error.max():.1f} nats). Red: its own label. The hidden part is most probable "
        f"{likely}."
    )


def _offer(opened: Quadrants, given: int | bytes | Sequence[int], seed: int, own: int | None = None) -> None:
    """Offer p(label | visible) in an expander, which is open for runs that are given labels."""
    reader = label_readings.reader_of(opened.key)
    if reader is None or runs.other_images(opened.key):
        return

    def show() -> None:
        chosen, label = given, own
        if isinstance(given, Sequence) and not isinstance(given, bytes):
            chosen = _one_of(given)
            label = int(runs.images(opened.key).test.labels[chosen])
        assert isinstance(chosen, int | bytes)
        with elements.sentences():
            _could_become(opened, reader, chosen, seed, label)

    elements.folded("What could this become?", show, "become", ":material/help_center:", opened=_labelled(opened))


def _could_become(opened: Quadrants, reader: runs.RunKey, given: int | bytes, seed: int, own: int | None) -> None:
    """Show p(label | visible) of a test image or of a drawing by a label run, and how good this classifier is."""
    data = runs.description(reader)
    found = label_readings.could_become(reader, given, opened.visible, seed)
    p, error = found.probabilities[0].numpy(), found.error[0].numpy()
    chart = label_charts.by_label(p, error, data.classes, code_snippets.P_LABEL, own)
    lines = code_snippets.could_become(reader, given, opened.visible, seed, own)
    elements.chart(chart, lines, "could-become", "The probability of each label, given the visible part")
    likely = [label for label in p.argsort()[::-1].tolist() if p[label] >= WORTH_SAYING]
    named = ", ".join(f"**{plain(data.classes[label])}** {p[label]:.0%} ± {error[label]:.0%}" for label in likely)
    least = float(found.visible.effective[0, likely].min())
    elements.explained(
        f"{named}. By Bayes' rule from p(label) and p(visible | label), which is that of {runs.named(reader.name)} without "
        f"the hidden pixels: importance sampling with S = {SAMPLES:,} draws per label, of which {least:.0f} or more are "
        "effective for these labels." + (" With so few, the error is only roughly known." if least < NOT_FULL else "")
    )
    stored = label_readings.findings_of(reader, opened.visible)
    told = [f"{plain(one.name)} {one.value:.3f}, the classifier on whole images {one.reference:.3f}" for one in stored]
    if stored:
        elements.caption(f"{'; '.join(told)} (N = {stored[0].of:,} test images).")
    elif opened.visible in SETS:
        ask = code(f"python -m cvae_core judge {reader.name} --visible {opened.visible}")
        elements.caption(f"To measure how often the most probable label is right: {ask}")
