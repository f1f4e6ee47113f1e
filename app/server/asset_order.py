"""The order in which a browser gets the dashboard's code: what controls are made of first, what draws charts after it."""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGE = 2_000_000  # bytes; of what Streamlit brings along only Plotly is, and one more that no page of the lab uses
QUIET, AT_MOST = 0.2, 1.0  # seconds


class SmallFilesFirst:
    """Hold a large script back until no other was asked for in the last `QUIET` seconds, `AT_MOST` seconds long.

    A browser that is new here asks for everything on a page at once, and is busy with Plotly's 4.7 MB for most of a second:
    whatever is not on the screen by then waits. It keeps the file: only its first page with a chart waits here, a fifth of a
    second, and where other visitors come at that moment, as long as they ask.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.asked = 0.0  # when, for the last script that anybody asked for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not scope["path"].endswith(".js"):
            await self.app(scope, receive, send)
            return
        self.asked = time.monotonic()

        async def in_turn(message: Message) -> None:
            if message["type"] == "http.response.start" and _length(message) > LARGE:
                await self._quiet()
            await send(message)

        await self.app(scope, receive, in_turn)

    async def _quiet(self) -> None:
        latest = time.monotonic() + AT_MOST
        while (rest := min(self.asked + QUIET, latest) - time.monotonic()) > 0:
            await asyncio.sleep(rest)


def _length(start: Message) -> int:
    """Return the bytes of an answer that begins; 0 where it does not say."""
    return int(Headers(raw=start["headers"]).get("content-length", 0))
