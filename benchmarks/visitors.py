"""Visitors of the dashboard without a browser: clients of Streamlit's protocol over a WebSocket.

A visitor opens a page by its address and sets its widgets. It reports how long each answer took, which pictures are shown and
which errors occurred. Like a browser, it reruns fragments with `run_every` and caches messages that the server sends once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from tests.server import DIRECTLY
from tests.waiting import WAIT

Result = TypeVar("Result")


class Visitor:
    """A visitor of one page."""

    def __init__(self, address: str, socket: ClientConnection) -> None:
        self._address, self._socket = address, socket
        self._state = ClientState()
        self._widgets: dict[str, WidgetState] = {}
        self._shown: dict[tuple[int, ...], Delta] = {}  # by position on the page
        self._kept: dict[str, ForwardMsg] = {}
        self._clocks: dict[str, asyncio.Task[None]] = {}
        self._awaited = ""  # the ID of a fragment; "" for the whole page
        self._answered = asyncio.Event()
        self._replaced = False  # the awaited run ended early because the next one was waiting

    async def open(self, page: str = "", query: str = "") -> float:
        """Open a page; return the seconds until its script has run."""
        self._state.page_name, self._state.query_string = page, query
        return await self._ask()

    async def set(self, key: str, **value: Any) -> float:
        """Set the widget with this key, `value` as in Streamlit's protocol; return the seconds until the script has run."""
        async with asyncio.timeout(WAIT):  # during a rerun the widget may be missing for a moment
            while (found := next(self._found(key), None)) is None:
                await asyncio.sleep(0.01)
        widget, fragment = found
        self._widgets[widget] = WidgetState(id=widget, **value)
        return await self._ask(fragment)

    @property
    def pictures(self) -> list[str]:
        """Return the addresses of the page's pictures; an address contains a digest of the picture."""
        return [picture.url for _, delta in sorted(self._shown.items()) for picture in delta.new_element.imgs.imgs]

    @property
    def faults(self) -> list[str]:
        """Return the texts of exceptions and of error boxes on the page."""
        elements = [delta.new_element for delta in self._shown.values()]
        said = [element.exception.message for element in elements if element.HasField("exception")]
        return said + [element.alert.body for element in elements if element.alert.format == Alert.ERROR]

    @property
    def alerts(self) -> list[str]:
        """Return the texts of all alert boxes on the page."""
        elements = [delta.new_element for _, delta in sorted(self._shown.items())]
        return [element.alert.body for element in elements if element.HasField("alert")]

    async def fetch(self, picture: str) -> bytes:
        """Return a picture's bytes."""
        with await asyncio.to_thread(DIRECTLY.open, self._address + picture) as answer:
            content: bytes = answer.read()
        return content

    async def listen(self) -> None:
        """Process the server's messages until the task is cancelled."""
        async for frame in self._socket:
            assert isinstance(frame, bytes)
            self._take(ForwardMsg.FromString(frame))

    def leave(self) -> None:
        """Stop the periodic reruns."""
        for clock in self._clocks.values():
            clock.cancel()

    async def _ask(self, fragment: str = "") -> float:
        self._awaited, self._replaced = fragment, False
        self._answered.clear()
        started = time.monotonic()
        await self._send(fragment)
        async with asyncio.timeout(WAIT):
            await self._answered.wait()
        return time.monotonic() - started

    async def _send(self, fragment: str, by_the_clock: bool = False) -> None:
        state = ClientState(fragment_id=fragment, is_auto_rerun=by_the_clock, cached_message_hashes=self._kept)
        state.MergeFrom(self._state)
        state.widget_states.widgets.extend(self._widgets.values())
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    async def _tick(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._send(fragment, by_the_clock=True)

    def _take(self, message: ForwardMsg) -> None:
        ran = message.metadata.run.fragment_ids  # the fragments of this run; empty for the whole page
        match message.WhichOneof("type"):
            case "ref_hash":
                kept = self._kept[message.ref_hash]
                self._show(message, kept.delta)
            case "delta":
                if message.metadata.cacheable:
                    self._kept[message.hash] = message
                self._show(message, message.delta)
            case "new_session":
                if not ran:
                    self._shown.clear()
                    self.leave()
                elif self._replaced and self._awaited not in ran:  # the awaited run had ended, and this one is periodic
                    self._answered.set()
            case "navigation":
                self._state.page_script_hash = message.navigation.page_script_hash
            case "page_info_changed":
                self._state.query_string = message.page_info_changed.query_string
            case "auto_rerun":
                again = message.auto_rerun
                if replaced := self._clocks.get(again.fragment_id):
                    replaced.cancel()
                self._clocks[again.fragment_id] = asyncio.create_task(self._tick(again.fragment_id, again.interval))
            case "script_finished":
                if self._awaited in ran or not ran:
                    self._replaced = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
                    if not self._replaced:
                        self._answered.set()

    def _show(self, message: ForwardMsg, delta: Delta) -> None:
        self._shown[tuple(message.metadata.delta_path)] = delta

    def _found(self, key: str) -> Iterator[tuple[str, str]]:
        """Yield the ID of the widget with this key, and the ID of its fragment."""
        for delta in self._shown.values():
            for part in (delta.new_element, delta.add_block):
                kind = part.WhichOneof("type")
                name = getattr(getattr(part, kind), "id", "") if kind else ""
                if name.split("-", 2)[2:] == [key]:
                    yield name, delta.fragment_id


@asynccontextmanager
async def visitor(address: str) -> AsyncIterator[Visitor]:
    """Connect a visitor to a dashboard, and disconnect it at the end."""
    socket = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    async with connect(socket, subprotocols=["streamlit"], max_size=None, proxy=None) as connection:  # type: ignore[list-item]
        coming = Visitor(address, connection)
        ears = asyncio.create_task(coming.listen())
        try:
            yield coming
        finally:
            coming.leave()
            ears.cancel()


def finished(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in a new thread and return its result: the caller's thread may already run Playwright's event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
