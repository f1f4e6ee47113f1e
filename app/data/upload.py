"""An upload on its way to a data set: the file, its report before anything is stored, decisions, and its name."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_type_hints

import streamlit as st
from typing_extensions import Doc

from app.data import listing, naming, previews, uploads
from app.data.uploads import KINDS, MEGABYTES, Upload
from app.display import elements
from app.text.plain_text import Markdown, code, plain
from app.widgets import background_command, permission
from app.widgets.controls import WIDE_FIELD
from cvae_core.config.descriptions import SIDES
from cvae_core.errors import LabError
from cvae_core.sources.wishes import Wishes
from cvae_core.system.files import MEGABYTE

HELD, SERIAL, STORED = "upload", "upload-serial", "upload-stored"  # in the session
DECISIONS: Mapping[str, Markdown] = {
    "size": "Side in pixels",
    "colour": "Colour",
    "ink": "Ink",
    "fit": "Pictures that are not square",
    "splits": "Splits",
    "duplicates": "Equal images",
    "conflicts": "Equal images of different classes",
}
AUTOMATIC = "auto"


def show() -> None:
    """Show the upload of this visitor, or the place for one."""
    if not permission.may_train():
        permission.tell("Uploads and changes to data sets are disabled")
        return
    upload: Upload | None = st.session_state.get(HELD)
    if upload is None:
        if name := st.session_state.get(STORED):
            listing.next_steps(name)
        _receive()
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{code(upload.name)}, {upload.size / MEGABYTE:,.2f} MB", width="content")
        if st.button("Discard this file", icon=":material/close:", key="discard-upload"):
            for what in ("preview", "store"):
                background_command.cancel(_purpose(what, upload))
            _leave(upload)
            st.rerun()
    with elements.sentences():
        _checked(upload)


def _receive() -> None:
    """Let the visitor choose a file; write it to disk and free the server's memory."""
    serial = st.session_state.setdefault(SERIAL, 0)
    file = st.file_uploader(
        f"A zip with a folder of pictures for each class, or an .npz file (at most {MEGABYTES} MB)",
        type=list(KINDS),
        max_upload_size=MEGABYTES,
        key=f"upload-{serial}",
    )
    elements.explained(
        "Pictures may be PNG, JPEG, WebP or GIF files of any size. An .npz file holds arrays `x` and `y`, or `images` and "
        "`labels`. Nothing is stored before you have seen the report. For a larger source, or for a folder on this machine, "
        "use the command:"
    )
    st.code("python -m cvae_core data add NAME SOURCE", language="bash", wrap_lines=True)
    if file is not None:
        st.session_state[SERIAL] = serial + 1  # the next run has a new, empty field
        with elements.sentences(), st.spinner("Writing the file to disk …"):
            st.session_state[HELD] = uploads.keep(file)
            st.rerun()


def _leave(upload: Upload) -> None:
    upload.remove()
    st.session_state.pop(HELD, None)


def _checked(upload: Upload) -> None:
    """Show what the file would become with the chosen decisions; offer other decisions, and to store it."""
    wishes: Wishes = st.session_state.get(_key("wishes", upload), Wishes())
    flags = tuple(word for pair in wishes.flags().items() for word in pair)
    found, purpose = upload.preview(flags), _purpose("preview", upload)
    if background_command.follow(purpose, "Reading the file"):
        return
    if background_command.is_known(purpose):
        fault, begun = background_command.outcome(purpose), st.session_state[_key("begun", upload)]
        if fault:
            upload.faults[begun] = fault
    if not found.exists() and flags not in upload.faults:
        words = ("data", "add", upload.stem, str(upload.source), *flags, "--preview", str(found))
        try:
            background_command.start(purpose, *words)
        except LabError as error:
            upload.faults[flags] = str(error)
        else:
            st.session_state[_key("begun", upload)] = flags
            st.rerun()
    if fault := upload.faults.get(flags):
        st.error(plain(fault), icon=":material/error:")
        if st.button("Try again", icon=":material/refresh:", key="read-again"):
            del upload.faults[flags]
            st.rerun()
        _decisions(upload, wishes)
        return
    previews.show(found)
    _decisions(upload, wishes)
    _store(upload, flags)


def _decisions(upload: Upload, wishes: Wishes) -> None:
    """Show the decisions; a click applies them and makes a new report."""
    hints = get_type_hints(Wishes, include_extras=True)
    with st.form(_key("decisions", upload)):
        elements.heading("Change decisions")
        with st.container(horizontal=True):
            given = {
                name: _decision(name, label, hints[name], getattr(wishes, name), upload)
                for name, label in DECISIONS.items()
            }
        if st.form_submit_button("Apply", icon=":material/refresh:"):
            st.session_state[_key("wishes", upload)] = Wishes(**given)
            st.rerun()
        elements.caption("The shares of the splits, their seed and more: `python -m cvae_core data add --help`")


def _decision(name: str, label: Markdown, hint: Any, now: object, upload: Upload) -> Any:
    """Show the values of a flag of `data add`, explained as in its help."""
    kind, *notes = get_args(hint)
    words = next(note.documentation for note in notes if isinstance(note, Doc))
    options: Sequence[object] = [None, *SIDES] if name == "size" else get_args(kind)
    return st.selectbox(
        label,
        options,
        index=options.index(now),
        format_func=lambda option: plain(AUTOMATIC if option is None else option),
        key=_key(name, upload),
        help=plain(words),
        width=WIDE_FIELD,
    )


def _store(upload: Upload, flags: Sequence[str]) -> None:
    """Ask for the name of the data set, and store it."""
    purpose = _purpose("store", upload)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name, why = naming.field(_key("name", upload), upload.stem)
        working = background_command.is_known(purpose)
        asked = st.button(
            "Store", icon=":material/save:", type="primary", key="store-upload", disabled=bool(why) or working
        )
    if why and not working:
        st.warning(plain(why), icon=":material/edit:")
    if asked:
        st.session_state[_key("storing", upload)] = name
    if background_command.carried_out(
        purpose, "Storing the data set", asked, "data", "add", name, str(upload.source), *flags
    ):
        st.session_state[STORED] = st.session_state[_key("storing", upload)]
        _leave(upload)
        st.rerun()


def _purpose(what: str, upload: Upload) -> str:
    return f"{what} {upload.folder.name}"


def _key(what: str, upload: Upload) -> str:
    return f"upload-{what}-{upload.folder.name}"
