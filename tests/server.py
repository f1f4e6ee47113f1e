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

HOME = Path(__file__).resolve().parents[1] / "app" / "Home.py"
START_SECONDS = 60
DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy the surroundings name


@contextmanager
def dashboard(folder: Path, script: Path = HOME) -> Iterator[str]:
    """Start the server, or that of another script, in a foreign folder with nothing but `streamlit run`.

    Yields where it answers.

    Raises TimeoutError where it does not. What it says goes to `folder`/log.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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
        for _ in range(20 * START_SECONDS):
            try:
                DIRECTLY.open(f"{url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise TimeoutError(f"the server did not start: {log.read_text()}")
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(10)
