"""A dashboard for visitors without a browser, and measurements of its process."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server import dashboard

SESSIONS_END = 65  # seconds


@dataclass(frozen=True)
class Server:
    """The process of a dashboard."""

    address: str
    log: Path

    @property
    def megabytes(self) -> float:
        """Return the resident memory of the process."""
        (line,) = (line for line in (self._proc / "status").read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def has_loaded(self, library: str) -> bool:
        """Return whether the process has loaded a shared library."""
        return library in (self._proc / "maps").read_text()

    @property
    def open_files(self) -> int:
        """Return the number of open files of the process, without sockets."""
        return len([path for path in (self._proc / "fd").iterdir() if "socket" not in str(path.readlink())])

    @property
    def _proc(self) -> Path:
        port = str(urlsplit(self.address).port)
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if "--server.port" in words and port in words:
                return path.parent
        raise ProcessLookupError("the dashboard has no process")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a dashboard; fail at the end if its log has an unexpected error."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with dashboard(folder) as url:
        yield Server(url, folder / "log")
    assert "app.server.uncaught_errors" not in (folder / "log").read_text()


@pytest.fixture
def address(server: Server) -> str:
    """Return the address of the dashboard."""
    return server.address


def settled(server: Server, long: bool) -> float:
    """Return the resident memory; in a long test, after the sessions of former visitors have expired."""
    time.sleep(SESSIONS_END if long else 0)
    return server.megabytes
