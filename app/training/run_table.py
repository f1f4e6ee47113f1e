"""The table of all runs, a comparison of selected runs, upkeep of one's own runs, and the overview on Home."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
import streamlit as st

from app.cached import runs as library
from app.display import elements
from app.display.plain_text import code, plain
from app.training import replay
from app.training.follow import WORDS
from app.widgets import background_command, permission
from cvae_core.data import datasets
from cvae_core.data.fingerprints import named_here
from cvae_core.errors import LabError
from cvae_core.jobs import control, housekeeping
from cvae_core.runs import run
from cvae_core.runs.card import Card
from cvae_core.system import formats
from cvae_core.system.folders import default_root

TABLE = "runs-table"


def show() -> None:
    """Show the view."""
    elements.title(
        "All runs",
        "The values are those of the saved weights, usually of the best epoch: validation −ELBO and, for evaluated runs, "
        "importance sampling on the test images with 100 draws. Click a column to sort; select rows to compare runs.",
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


def runs_here() -> None:
    """Show the runs and data sets on this machine."""
    if not datasets.on_disk("mnist"):
        st.info(
            "MNIST is not on this machine. Generation works without it; completions use the small embedded digits. "
            "Downloading MNIST needs an internet connection.",
            icon=":material/info:",
        )
        background_command.offer_download("mnist")
    cards, damaged = library.cards()
    for fault in damaged:
        st.warning(plain(fault), icon=":material/broken_image:")
    rows = [
        {
            "run": name,
            "kind": card.config.summary + (card.imported and f", imported {card.imported}"),
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
    number, words = st.column_config.NumberColumn, "Nats per image, lower is better; a baseline's is its cross-entropy"
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={
            "−ELBO": number("−ELBO, validation", format="%.1f", help=words),
            "minutes": number("training", format="%.1f min"),
            "parameters": number(format="%.1f M"),
        },
    )
    sets = [f"{named_here(name)} {'here' if datasets.on_disk(name) else 'not here'}" for name in datasets.NAMES]
    elements.caption(
        f"Image sets: {plain(', '.join(sets))}. To train a run from the command line, see `python -m cvae_core --help`."
    )


def _row(root: Path, name: str, card: Card) -> dict[str, object]:
    config, quality = card.config, library.quality(name)
    return {  # most important columns first, because a narrow window shows only these without scrolling
        "run": name,
        "data set": card.image_set,
        "preset": config.preset,
        "state": _state(root, name, card) + (f", {card.verdict}" if card.trouble else ""),
        "validation −ELBO": None if card.elbo is None else -card.elbo,
        "test CLL": quality.mean if quality else None,
        "±": quality.standard_error if quality else None,
        "minutes": card.seconds / 60,
        "parameters": card.parameters,
        "model": config.summary,
        "best epoch": card.best_epoch,
        "pixels": config.pixels,
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
    """Show the table of all runs, and return the names of the selected ones."""
    number = st.column_config.NumberColumn
    picked = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="",
        height="content",
        key=f"{TABLE}-{hash(tuple(names))}",  # Streamlit stores selected rows by index: reset them if the runs change
        on_select="rerun",
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
    return [names[row] for row in picked["selection"]["rows"] if row < len(names)]


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
            permission.offer("Rename run", housekeeping.rename, root, name, new.strip(), run=name)
        with st.popover("Note", icon=":material/sticky_note_2:"):
            note = st.text_area("Note", value=cards[name].note, key=f"note {name}", max_chars=housekeeping.LONGEST_NOTE)
            permission.offer("Save note", housekeeping.annotate, root, name, note, run=name)
        permission.offer("Move to the bin", housekeeping.discard, root, name, run=name, icon=":material/delete:")


def _bin(root: Path) -> None:
    """Offer to restore the runs in the bin, or to delete them."""
    found = housekeeping.in_bin(root)
    if not found:
        return
    with st.expander(f"Bin ({len(found)} runs)", icon=":material/delete:"):
        for name in dict.fromkeys(binned.run for binned in found):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(code(name), width="stretch")
                permission.offer("Restore", housekeeping.restore, root, name, run=name)
        with st.popover("Empty the bin", icon=":material/delete_forever:"):
            elements.explained("All runs in the bin will be deleted permanently.")
            permission.offer("Delete permanently", housekeeping.empty_bin, root, run="all")
