"""Every installed package has the version of the lock file."""

import re
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.measuring import Measured

ROOT = Path(__file__).resolve().parents[1]
INSTALLERS = {"pip", "wheel"}  # part of every virtual environment


def pinned(file: str) -> dict[str, Requirement]:
    lines = (ROOT / file).read_text().splitlines()
    found = [Requirement(line) for line in lines if line and line[0] not in "#-"]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.promise
def test_everything_installed_is_in_the_lock_at_its_version(measured: Measured) -> None:
    lock = pinned("requirements.lock")
    here = {canonicalize_name(one.name): one.version for one in distributions()}
    ours = {
        canonicalize_name(name) for name in re.findall(r'^name = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.M)
    }
    strange = [
        (name, version)
        for name, version in here.items()
        if name not in INSTALLERS | ours
        and not (name in lock and lock[name].specifier.contains(version, prereleases=True))
    ]
    measured("dependencies", packages=len(here), at_another_version=len(strange))
    assert strange == []


@pytest.mark.parametrize("file", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_requirements_are_in_the_lock_at_the_same_version(file: str) -> None:
    lock = pinned("requirements.lock")
    for name, requirement in pinned(file).items():
        assert str(requirement.specifier) == str(lock[name].specifier), name


def test_only_exact_versions_are_locked_and_cuda_is_for_linux_alone() -> None:
    for name, requirement in pinned("requirements.lock").items():
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(requirement.specifier)), name
        if name.startswith(("nvidia-", "cuda-")) or name == "triton":
            assert str(requirement.marker) == 'sys_platform == "linux"'


@pytest.mark.parametrize("name", ["torch", "torchvision"])
def test_both_builds_of_torch_are_what_the_lock_asks_for(name: str) -> None:
    requirement = pinned("requirements.lock")[name]
    version = str(requirement.specifier).removeprefix("==")
    assert requirement.marker is None
    assert all(requirement.specifier.contains(f"{version}{build}") for build in ("", "+cpu", "+cu130"))
