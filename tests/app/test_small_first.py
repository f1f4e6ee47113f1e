"""The order of scripts on their way to a browser, by an application that answers at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.small_first import AT_MOST, LARGE, QUIET, SmallFilesFirst
from benchmarks.visitors import finished


async def server(scope: Scope, receive: Receive, send: Send) -> None:
    length = LARGE + 1 if "large" in scope["path"] else 100
    named = [(b"content-length", str(length).encode())] if "unsaid" not in scope["path"] else []
    await send({"type": "http.response.start", "status": 200, "headers": named})
    await send({"type": "http.response.body", "body": b"x"})


async def ask(serving: SmallFilesFirst, path: str, kind: str = "http") -> float:
    """Return the seconds until an answer is whole."""
    said: list[str] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        said.append(message["type"])

    started = time.monotonic()
    await serving({"type": kind, "path": path}, receive, send)
    assert said == ["http.response.start", "http.response.body"]
    return time.monotonic() - started


def waits(*asking: Callable[[SmallFilesFirst], Awaitable[float]]) -> list[float]:
    async def together() -> list[float]:
        serving = SmallFilesFirst(server)
        return await asyncio.gather(*(each(serving) for each in asking))

    return finished(together())


@pytest.mark.parametrize(
    ("path", "kind"),
    [("small.js", "http"), ("unsaid.js", "http"), ("large.gif", "http"), ("large.js", "websocket")],
)
def test_nothing_else_waits(path: str, kind: str) -> None:
    (wait,) = waits(lambda serving: ask(serving, path, kind))
    assert wait < QUIET


def test_a_large_script_waits_until_no_other_is_asked_for() -> None:
    async def later(serving: SmallFilesFirst) -> float:
        await asyncio.sleep(QUIET / 2)
        return await ask(serving, "small.js")

    alone, *_ = waits(lambda serving: ask(serving, "large.js"))
    beside, small = waits(lambda serving: ask(serving, "large.js"), later)
    assert QUIET <= alone < AT_MOST
    assert 1.5 * QUIET <= beside < AT_MOST
    assert small < QUIET


def test_it_does_not_wait_for_ever() -> None:
    async def again_and_again(serving: SmallFilesFirst) -> float:
        until = time.monotonic() + 2 * AT_MOST
        while time.monotonic() < until:
            await ask(serving, "small.js")
            await asyncio.sleep(QUIET / 4)
        return 2 * AT_MOST

    large, small = waits(lambda serving: ask(serving, "large.js"), again_and_again)
    assert AT_MOST <= large < small
