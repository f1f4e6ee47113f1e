"""A download from a page: its separate process, its progress and its end."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from app.widgets import permission
from cvae_core.data import datasets
from cvae_core.system import processes
from tests.app.conftest import Visit


class FakeProcess:
    """A download that runs until the test ends it."""

    def __init__(self, said: IO[bytes]) -> None:
        self.returncode: int | None = None
        self.said = said
        said.write(b"progress\nDownloading mnist failed: no route. Check the internet connection.\n")

    def poll(self) -> int | None:
        return self.returncode


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeProcess]]:
    begun: list[FakeProcess] = []

    def start(words: Sequence[str], said: IO[bytes]) -> FakeProcess:
        assert list(words) == ["download", "mnist"]
        begun.append(FakeProcess(said))
        return begun[-1]

    monkeypatch.setattr(processes, "launched", start)
    yield begun
    for process in begun:
        process.said.close()


def test_a_click_starts_one_download_and_its_progress_is_shown_to_every_visitor(
    visit: Visit, without_mnist: None, started: list[FakeProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "downloaded_bytes", lambda name: datasets.DOWNLOAD_BYTES[name] // 2)
    home = visit("home")
    home.button(key="start download mnist").click().run()
    other = visit("home")
    assert len(started) == 1
    for visitor in (home, other):
        assert not visitor.exception
        assert [bar.proto.value for bar in visitor.get("progress")] == [50]
        assert not visitor.button


def test_one_computation_at_a_time_is_at_work(
    visit: Visit, without_mnist: None, started: list[FakeProcess], own_runs: Path
) -> None:
    home, latent = visit("home"), visit("latent", run="digits-label", **{"points-360": "60"})
    home.button(key="start download mnist").click().run()
    start = next(button for button in latent.button if button.label.startswith("Compute it"))
    start.click().run()
    assert len(started) == 1
    assert any("Another computation is at work" in info.value for info in latent.info)


def test_a_failed_download_is_a_sentence_and_can_be_tried_again(
    visit: Visit, without_mnist: None, started: list[FakeProcess]
) -> None:
    home = visit("home")
    home.button(key="start download mnist").click().run()
    started[0].returncode = 2
    home.run()
    assert home.error[0].value == "Downloading mnist failed: no route. Check the internet connection."
    assert home.button(key="start download mnist")


def test_whoever_may_not_train_may_not_start_errands_either(
    visit: Visit, without_mnist: None, own_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(permission.VARIABLE, "off")
    for visitor in (visit("home"), visit("latent", run="digits-label", **{"points-360": "60"})):
        assert "This server fetches and computes nothing that stays" in visitor.info[-1].value
        assert not [button.label for button in visitor.button if button.label.startswith(("Download", "Compute"))]
