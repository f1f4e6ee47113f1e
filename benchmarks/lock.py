"""Write requirements.lock, every package that an environment of the lab's has: `python -m benchmarks.lock`.

pip finds out, from the package index and without installing anything, what the requirements need, directly or not, on Linux:
torch needs most there. What macOS does without is marked so. Minutes, and an internet connection.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
REQUIREMENTS = ("requirements-dev.txt", "requirements-benchmark.txt")  # which name the others
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"}
HEAD = """# Every package at the version that the lab was tested with, those that others need included.
# Written by python -m benchmarks.lock. pip takes it as a constraint: it installs of this what is asked for, and nothing at
# another version.
# The versions of torch and torchvision are those of both builds: the one with CUDA, and the one for the CPU alone, to whose
# version PyTorch's own index adds +cpu, which pip accepts. Only the build with CUDA needs cuda-*, nvidia-* and triton.
"""


def resolved() -> list[dict[str, Any]]:
    """Return what pip would install into an empty environment, whatever this machine's pip is configured to prefer."""
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    words += [word for name in REQUIREMENTS for word in ("-r", str(ROOT / name))]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    said = subprocess.run(
        words, check=True, capture_output=True, text=True, env={**plain, "PIP_CONFIG_FILE": os.devnull}
    ).stdout
    packages: list[dict[str, Any]] = json.loads(said)["install"]
    return packages


def needed(packages: Iterable[Mapping[str, Any]], environment: Mapping[str, str]) -> set[str]:
    """Return the names of what is needed in another environment, from what was asked for on."""
    metadata = {canonicalize_name(package["metadata"]["name"]): package["metadata"] for package in packages}
    reached: set[str] = set()
    asked = [
        (canonicalize_name(p["metadata"]["name"]), frozenset(p.get("requested_extras", ())))
        for p in packages
        if p["requested"]
    ]
    seen = set(asked)
    while asked:
        name, extras = asked.pop()
        reached.add(name)
        for text in metadata.get(name, {}).get("requires_dist", ()):
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in (*extras, "")):
                next_one = canonicalize_name(requirement.name), frozenset(requirement.extras)
                if next_one not in seen:
                    seen.add(next_one)
                    asked.append(next_one)
    return reached


def main() -> None:
    packages = resolved()
    versions = {canonicalize_name(p["metadata"]["name"]): p["metadata"]["version"] for p in packages}
    anywhere = needed(packages, {**default_environment(), **MACOS})
    lines = [
        f"{name}=={version}" + ("" if name in anywhere else ' ; sys_platform == "linux"')
        for name, version in sorted(versions.items())
    ]
    LOCK.write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
