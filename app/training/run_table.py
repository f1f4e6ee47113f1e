"""The table of all runs, a comparison of selected runs, upkeep of one's own runs, and the list of models on Home."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
import streamlit as st

from app.cached import runs as library
from app.cached import scores
from app.display import elements
from app.text.plain_text import code, plain
from app.training import replay
from app.training.follow import WORDS, uses
from app.widgets import background_command, permission, run_pickers
from cvae_core.config.likelihoods import LIKELIHOOD_FACTS
from cvae_core.config.model_names import model_name
from cvae_core.data import catalogue, datasets
from cvae_core.data.fingerprints import named_here
from cvae_core.errors import LabError
from cvae_core.jobs import control, housekeeping
from cvae_core.runs import run
from cvae_core.runs.card import Card
from cvae_core.system import formats
from cvae_core.system.folders import default_root

TABLE, COMPARED = "runs-table", "runs"  # keys of the table and of the chosen runs, which the address keeps
FEW_ROWS = 178  # pixels: a table of four rows, below which a comparison is in view
REDRAWN = "runs-redrawn"  # in the session: how often the table's selection was set from outside
LISTED = 9  # models on Home


def show() -> None:
    """Show the view."""
    elements.title(
        "All runs",
        "The values are those of the saved weights, usually of the best epoch: validation −ELBO and, for evaluated runs, "
        "importance sampling on the test images with 100 draws. Both figures of a run for any set are over random sets; its "
        "scores with one set are in the CLL table. Click a column to sort; select rows to compare runs.",
    )
    library.rerun_when_runs_change()
    root = default_root()
    cards, damaged = run.readable(root)
    for fault in damaged:
        st.error(plain(fault), icon=":material/error:")
    with elements.sentences():
        rows = [_row(root, name, card) for name, card in cards.items()]
        chosen = _chosen(rows, list(cards))
        if len(chosen) > 1:
            _differences({name: cards[name] for name in chosen})
        if keys := [key for name in chosen if (key := library.any_key(name)) and cards[name].epochs]:
            replay.compare(keys)
        if permission.may_train():
            _maintain(root, chosen, cards)
            _bin(root)


def models_here() -> None:
    """Show links to the models that pages can use, warnings about damaged runs, and the data sets on this machine."""
    sets = catalogue.names()
    here = {name for name in sets if datasets.on_disk(name)}
    if "mnist" not in here:
        st.info(
            "MNIST is not on this machine. Generation works without it; completions use the small embedded digits. "
            "Downloading MNIST needs an internet connection.",
            icon=":material/info:",
        )
        background_command.offer_download("mnist")
    for fault in library.cards()[1]:
        st.warning(plain(fault), icon=":material/broken_image:")
    with st.container(gap=None):
        for name, (page, query) in itertools.islice(_models(here).items(), LISTED):
            elements.link(page, library.named(name), **query)
        elements.link("training", "All runs, with their results", task="Runs")
    states = [f"{named_here(name)} {'here' if name in here else 'not here'}" for name in sets]
    elements.caption(
        f"Data sets: {plain(', '.join(states))}. To train a run from the command line, see `python -m cvae_core --help`."
    )


def _models(here: Collection[str]) -> dict[str, tuple[str, Mapping[str, str]]]:
    """Return the runs that a page can show with the data sets on this machine, each with the page and its query parameters.

    One's own runs come first, the newest on top. The pretrained ones follow, one for each model's name: those whose images
    are on this machine, then those of MNIST, then those with short names, which are closest to the presets.
    """
    cards = {name: library.card(key) for name, key in library.run_keys().items()}
    own = sorted(
        (name for name in cards if not cards[name].read_only), key=lambda name: cards[name].created, reverse=True
    )

    def order(name: str) -> tuple[bool, bool, int, str]:
        dataset = cards[name].config.dataset
        return dataset not in here, dataset != "mnist", len(name), name

    pretrained: dict[str, str] = {}
    for name in sorted(cards.keys() - set(own), key=order):
        pretrained.setdefault(model_name(cards[name].config), name)
    found = {}
    for name in (*own, *pretrained.values()):
        config = cards[name].config
        if (pages := uses(name, config)) and (config.dataset in here or not config.reads_images):
            found[name] = next(iter(pages.items()))
    return found


def _row(root: Path, name: str, card: Card) -> dict[str, object]:
    config, quality = card.config, scores.quality(name)
    return {  # most important columns first, because a narrow window shows only these without scrolling
        "run": name,
        "model": library.model_of(name),
        "state": _state(root, name, card),
        "validation −ELBO": None if card.elbo is None else -card.elbo,
        "test CLL": quality.mean if quality else None,
        "±": quality.standard_error if quality else None,
        "minutes": card.seconds / 60,
        "parameters": card.parameters,
        "data set": card.image_set,
        "preset": config.preset,
        "best epoch": card.best_epoch,
        "pixels": config.pixels if config.channels == 1 else "colour",
        "likelihood": LIKELIHOOD_FACTS[config.likelihood].words,
        "verdict": card.trouble or card.verdict or "",
        "note": card.note,
    }


def _state(root: Path, name: str, card: Card) -> str:
    if card.read_only or card.imported:
        return "pretrained" if card.read_only else "imported"
    with suppress(LabError):  # such as a damaged queue, which the view *Train* reports
        return WORDS[control.state_of(root, name).state][1]
    return card.status


def _chosen(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> list[str]:
    """Show the table of all runs and the choice of some; return their names. A selected row is a chosen run."""
    words = "Selecting rows of the table does the same"
    chosen = run_pickers.run_names("Compare", names, COMPARED, words, most=len(names))
    rows_chosen = sorted(map(names.index, chosen))

    def key() -> str:  # Streamlit keeps selected rows with the key, and by index: a new key resets them
        return f"{TABLE}-{hash(tuple(names))}-{st.session_state.get(REDRAWN, 0)}"

    def take() -> None:
        rows = st.session_state[key()]["selection"]["rows"]
        st.session_state[COMPARED] = [names[row] for row in rows if row < len(names)]

    if (held := st.session_state.get(key())) and sorted(held["selection"]["rows"]) != rows_chosen:
        st.session_state[REDRAWN] = st.session_state.get(REDRAWN, 0) + 1
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="",
        height="content" if len(chosen) < 2 else FEW_ROWS,
        key=key(),
        on_select=take,
        selection_default={"selection": {"rows": rows_chosen}},
        selection_mode="multi-row",
        column_config={
            "run": st.column_config.TextColumn(pinned=True),
            "parameters": number(format="compact"),
            "minutes": number(format="%.1f"),
            "validation −ELBO": number(format="%.1f", help="Nats per image, lower is better; empty for other objectives"),
            "test CLL": number(format="%.1f", help="−log p(x | c) by importance sampling, S = 100, in nats per test image; "
                               "for a baseline, its cross-entropy"),
            "±": number(format="%.2f", help="Standard error over images"),
        },
    )  # fmt: skip
    whole = pd.DataFrame(rows, dtype=object)  # as objects, because some runs have no best epoch
    elements.file_button("CSV", lambda: formats.spreadsheet(whole), "runs.csv", words="Download this table")
    return chosen


def _differences(cards: Mapping[str, Card]) -> None:
    """Show the settings in which runs differ, with values that differ from the first run's in bold."""
    differing = library.differences({library.label(name): card.config for name, card in cards.items()})
    if len({card.data_fingerprint for card in cards.values()}) > 1:
        differing["dataset"] = {library.label(name): card.image_set for name, card in cards.items()}
    elements.heading("Differences in settings")
    if not differing:
        elements.caption("The selected runs have the same settings.")
        return
    table = pd.DataFrame(differing).T.map(str)
    first = table.columns[0]
    table.index = table.index.str.replace("_", " ")
    elements.table(table, bold=table.ne(table[first], axis=0))
    elements.caption(f"Only settings that differ are shown. Bold: different from {plain(first)}.")


def _maintain(root: Path, chosen: Sequence[str], cards: Mapping[str, Card]) -> None:
    """Offer to rename, annotate or discard the selected run, if it is one's own."""
    if len(chosen) != 1:
        elements.caption("Select one run of your own to rename it, add a note or move it to the bin.")
        return
    (name,) = chosen
    if cards[name].read_only:
        elements.caption(f"{code(name)} is pretrained and read-only.")
        return
    with st.container(horizontal=True):
        with st.popover("Rename", icon=":material/edit:"):
            new = st.text_input("New name", value=name, key=f"rename {name}")
            done = f"{code(name)} is now called {code(new.strip())}."
            permission.offer("Rename run", housekeeping.rename, root, name, new.strip(), run=name, done=done)
        with st.popover("Note", icon=":material/sticky_note_2:"):
            note = st.text_area("Note", value=cards[name].note, key=f"note {name}", max_chars=housekeeping.LONGEST_NOTE)
            done = f"The note of {code(name)} is saved."
            permission.offer("Save note", housekeeping.annotate, root, name, note, run=name, done=done)
        done = f"{code(name)} is in the bin, at the end of this page."
        permission.offer(
            "Move to the bin", housekeeping.discard, root, name, run=name, done=done, icon=":material/delete:"
        )


def _bin(root: Path) -> None:
    """Offer to restore the runs in the bin, or to delete them."""
    found = housekeeping.in_bin(root)
    if not found:
        return
    with st.expander(f"Bin ({len(found)} runs)", icon=":material/delete:"):
        for name in dict.fromkeys(binned.run for binned in found):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(code(name), width="stretch")
                permission.offer(
                    "Restore", housekeeping.restore, root, name, run=name, done=f"{code(name)} is restored."
                )
        with st.popover("Empty the bin", icon=":material/delete_forever:"):
            elements.explained("All runs in the bin will be deleted permanently.")
            permission.offer("Delete permanently", housekeeping.empty_bin, root, run="all", done="The bin is empty.")
