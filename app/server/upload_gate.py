"""The size of uploads, checked before their bytes are kept: Streamlit enforces one limit for all of its upload widgets.

The limit of a single widget, `max_upload_size`, is enforced by the browser only. `server.maxUploadSize` allows a data set of
500 MB, and without this module it would allow as much to visitors who may not train, and for a single picture.
"""

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.widgets import permission
from cvae_core.system.files import MEGABYTE

ADDRESS = "/_stcore/upload_file/"
SMALL = 10 * MEGABYTE  # a larger upload needs the permission to train; one picture is smaller
OVERHEAD = MEGABYTE  # a request is larger than its file by the headers of the form, as in Streamlit's own check


class _Refused(Exception):
    """End a request with a status and a sentence."""

    def __init__(self, status: int, sentence: str):
        self.response = PlainTextResponse(sentence, status)


class UploadGate:
    """Refuse uploads that are too large, and large ones without permission or while another one is received."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.occupied = False  # a large upload is being received

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a request."""
        if scope["type"] != "http" or scope["method"] != "PUT" or ADDRESS not in scope["path"]:
            await self.app(scope, receive, send)
            return
        admitted, received = False, 0

        def admit(size: int) -> None:
            """Check the size of the request, which is declared or received so far; a large one occupies the gate."""
            nonlocal admitted
            if size > st.get_option("server.maxUploadSize") * MEGABYTE + OVERHEAD:
                raise _Refused(413, "The file is too large.")
            if size <= SMALL + OVERHEAD or admitted:
                return
            if not permission.may_train():
                raise _Refused(403, f"Files of more than {SMALL // MEGABYTE} MB need the permission to train.")
            if self.occupied:
                raise _Refused(429, "Another large file is being uploaded. Try again when it has arrived.")
            admitted = self.occupied = True

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            admit(received)
            return message

        try:
            admit(_declared(scope))
            await self.app(scope, counted, send)
        except _Refused as refused:
            await refused.response(scope, receive, send)
        finally:
            if admitted:
                self.occupied = False


def _declared(scope: Scope) -> int:
    """Return the size in a request's headers, or 0 if they give none or no number."""
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else 0
