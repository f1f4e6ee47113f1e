"""Write requirements.lock, the versions of all direct and indirect requirements: `python -m benchmarks.lock`.

pip resolves the requirements on Linux, where torch needs the most packages, without installing anything. Packages that macOS
does not need are marked. This takes minutes and an internet connection.
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
REQUIREMENTS = ("requirements-dev.txt", "requirements-benchmark.txt")  # they include the others
MACOS = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"}
HEAD = """# All direct and indirect requirements, at the versions that the lab was tested with.
# Written by python -m benchmarks.lock. pip uses it as a constraints file: it installs only what a requirements file needs,
# at these versions.
# The versions of torch and torchvision fit both builds. PyTorch's own index names its CPU builds VERSION+cpu, which pip
# accepts. Only the build with CUDA needs cuda-*, nvidia-* and triton.
"""


def resolved() -> list[dict[str, Any]]:
    """Return pip's report of an installation into an empty environment; this machine's configuration of pip is ignored."""
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    words += [word for name in REQUIREMENTS for word in ("-r", str(ROOT / name))]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    said = subprocess.run(
        words, check=True, capture_output=True, text=True, env={**plain, "PIP_CONFIG_FILE": os.devnull}
    ).stdout
    packages: list[dict[str, Any]] = json.loads(said)["install"]
    return packages


def needed(packages: Iterable[Mapping[str, Any]], environment: Mapping[str, str]) -> set[str]:
    """Return the names of the packages that the requested ones need, directly or indirectly, in another environment."""
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
