"""Uploaded files: one for each visitor, on disk until it is stored as a data set or the visitor leaves."""

import secrets
import shutil
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from cvae_core.data import datasets
from cvae_core.errors import NotWritable
from cvae_core.system import files, folders
from cvae_core.system.files import MEGABYTE

FOLDER = ".uploads"  # in the folder of the data sets
MEGABYTES = 500  # of one upload, as `server.maxUploadSize`
KINDS = ("zip", "npz")
LONGEST_STEM = 40  # characters of the file's name on disk


@dataclass(eq=False)
class Upload:
    """A visitor's file. Its folder is removed with this object, or at the next start if the server is killed."""

    folder: Path
    remove: Callable[[], object]
    name: str  # of the visitor's file
    size: int
    faults: dict[Sequence[str], str] = field(default_factory=dict)  # why `data add` refuses the file with some flags

    @property
    def stem(self) -> str:
        """Return a valid name for the data set."""
        return folders.name_of(PurePosixPath(self.name.replace("\\", "/")).stem, LONGEST_STEM)

    @property
    def source(self) -> Path:
        """Return the file on disk. Its name is safe, and its suffix is one of `KINDS`."""
        suffix = PurePosixPath(self.name).suffix.lower().lstrip(".")
        return self.folder / f"{self.stem}.{suffix if suffix in KINDS else KINDS[0]}"

    def preview(self, flags: Sequence[str]) -> Path:
        """Return the path of the report and the pictures that `data add` makes with some flags."""
        return self.folder / f"preview-{files.digest(' '.join(flags).encode())[:16]}.json"


def keep(file: UploadedFile) -> Upload:
    """Write an uploaded file to disk and remove it from the server's memory. Raises NotWritable."""
    place = _folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(place).free < 2 * file.size:  # the file, and the data set that is made from it
            raise NotWritable(
                f"{place} has too little space for {file.size / MEGABYTE:,.0f} MB twice: free disk space."
            )
        upload = _upload(place, file)
        with upload.source.open("wb") as copy:
            shutil.copyfileobj(file, copy, MEGABYTE)
    except OSError as error:
        raise NotWritable(f"{place} cannot be written ({error.strerror}): free disk space or set CVAE_DATA.") from error
    finally:
        context = get_script_run_ctx()
        if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    return upload


@st.cache_resource(show_spinner=False)
def tidy_once() -> None:
    """Remove the uploads of killed servers, once, at the first visit."""
    files.remove_leftovers(_folder())


def _upload(place: Path, file: UploadedFile) -> Upload:
    """Make a folder for a file."""
    held = ExitStack()
    folder = held.enter_context(files.folder_beside(place / secrets.token_hex(8)))
    upload = Upload(folder, held.close, file.name, file.size)
    weakref.finalize(upload, held.close)
    return upload


def _folder() -> Path:
    return folders.unlinked(datasets.folder() / FOLDER, datasets.folder())
