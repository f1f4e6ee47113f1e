"""The server accepts connections from this machine's own pages only, and serves no files."""

import asyncio
import contextlib
import http.client
import re
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.visitors import finished, visitor
from tests.measuring import Measured
from tests.promises.conftest import Server
from tests.server import dashboard
from tests.waiting import WAIT, until

pytestmark = pytest.mark.promise
ROOT = Path(__file__).resolve().parents[2]
EVIL = "http://evil.example"
# Headers that a foreign page can cause: its own origin, and a host name that its name server resolves to this machine.
PAIRS = [
    ("localhost:{port}", "http://localhost:{port}", True),
    ("127.0.0.1:{port}", None, True),
    ("127.0.0.1:{port}", EVIL, False),
    ("localhost:{port}", EVIL, False),
    ("evil.example:{port}", "http://evil.example:{port}", False),
    ("evil.example", None, False),
]
UPWARDS = (
    "..",
    "%2e%2e",
    "%252e%252e",
    "..%2f..",
    "..%5c..",
    ".%2e",
    "..;",
    "%c0%ae%c0%ae",
    "....//",
    "..%00",
    "~",
    "C:",
)
ENTRIES = ("media", "app/static", "static", "component", "_stcore/bidi-components", "_stcore/upload_file", "")
FILES = ("etc/passwd", "cvae_core/system/files.py", "pyproject.toml")


def test_libraries_are_loaded_before_the_first_visitor(server: Server) -> None:
    until(lambda: server.has_loaded("libtorch"))


def handshake(address: str, host: str, origin: str | None) -> int:
    """Request a WebSocket with a host and an origin; return the status."""
    port = urlsplit(address).port
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    asking.putrequest("GET", "/_stcore/stream", skip_host=True)
    headers = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} | ({"Origin": origin} if origin else {})  # fmt: skip
    for name, value in headers.items():
        asking.putheader(name, value.format(port=port))
    asking.endheaders()
    status = asking.sock.recv(64).split()[1]
    asking.close()
    return int(status)


def get(
    address: str, path: str, method: str = "GET", body: bytes | None = None, declared: int | None = None
) -> tuple[int, bytes]:
    """Send a request, with another length than its body's if one is declared; return status and body of the response."""
    asking = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=WAIT)
    with contextlib.closing(asking):
        asking.putrequest(method, path)
        if body is not None:
            asking.putheader("Content-Length", str(declared or len(body)))
        asking.endheaders(body)
        answer = asking.getresponse()
        return answer.status, answer.read()


def test_foreign_pages_get_no_connection(address: str, measured: Measured) -> None:
    statuses = [handshake(address, host, origin) for host, origin, _ in PAIRS]
    assert statuses == [101 if ours else 403 for *_, ours in PAIRS]
    measured("server", pairs_of_host_and_origin=len(PAIRS))


def test_no_request_leaves_to_check_the_origin_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:  # would receive any request of the server
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        proxy.setblocking(False)
        with dashboard(tmp_path) as address:
            finished(opened(address))
            assert handshake(address, "localhost:{port}", EVIL) == 403
        assert asked_through(proxy) == []


def asked_through(proxy: socket.socket) -> list[bytes]:
    """Return the first bytes of each request to a non-blocking proxy."""
    asked = []
    with contextlib.suppress(BlockingIOError):
        while True:
            asking, _ = proxy.accept()
            with asking:
                asking.settimeout(WAIT)
                asked.append(asking.recv(100))
    return asked


async def opened(address: str) -> None:
    async with visitor(address) as coming:
        await coming.open("why")


def test_no_address_leads_to_a_file(address: str, measured: Measured) -> None:
    secrets = [Path("/", file).read_bytes() if file.startswith("etc") else (ROOT / file).read_bytes() for file in FILES]
    paths = [
        f"/{entry}/{'/'.join([upwards] * depth)}/{file}".replace("//", "/")
        for entry in ENTRIES for upwards in UPWARDS for file in FILES for depth in (1, 4, 8)
    ]  # fmt: skip
    paths += [f"//{file}" for file in FILES] + [f"/{entry}//etc/passwd" for entry in ENTRIES]
    for path in paths:
        status, body = get(address, path)
        assert status < 500, path
        assert not any(secret[:200] in body for secret in secrets), path
    measured("server", addresses_of_files=len(paths))


def test_nothing_is_uploaded_without_the_token_that_a_page_has(address: str, measured: Measured) -> None:
    attempts = [
        (method, f"/_stcore/upload_file/{where}") for method in ("PUT", "POST", "DELETE") for where in ("a/b", "x")
    ]
    for method, path in attempts:
        status, _ = get(address, path, method, b"ink")
        assert 400 <= status < 500, (method, path, status)
    assert get(address, "/_stcore/upload_file/a/b", "PUT", b"ink")[0] == 403
    measured("server", uploads_without_token=len(attempts))


def test_a_file_beyond_the_limit_is_refused_before_any_of_it_is_sent(address: str) -> None:
    assert get(address, "/_stcore/upload_file/a/b", "PUT", b"", declared=502 * 2**20) == (
        413,
        b"The file is too large.",
    )


def test_make_run_opens_the_browser_where_nothing_is_offered_to_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recipe,) = re.findall(r"^run:.*\n\t\$\(BIN\)/python (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    (tmp_path / ".claude").mkdir()  # the home of somebody with a coding agent: Streamlit has files for those
    browser = tmp_path / "browser"
    opened = tmp_path / "opened"
    opened.touch()
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("STREAMLIT_LOGGER_HIDE_WELCOME_MESSAGE", "true")
    before = beside_the_code()
    log = tmp_path / "log"
    with (
        log.open("w") as output,
        subprocess.Popen([sys.executable, *recipe.split()], cwd=ROOT, stdout=output) as started,
    ):
        try:
            until(lambda: opened.read_text().strip() or started.poll() is not None)
            address = opened.read_text().strip()
            assert address
            assert address in log.read_text()
            assert finished(asyncio.wait_for(offered(address), WAIT)) == (
                False,
                "Skills install is not available in this environment.",
            )
        finally:
            started.terminate()
            started.wait(WAIT)
    assert started.returncode == -signal.SIGTERM
    assert beside_the_code() == before


def beside_the_code() -> set[Path]:
    """Return the files for coding agents beside the code; other running tools may write there, too."""
    return {path for folder in (".agents", ".claude") for path in (ROOT / folder).rglob("*")}


async def offered(address: str) -> tuple[bool, str]:
    """Return whether files for coding agents are offered, and the answer to an installation without the offer."""
    async with connect(f"{address.replace('http', 'ws', 1)}/_stcore/stream", subprotocols=["streamlit"]) as socket:  # type: ignore[list-item]
        await socket.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        while not (message := ForwardMsg.FromString(await socket.recv())).HasField("new_session"):  # type: ignore[arg-type]
            pass
        asking = BackMsg()
        asking.backend_operation_request.request_id = "unasked"
        asking.backend_operation_request.session_id = message.new_session.initialize.session_id
        asking.backend_operation_request.install_skills.SetInParent()
        await socket.send(asking.SerializeToString())
        offer = message.new_session.initialize.recommend_skills_install
        while not (message := ForwardMsg.FromString(await socket.recv())).HasField("backend_operation_response"):  # type: ignore[arg-type]
            pass
        return offer, message.backend_operation_response.error_msg


def test_an_oversize_message_ends_its_connection_and_no_other(address: str, measured: Measured) -> None:
    async def shout() -> None:
        async with visitor(address) as calm:
            await calm.open("generate", "live=false")
            url = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
            async with connect(url, subprotocols=["streamlit"], max_size=None) as loud:  # type: ignore[list-item]
                with pytest.raises(ConnectionClosed, match="1009"):  # too big; what makes no sense is 1002
                    await loud.send(bytes(33 * 2**20))
                    while True:
                        await loud.recv()
            await calm.set("seed", double_value=5)
            assert calm.pictures
            assert not calm.faults

    finished(asyncio.wait_for(shout(), WAIT))
    measured("server", oversize_messages=1)


def test_invalid_messages_end_only_their_own_connection(address: str) -> None:
    async def babble() -> None:
        url = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
        for noise in (b"", b"\xff" * 100, b"\x08\x96\x01", bytes(range(256))):
            async with connect(url, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[list-item]
                await socket.send(noise)
        async with visitor(address) as calm:
            await calm.open("generate")
            assert not calm.faults

    finished(babble())


@pytest.mark.skipif(sys.platform != "linux", reason="reads the listening sockets from /proc")
def test_the_server_listens_on_loopback_only_and_sends_no_telemetry(address: str) -> None:
    config = tomllib.loads((ROOT / "app/.streamlit/config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["allowedHosts"] == ["localhost", "127.0.0.1"]
    assert config["server"]["enableCORS"] and config["server"]["enableXsrfProtection"]
    assert not config["browser"]["gatherUsageStats"]
    assert config["client"]["showErrorDetails"] == "type"  # not with paths of this machine
    assert config["server"]["maxUploadSize"] == 500  # megabytes; app/server/upload_gate.py allows them to few
    assert not config["server"].get("enableStaticServing")
    port = urlsplit(address).port
    table = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = {line[1].split(":")[0] for line in table if line[3] == "0A" and int(line[1].split(":")[1], 16) == port}
    assert listening == {"0100007F"}  # 127.0.0.1 and nothing else
