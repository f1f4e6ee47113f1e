"""Uploads that no browser sends: forged requests to the gate, in front of an application that reads the whole body."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message
from streamlit import config

from app.server.upload_gate import ADDRESS, OVERHEAD, SMALL, UploadGate
from app.widgets import permission
from cvae_core.system.files import MEGABYTE
from tests.measuring import Measured

pytestmark = pytest.mark.promise
MOST = 12  # MB, in place of 500
PIECE = bytes(MEGABYTE)
HELD: asyncio.Event


@pytest.fixture(autouse=True)
def of_few_megabytes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = config.get_option("server.maxUploadSize")
    config.set_option("server.maxUploadSize", MOST)
    yield
    config.set_option("server.maxUploadSize", before)


def serving() -> Starlette:
    """Return an application as Streamlit's: the gate is in front of a handler that reads the body of an upload."""

    async def put(request: Request) -> Response:
        if "no-token" in request.headers:
            raise HTTPException(403, "XSRF token missing or invalid")
        size = 0
        async for piece in request.stream():
            size += len(piece)
        return Response(str(size))

    route = Route(f"{ADDRESS}{{session}}/{{file}}", put, methods=["PUT", "POST"])
    return Starlette(routes=[route], middleware=[Middleware(UploadGate)])


async def ask(
    app: Starlette, pieces: Sequence[bytes], *, declared: object = None, method: str = "PUT", wait: bool = False
) -> tuple[int, str, int]:
    """Send a request in pieces; return the status, the text of the response, and how many pieces were read."""
    said: list[Message] = []
    read = 0

    async def receive() -> Message:
        nonlocal read
        if wait and read == len(pieces) - 1:
            await HELD.wait()
        read += 1
        return {"type": "http.request", "body": pieces[read - 1], "more_body": read < len(pieces)}

    async def send(message: Message) -> None:
        said.append(message)

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    scope = {
        "type": "http", "method": method, "path": f"{ADDRESS}session/file", "headers": headers, "query_string": b"",
    }  # fmt: skip
    await app(scope, receive, send)
    return said[0]["status"], b"".join(part.get("body", b"") for part in said).decode(), read


def answers(asking: Callable[[Starlette], Awaitable[tuple[int, str, int]]]) -> tuple[int, str, int]:
    async def run() -> tuple[int, str, int]:
        return await asking(serving())

    with ThreadPoolExecutor(1) as apart:  # earlier tests may have left an event loop running in this thread
        return apart.submit(lambda: asyncio.run(run())).result()


def allow(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    monkeypatch.setenv(permission.VARIABLE, wish)


@pytest.mark.parametrize("wish", ["on", "off"])
@pytest.mark.parametrize("declared", [SMALL, None])
def test_a_small_file_is_for_everybody(monkeypatch: pytest.MonkeyPatch, wish: str, declared: int | None) -> None:
    allow(monkeypatch, wish)
    assert answers(lambda app: ask(app, [PIECE] * 10, declared=declared)) == (200, str(SMALL), 10)


def test_a_large_file_needs_the_permission_to_train(monkeypatch: pytest.MonkeyPatch) -> None:
    size = SMALL + OVERHEAD + 1
    allow(monkeypatch, "on")
    assert answers(lambda app: ask(app, [PIECE] * 11, declared=size))[0] == 200
    allow(monkeypatch, "off")
    status, sentence, read = answers(lambda app: ask(app, [PIECE] * 11, declared=size))
    assert (status, read) == (403, 0)
    assert sentence == "Files of more than 10 MB need the permission to train."


@pytest.mark.parametrize("declared", [None, "0", "5", "-1", "1e3", "²"])
def test_a_large_file_that_declares_no_size_or_a_wrong_one_is_cut(
    monkeypatch: pytest.MonkeyPatch, declared: str | None, measured: Measured
) -> None:
    allow(monkeypatch, "off")
    small = answers(lambda app: ask(app, [PIECE] * 30, declared=declared))
    allow(monkeypatch, "on")
    large = answers(lambda app: ask(app, [PIECE] * 30, declared=declared))
    measured("uploads", requests=2, accepted=[small[0], large[0]].count(200))
    assert small[::2] == (403, 12)
    assert large == (413, "The file is too large.", 14)


@pytest.mark.parametrize("declared", [(MOST + 1) * MEGABYTE + 1, 10**18])
def test_nothing_of_a_file_beyond_the_limit_is_read(
    monkeypatch: pytest.MonkeyPatch, declared: int, measured: Measured
) -> None:
    allow(monkeypatch, "on")
    status, _, read = answers(lambda app: ask(app, [PIECE], declared=declared))
    measured("uploads", requests=1, accepted=int(status == 200))
    assert (status, read) == (413, 0)


def test_one_large_file_at_a_time(monkeypatch: pytest.MonkeyPatch, measured: Measured) -> None:
    allow(monkeypatch, "on")
    second: list[int] = []

    async def together(app: Starlette) -> tuple[int, str, int]:
        global HELD
        HELD = asyncio.Event()
        first = asyncio.create_task(ask(app, [PIECE] * 13, wait=True))
        await asyncio.sleep(0.01)
        assert (await ask(app, [PIECE]))[0] == 200
        for declared, most in ((None, 12), (12 * MEGABYTE, 0)):
            status, _, read = await ask(app, [PIECE] * 12, declared=declared)
            assert (status, read) == (429, most)
            second.append(status)
        HELD.set()
        assert (await first)[0] == 200
        return await ask(app, [PIECE] * 12)

    assert answers(together)[0] == 200
    measured("uploads", requests=len(second), accepted=second.count(200))


def test_the_gate_is_free_after_a_refusal_by_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    allow(monkeypatch, "on")

    async def again(app: Starlette) -> tuple[int, str, int]:
        assert (await ask(app, [PIECE] * 30))[0] == 413
        return await ask(app, [PIECE] * 12)

    assert answers(again)[0] == 200
