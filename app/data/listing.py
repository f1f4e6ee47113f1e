"""The data sets of this machine, and one of them: its images, its report, and what can be done with it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from app.cached import runs
from app.data import report
from app.display import elements, url_state
from app.display.url_forms import one_of
from app.text.plain_text import Markdown, code, plain
from app.widgets import background_command, controls, permission
from cvae_core.config.descriptions import Description
from cvae_core.config.flavours import Flavour
from cvae_core.data import catalogue, datasets, fingerprints, sealed
from cvae_core.data.datasets import DataSet
from cvae_core.errors import DataDamaged, LabError
from cvae_core.evaluation.classifier import classifier_path, is_readable, reading_of_attributes
from cvae_core.jobs import data_sets
from cvae_core.pictures import grid
from cvae_core.pictures.examples import examples
from cvae_core.system import files, formats
from cvae_core.system.folders import default_root

EACH, MOST_ROWS = 12, 20  # example pictures of a class, and classes with pictures
LISTED = 6  # names of runs in a sentence
PREFERRED = "mnist", "digits"


@dataclass(frozen=True)
class Examples:
    """The first training images of each class, which a page shows with its downloads."""

    data: DataSet
    description: Description
    recipe: ClassVar = staticmethod(examples)

    @property
    def rows(self) -> Sequence[str]:
        """Return the names of the classes that are shown."""
        return self.description.classes[:MOST_ROWS]

    def draw(self, scale: int) -> Image.Image:
        """Draw the pictures; a pixel of an image is `scale` pixels wide."""
        sheet = examples(self.data.train, len(self.rows), EACH)
        return grid.grid(
            sheet.images,
            papers=sheet.papers,
            scale=scale,
            rows=self.rows,
            caption=self.caption,
            drawn=self.description.drawn,
        )

    @property
    def caption(self) -> str:
        """Return the caption of the picture."""
        return f"{self.description.name}: the first training images of each class"

    @property
    def facts(self) -> dict[str, object]:
        """Return the metadata of an exported picture."""
        return {"data set": self.description.name, "fingerprint": self.data.fingerprint}

    @property
    def own_images(self) -> str:
        """Return the name of the data set, or an empty text if it is public."""
        name = self.description.name
        return "" if fingerprints.is_public(name, self.data.fingerprint) else name

    def python(self, scale: int, file: str) -> str:
        """Return Python code that draws exactly this picture."""
        options = f"scale={scale}, rows={list(self.rows)!r}, caption={self.caption!r}, drawn={self.description.drawn}"
        return "\n".join(
            [
                "from cvae_core import grid, load_data",
                "from cvae_core.pictures.examples import examples",
                "",
                f"sheet = examples(load_data({self.description.name!r}).train, {len(self.rows)}, {EACH})",
                f"grid(sheet, {options}).save({file!r})",
                "",
            ]
        )


def show() -> None:
    """Show the list of data sets, and the chosen one."""
    names = catalogue.names()
    used = {name: data_sets.runs_using(name, default_root()) for name in names}
    rows = [_row(name, used[name]) for name in names]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={"data set": st.column_config.TextColumn(pinned=True)},
    )
    here = next((name for name in PREFERRED if datasets.on_disk(name)), names[0])
    key = url_state.bound("set", one_of(names), here)
    chosen = st.selectbox("Data set", names, format_func=plain, key=key)
    with elements.sentences():
        name = controls.or_default(chosen, here)
        _one(name, used[name])


def next_steps(name: str) -> None:
    """Say that a data set was stored, with links to it and to its training."""
    if not catalogue.exists(name):
        return  # removed in the meantime
    st.success(f"The data set {code(name)} is stored.", icon=":material/check:")
    with st.container(horizontal=True), elements.sentences():
        elements.link("data", "Show it", symbol="grid_on", set=name)
        _train(name, catalogue.described(name))


def _train(name: str, about: Description) -> None:
    query = {"task": "Train", "new-dataset": name, "new-flavour": _flavour(about)}
    elements.link("training", "Train a model on it", symbol="model_training", **query)


def _flavour(about: Description) -> Flavour:
    return "label" if about.labelled else "vae"


def _row(name: str, used: Sequence[str]) -> dict[str, object]:
    row: dict[str, object] = {"data set": name}
    try:
        about = catalogue.described(name)
    except LabError:
        return {**row, "images": "damaged", "from": catalogue.origin(name), "runs": len(used)}
    counts = f"{about.train:,} + {about.validation:,} + {about.test:,}"
    state = counts if datasets.on_disk(name) else "not here"
    return {
        **row,
        "shape": str(about.shape),
        "classes": len(about.classes) if about.labelled else 0,
        "images": state,
        "from": catalogue.origin(name),
        "runs": len(used),
    }


def _one(name: str, used: Sequence[str]) -> None:
    """Show a data set; if it is damaged, offer its removal only."""
    try:
        about = catalogue.described(name)
    except DataDamaged as error:
        st.error(plain(error), icon=":material/broken_image:")
        _removal(name)
        return
    elements.caption(_in_words(name, about, used))
    if datasets.on_disk(name):
        elements.picture(Examples(runs.dataset(name), about), f"examples-{name}", _alternative(about))
        if len(about.classes) > MOST_ROWS:
            elements.caption(f"The first {MOST_ROWS} of {len(about.classes)} classes are shown.")
        _train(name, about)
        if is_readable(about):
            _classifier(name, about)
    elif name in datasets.DOWNLOAD_BYTES:
        background_command.offer_download(name)
    if datasets.on_disk(name):
        report.attributes(sealed.columns(about.attributes, _values(runs.dataset(name))))
    if catalogue.origin(name) != "built-in":
        report.show(catalogue.header(name).report)
    elif datasets.on_disk(name):
        _counts(about, runs.dataset(name))
    _removal(name)


def _in_words(name: str, about: Description, used: Sequence[str]) -> Markdown:
    """Return what a data set is, where it comes from, and which runs use it."""
    words = f"{report.sizes(about)} "
    if catalogue.origin(name) != "built-in":
        header = catalogue.header(name)
        words += f"Made from {code(header.source)} on {plain(header.created[:10])}. "
        words += f"Licence: {plain(header.licence)}. " if header.licence else ""
    if not used:
        command = f"python -m cvae_core train {_flavour(about)} --dataset {name}"
        return f"{words}No run was trained on it. On the command line: {code(command)}."
    return f"{words}Runs trained on it: {_runs(used)}."


def _runs(names: Sequence[str]) -> Markdown:
    """Return the first names of some runs."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{', '.join(runs.named(name) for name in names[:LISTED])}{more}"


def _alternative(about: Description) -> str:
    return f"Images of the data set {about.name}, a row per class: {', '.join(about.classes[:MOST_ROWS])}"


def _values(data: DataSet) -> dict[str, np.ndarray]:
    """Return the attributes of each split that are stored with a data set."""
    stored = {name: data.split(name).stored for name in datasets.SPLITS}
    return {name: values.numpy() for name, values in stored.items() if values is not None}


def _counts(about: Description, data: DataSet) -> None:
    """Show how many images each class of a built-in data set has."""
    elements.heading("Classes")
    counts = {name: data.split(name).labels.bincount(minlength=len(about.classes)) for name in datasets.SPLITS}
    rows = [
        {"name": name, **{split: int(counts[split][label]) for split in counts}}
        for label, name in enumerate(about.classes)
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=report.FEW_ROWS)


def _classifier(name: str, about: Description) -> None:
    """Say how good the classifier of a data set is, or offer to train it."""
    path, purpose = classifier_path(name, default_root()), f"classifier {name}"
    accuracy, asked = "", False
    with suppress(LabError):  # a damaged one: train it again
        accuracy = _accuracy(path, files.version(path), about) if path.exists() else ""
    working = background_command.is_known(purpose)
    if accuracy and not working:
        elements.caption(
            f"The classifier that judges generated images is trained: it reads {plain(accuracy)}. Judge a run with it on the "
            "page CLL table."
        )
        return
    place = st.container()
    if permission.may_train():
        icon = ":material/school:"
        help = "It reads the class of an image. With it, the images that a run generates are judged."
        asked = place.button("Train its classifier", icon=icon, key=f"train {purpose}", disabled=working, help=help)
    with place, elements.sentences():
        if background_command.carried_out(purpose, "Training the classifier", asked, "classifier", name):
            st.rerun()


@st.cache_data(max_entries=32, show_spinner=False)
def _accuracy(path: Path, version: tuple[int, int, int], _about: Description) -> str:
    """Return the test accuracy that is stored with a classifier, as words; an empty text if there is none.

    Files of earlier versions have no number of test images and no accuracy of the most frequent class.
    """
    notes = formats.read_tensors(path)[1]
    if "accuracy" not in notes:
        return ""
    words = f"{float(notes['accuracy']):.1%} of the test images correctly"
    if not notes.keys() >= {"chance", "tested"}:
        return words
    usual = f"always choosing the most frequent class would be right for {float(notes['chance']):.1%}"
    words = f"{words} ({int(notes['tested']):,} images; {usual})"
    return "; ".join([words, *reading_of_attributes(_about, notes)])


def _removal(name: str) -> None:
    """Offer to remove an added data set; if runs use it, the visitor has to confirm it."""
    if catalogue.origin(name) != "added":
        return
    if not permission.may_train():
        permission.tell("Changes to data sets are disabled")
        return
    with st.popover("Remove", icon=":material/delete:"):
        standing = data_sets.runs_using(name, default_root())
        force = False
        elements.explained("The images will be deleted permanently.")
        if standing:
            words = "These runs were trained on it and can be neither evaluated nor resumed without it"
            st.warning(f"{words}: {_runs(standing)}.", icon=":material/warning:")
            force = st.checkbox("Remove it although runs need it", key=f"force {name}")
        done = f"{code(name)} is removed."
        remove = partial(data_sets.remove, force=force)
        permission.offer("Remove data set", remove, name, default_root(), run=name, done=done)
