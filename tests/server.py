"""Start the dashboard as a user does, for browser tests and benchmarks."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import WAIT

HOME = Path(__file__).resolve().parents[1] / "app" / "Home.py"
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # ignores proxies of the environment


def free_port() -> int:
    """Return an unused port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


def answers(url: str) -> bool:
    """Return whether a server answers."""
    try:
        DIRECTLY.open(f"{url}/_stcore/health", timeout=WAIT).close()
    except OSError:
        return False
    return True


@contextmanager
def dashboard(folder: Path, script: Path = HOME) -> Iterator[str]:
    """Start the dashboard (or another script) with `streamlit run` from `folder`; yield its address.

    Raise TimeoutError if it does not start. Its output is written to `folder`/log.
    """
    port = free_port()
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if given := surroundings.get("CVAE_DATA"):
        surroundings["CVAE_DATA"] = str(Path(given).resolve())
    program = [str(Path(sys.executable).with_name("streamlit")), "run", str(script)]
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*program, "--server.port", str(port)],
            cwd=folder,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + WAIT
        while not answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"the server did not start: {log.read_text()}")
            time.sleep(0.05)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(WAIT)
