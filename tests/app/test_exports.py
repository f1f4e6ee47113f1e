"""Files that visitors ask for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit import runtime
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from app import display


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MediaFileManager:
    """Stand in for the server with what keeps its files."""
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(media_file_mgr=manager))
    return manager


def asked_for(content: str, server: MediaFileManager, monkeypatch: pytest.MonkeyPatch) -> str:
    """Press a button for a file; return the name by which the browser is to fetch it."""
    button: dict[str, Any] = {}
    monkeypatch.setattr(st, "download_button", lambda _, **settings: button.update(settings))
    display.file_button("CSV", lambda: content, "numbers.csv")
    waiting = server.add_deferred(button["data"], button["mime"], "a place on the page", button["file_name"])
    return Path(server.execute_deferred(waiting)).name


def test_a_file_waits_to_be_fetched_while_scripts_of_others_end(
    server: MediaFileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = asked_for("a,b\n", server, monkeypatch)
    for _ in range(3):
        server.remove_orphaned_files()
    found = server.read_file(name)
    assert found is not None
    assert (found.content, found.filename) == (b"a,b\n", "numbers.csv")


def test_no_more_than_the_last_files_are_kept(server: MediaFileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [asked_for(f"{number}\n", server, monkeypatch) for number in range(2 * display.FILES_KEPT)]
    for _ in range(3):
        server.remove_orphaned_files()
    assert [name for name in names if server.read_file(name)] == names[display.FILES_KEPT :]
