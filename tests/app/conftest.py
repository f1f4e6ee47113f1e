"""A visitor without a browser: pages opened through Home, with the pretrained runs or a copy of them."""

import shutil
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from app.text import glossary
from app.widgets import permission
from tests.waiting import WAIT

ROOT = Path(__file__).resolve().parents[2]
Visit = Callable[..., AppTest]


@pytest.fixture(scope="session", autouse=True)
def packages_read_once() -> Iterator[None]:
    """List the installed packages once: AppTest searches all of them for components again for every visitor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session", autouse=True)
def run_as_shipped() -> None:
    """Run scripts as the server does: AppTest does not read the configuration file of the app."""
    for name, value in tomllib.loads((ROOT / "app/.streamlit/config.toml").read_text())["runner"].items():
        config.set_option(f"runner.{name}", value)


@pytest.fixture(autouse=True)
def forgetful(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Clear the caches between tests, and fail a test in which a page raised an unexpected error."""
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
    assert [
        record.exc_text for record in caplog.get_records("call") if record.name == "app.server.uncaught_errors"
    ] == []


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Permit visitors to train and start commands, as on a local server."""
    monkeypatch.setenv(permission.VARIABLE, "on")


@pytest.fixture
def marked_terms() -> None:
    """Show the texts of pages as they are, with the marks of the glossary's terms."""


@pytest.fixture(autouse=True)
def words_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the texts of pages without the marks of the glossary's terms, unless a test asks for them."""
    if marked_terms.__name__ not in request.fixturenames:
        monkeypatch.setattr(glossary, "marked", lambda text: text)


@pytest.fixture
def without_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CVAE_DATA", str(tmp_path / "nothing"))


@pytest.fixture
def own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Provide a copy of some pretrained runs that a test may damage."""
    root = tmp_path / "runs"
    for name in ("digits-label", "digits-baseline-1", "digits-quadrant-1"):
        shutil.copytree(ROOT / "checkpoints" / name, root / name)
    monkeypatch.setenv("CVAE_RUNS", str(root))
    return root


@pytest.fixture
def visit() -> Visit:
    """Return a function that opens a page by a link with query parameters."""

    def open_page(page: str = "home", **query: str | list[str]) -> AppTest:
        return go_on(AppTest.from_file(str(ROOT / "app" / "Home.py"), default_timeout=WAIT), page, **query)

    return open_page


def go_on(visitor: AppTest, page: str, **query: str | list[str]) -> AppTest:
    """Return a function that opens a page for a visitor, the first page or a later one."""
    if page != "home":
        visitor.switch_page(f"../pages/{page}.py")
    visitor.query_params.update(query)
    visitor.run()
    assert not visitor.exception
    return visitor
