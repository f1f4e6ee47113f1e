"""Run `pip install -c requirements.lock WORDS`, without CUDA if there is no GPU: `python -m benchmarks.install WORDS`.

pip's default index has torch for Linux with CUDA only, which needs 4.7 GB of NVIDIA packages. PyTorch's own index has the CPU
build. On Linux without an NVIDIA driver, torch is therefore installed from that index first. TORCH_INDEX names another index
with CPU builds. If pip's own variables choose an index, pip alone decides. Only the standard library is used, because
nothing is installed yet.
"""

import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

INDEX = "https://download.pytorch.org/whl/cpu"
PATIENCE = 10.0  # seconds to wait for an answer of the index
CHOSEN = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX")
DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))
LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(LOCK))


def main(words: list[str]) -> int:
    """Install the packages; return pip's exit code."""
    if missing := torch_to_install():
        index = (os.environ.get("TORCH_INDEX") or INDEX).rstrip("/")
        reason = unanswered(index, PATIENCE)
        if not reason and subprocess.run([*PIP, "--no-deps", "--index-url", index, *missing]).returncode:
            reason = "pip could not install torch from it"
        if reason:
            print(
                f"The CPU build of torch could not be installed from {index} ({reason}). pip's default index is used "
                "instead. Its build for Linux may include CUDA: 5.4 GB on disk instead of 1.7 GB. "
                "Set TORCH_INDEX to use another index with CPU builds.",
                file=sys.stderr,
                flush=True,
            )
    return subprocess.run([*PIP, *words]).returncode


def torch_to_install() -> list[str]:
    """Return the pins of torch and torchvision that are not installed; an empty list if pip should choose the build."""
    if sys.platform != "linux" or has_driver() or any(os.environ.get(name) for name in CHOSEN):
        return []
    pins = [line for line in LOCK.read_text().splitlines() if line.startswith(("torch==", "torchvision=="))]
    return [pin for pin in pins if installed(pin.partition("==")[0]) != pin.partition("==")[2]]


def has_driver() -> bool:
    """Return whether an NVIDIA driver is installed; under WSL only nvidia-smi shows it."""
    return any(path.exists() for path in DRIVER) or shutil.which("nvidia-smi") is not None


def installed(package: str) -> str:
    """Return a package's version without its build tag, or "" if it is not installed."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return ""


def unanswered(index: str, patience: float) -> str:
    """Return why an index has not served its page of torch within `patience` seconds, or "" if it has."""
    found: queue.Queue[str] = queue.Queue()

    def ask() -> None:
        try:
            urllib.request.urlopen(f"{index}/torch/").close()
            found.put("")
        except (OSError, ValueError, HTTPException) as error:
            found.put(str(error).strip("<>") or type(error).__name__)

    threading.Thread(target=ask, daemon=True).start()  # a timeout would not cover a hanging DNS lookup
    try:
        return found.get(timeout=patience)
    except queue.Empty:
        return f"no answer within {patience:g} seconds"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # pip reports the interruption itself
    sys.exit(main(sys.argv[1:]))
