"""A dashboard as a user starts it, for those who come without a browser."""

from collections.abc import Iterator

import pytest

from tests.server import dashboard


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server; yield where it answers. Nothing unexpected may happen in it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    with dashboard(folder) as url:
        yield url
    assert "app.faults" not in (folder / "log").read_text()
