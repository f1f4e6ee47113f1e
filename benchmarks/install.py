"""Run `pip install -c requirements.lock WORDS` with torch's CPU build where no GPU is: `python -m benchmarks.install WORDS`.

The ordinary package index has torch for Linux with CUDA alone: 4.7 GB of NVIDIA's packages. The CPU build is on PyTorch's own
index, so that one is asked first on Linux without an NVIDIA driver. TORCH_INDEX names another index that has the CPU build;
whoever tells pip by its own variables which index to use is left to it. Standard library alone: nothing is installed yet.
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
PATIENCE = 10.0  # seconds until the index must have answered
CHOSEN = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX")
DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidia0"))
LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(LOCK))


def main(words: list[str]) -> int:
    """Install; return pip's exit code."""
    if missing := torch_to_install():
        index = (os.environ.get("TORCH_INDEX") or INDEX).rstrip("/")
        reason = unanswered(index, PATIENCE)
        if not reason and subprocess.run([*PIP, "--no-deps", "--index-url", index, *missing]).returncode:
            reason = "pip could not install torch from it"
        if reason:
            print(
                f"PyTorch's CPU build cannot be had from {index} ({reason}). pip's ordinary index is used instead, whose "
                "build for Linux may bring CUDA along: 5.4 GB on the disk in place of 1.7. "
                "TORCH_INDEX can name another index that has the CPU build.",
                file=sys.stderr,
                flush=True,
            )
    return subprocess.run([*PIP, *words]).returncode


def torch_to_install() -> list[str]:
    """Return what the lock pins of torch and is not installed; nothing where the CPU build is not wanted."""
    if sys.platform != "linux" or has_driver() or any(os.environ.get(name) for name in CHOSEN):
        return []
    pins = [line for line in LOCK.read_text().splitlines() if line.startswith(("torch==", "torchvision=="))]
    return [pin for pin in pins if installed(pin.partition("==")[0]) != pin.partition("==")[2]]


def has_driver() -> bool:
    """Say whether an NVIDIA driver is here; under WSL only its tool can be seen."""
    return any(path.exists() for path in DRIVER) or shutil.which("nvidia-smi") is not None


def installed(package: str) -> str:
    """Return a package's version, whichever build it is, or nothing."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return ""


def unanswered(index: str, patience: float) -> str:
    """Return why an index has not shown its page of torch within some seconds; nothing where it has."""
    found: queue.Queue[str] = queue.Queue()

    def ask() -> None:
        try:
            urllib.request.urlopen(f"{index}/torch/").close()
            found.put("")
        except (OSError, ValueError, HTTPException) as error:
            found.put(str(error).strip("<>") or type(error).__name__)

    threading.Thread(target=ask, daemon=True).start()  # looking up a name, too, may hang
    try:
        return found.get(timeout=patience)
    except queue.Empty:
        return f"no answer within {patience:g} seconds"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # pip says that it was interrupted
    sys.exit(main(sys.argv[1:]))
