"""The order in which a browser receives the dashboard's scripts: those of controls first, those of charts afterwards."""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGE = 2_000_000  # bytes; of Streamlit's scripts only Plotly is larger, and one that no page of the lab uses
QUIET, AT_MOST = 0.2, 1.0  # seconds


class SmallFilesFirst:
    """Delay a large script until no script was requested for `QUIET` seconds, for at most `AT_MOST` seconds.

    A new browser requests all scripts of a page at once. Plotly's 4.7 MB occupy it for most of a second, and elements that
    are not on the screen yet have to wait. The browser caches the file, so only its first page with a chart is delayed: by a
    fifth of a second, or for as long as other visitors request scripts.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.asked = 0.0  # time of the last request for a script, by any visitor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""
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
    """Return the length of a response in bytes from its headers, or 0 if they do not give it."""
    return int(Headers(raw=start["headers"]).get("content-length", 0))
