"""The order in which scripts are sent to a browser, tested with an instant application and a simulated clock."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.server import asset_order
from app.server.asset_order import AT_MOST, LARGE, QUIET, SmallFilesFirst


class Jumping(asyncio.SelectorEventLoop):
    """Advance the clock to the next event instead of waiting."""

    def __init__(self) -> None:
        super().__init__(selectors.SelectSelector())
        self.now = 0.0
        look = self._selector.select  # type: ignore[attr-defined]

        def select(seconds: float | None = None) -> Any:
            self.now += seconds or 0.0
            return look(0)

        self._selector.select = select  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture(autouse=True)
def by_that_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asset_order, "time", SimpleNamespace(monotonic=now))


async def server(scope: Scope, receive: Receive, send: Send) -> None:
    length = LARGE + 1 if "large" in scope["path"] else 100
    named = [(b"content-length", str(length).encode())] if "unsaid" not in scope["path"] else []
    await send({"type": "http.response.start", "status": 200, "headers": named})
    await send({"type": "http.response.body", "body": b"x"})


async def ask(serving: SmallFilesFirst, path: str, kind: str = "http") -> float:
    """Return the seconds until an answer is complete."""
    said: list[str] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        said.append(message["type"])

    started = now()
    await serving({"type": kind, "path": path}, receive, send)
    assert said == ["http.response.start", "http.response.body"]
    return now() - started


def waits(*asking: Callable[[SmallFilesFirst], Awaitable[float]]) -> list[float]:
    async def together() -> list[float]:
        serving = SmallFilesFirst(server)
        return await asyncio.gather(*(each(serving) for each in asking))

    def run() -> list[float]:
        with asyncio.Runner(loop_factory=Jumping) as runner:
            return runner.run(together())

    with ThreadPoolExecutor(
        1
    ) as apart:  # because this thread may already run the event loop of a browser from earlier tests
        return apart.submit(run).result()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("small.js", "http"), ("unsaid.js", "http"), ("large.gif", "http"), ("large.js", "websocket")],
)
def test_nothing_else_waits(path: str, kind: str) -> None:
    assert waits(lambda serving: ask(serving, path, kind)) == [0]


def test_a_large_script_waits_until_no_other_is_asked_for() -> None:
    async def later(serving: SmallFilesFirst) -> float:
        await asyncio.sleep(QUIET / 2)
        return await ask(serving, "small.js")

    assert waits(lambda serving: ask(serving, "large.js")) == [pytest.approx(QUIET)]
    assert waits(lambda serving: ask(serving, "large.js"), later) == [pytest.approx(1.5 * QUIET), 0]


def test_it_does_not_wait_for_ever() -> None:
    async def again_and_again(serving: SmallFilesFirst) -> float:
        begun = now()
        while now() < begun + 2 * AT_MOST:
            await ask(serving, "small.js")
            await asyncio.sleep(QUIET / 4)
        return now() - begun

    large, small = waits(lambda serving: ask(serving, "large.js"), again_and_again)
    assert large == pytest.approx(AT_MOST)
    assert small >= 2 * AT_MOST
