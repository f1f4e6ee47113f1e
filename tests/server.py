"""Start the dashboard as a user does, for whoever drives it: the browser walk, and what measures how fast it answers."""

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
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy the surroundings name


def free_port() -> int:
    """Return the number of a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


def answers(url: str) -> bool:
    """Say whether a server answers."""
    try:
        DIRECTLY.open(f"{url}/_stcore/health", timeout=WAIT).close()
    except OSError:
        return False
    return True


@contextmanager
def dashboard(folder: Path, script: Path = HOME) -> Iterator[str]:
    """Start the server, or that of another script, in a foreign folder with nothing but `streamlit run`.

    Yields where it answers.

    Raises TimeoutError where it does not. What it says goes to `folder`/log.
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
