"""Installation with the Makefile's script, from local package indexes with tiny replacements of torch."""

import os
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distributions
from pathlib import Path

import pip
import pytest

from benchmarks import install
from tests.test_lock import pinned

ROOT = Path(__file__).resolve().parents[1]
LOCK = pinned("requirements.lock")
TORCH, TORCHVISION = (str(LOCK[name].specifier).removeprefix("==") for name in ("torch", "torchvision"))
CUDA = "nvidia-cublas"
WITHOUT_A_DRIVER = """
import sys
from benchmarks import install
install.has_driver, install.PATIENCE = bool, float(sys.argv[1])
sys.exit(install.main(sys.argv[2:]))
"""
REQUIREMENTS = ("-r", "requirements.txt")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PyTorch's index is used on Linux only")


class Index(SimpleHTTPRequestHandler):
    """A package index without log output."""

    def log_message(self, *_: object) -> None:
        pass


def wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """Put an empty package into an index."""
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {one}" for one in needs)]
    files = {
        "METADATA": "\n".join(metadata) + "\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["RECORD"] = "".join(f"{stem}.dist-info/{file},,\n" for file in (*files, "RECORD"))
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for file, content in files.items():
            archive.writestr(f"{stem}.dist-info/{file}", content)


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a default index, whose torch is built for CUDA, and one with CPU builds; yield their address."""
    folder = tmp_path_factory.mktemp("indexes")
    ordinary, cpu = folder / "ordinary", folder / "cpu"
    wheel(ordinary, CUDA, str(LOCK[CUDA].specifier).removeprefix("=="))
    wheel(ordinary, "numpy", str(LOCK["numpy"].specifier).removeprefix("=="))
    wheel(ordinary, "torch", TORCH, CUDA, "numpy")
    wheel(ordinary, "torchvision", TORCHVISION, f"torch=={TORCH}")
    wheel(cpu, "torch", f"{TORCH}+cpu", "numpy")
    wheel(cpu, "torchvision", f"{TORCHVISION}+cpu", f"torch=={TORCH}")
    wheel(cpu, "numpy", "99.0")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Index, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def silent() -> Iterator[str]:
    """Yield the address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def refusing() -> str:
    """Return an address that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


@pytest.fixture
def project(tmp_path: Path, indexes: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a small copy of the lab with an environment in which pip uses the default index only."""
    folder = tmp_path / "project"
    (folder / "benchmarks").mkdir(parents=True)
    for file in ("Makefile", "requirements.lock", "pyproject.toml", "benchmarks/install.py"):
        (folder / file).write_bytes((ROOT / file).read_bytes())
    (folder / "requirements.txt").write_text(f"torch=={TORCH}\ntorchvision=={TORCHVISION}\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    packages(folder).joinpath("pip").symlink_to(Path(pip.__file__).parent)
    for name in [name for name in os.environ if name.startswith("PIP_") or name == "TORCH_INDEX"]:
        monkeypatch.delenv(name)
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nindex-url = {indexes}/ordinary\nextra-index-url =\nfind-links =\nconstraint =\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


def packages(project: Path) -> Path:
    environment = {"base": str(project / ".venv"), "platbase": str(project / ".venv")}
    return Path(sysconfig.get_path("purelib", "venv", environment))


def installed(project: Path) -> dict[str, str]:
    return {one.name: one.version for one in distributions(path=[str(packages(project))])}


def done(project: Path, *words: str, code: int = 0) -> str:
    """Run a command in a project; return its standard error."""
    ended = subprocess.run(words, cwd=project, capture_output=True, text=True)
    assert ended.returncode == code, ended.stderr
    return ended.stderr


def by_script(project: Path, patience: float = 600) -> str:
    return done(project, str(project / ".venv/bin/python"), "-c", WITHOUT_A_DRIVER, str(patience), *REQUIREMENTS)


def test_torch_is_the_cpu_build_and_all_else_comes_from_the_ordinary_index(
    project: Path, indexes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_INDEX", f"{indexes}/cpu/")
    assert by_script(project) == ""
    found = installed(project)
    assert (found["torch"], found["torchvision"]) == (f"{TORCH}+cpu", f"{TORCHVISION}+cpu")
    assert set(found) == {"torch", "torchvision", "numpy"}
    assert LOCK["numpy"].specifier.contains(found["numpy"])


def test_installed_packages_are_not_requested_again(
    project: Path, indexes: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_INDEX", f"{indexes}/cpu")
    by_script(project)
    before = installed(project)
    monkeypatch.setenv("TORCH_INDEX", silent)
    assert by_script(project) == ""
    assert installed(project) == before


def with_cuda(project: Path, complaint: str, index: str, reason: str) -> None:
    """Check that torch came from the default index, and that one line gives the reason and the consequence."""
    assert complaint.count("CPU build of torch could not be installed") == complaint.count("\n") == 1
    assert f"from {index} ({reason}). pip's default index is used instead" in complaint
    assert "CUDA" in complaint
    found = installed(project)
    assert (found["torch"], found["torchvision"]) == (TORCH, TORCHVISION)
    assert CUDA in found


def test_an_index_that_hangs_is_waited_for_a_while_and_the_ordinary_one_taken(
    project: Path, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_INDEX", silent)
    with_cuda(project, by_script(project, patience=0.1), silent, "no answer within 0.1 seconds")


def test_where_an_index_has_no_torch_the_ordinary_one_is_taken(
    project: Path, indexes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_INDEX", f"{indexes}/nowhere")
    with_cuda(project, by_script(project), f"{indexes}/nowhere", "HTTP Error 404: File not found")


def test_an_index_that_has_another_torch_is_no_help(
    project: Path, indexes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = project / "requirements.lock"
    lock.write_text(lock.read_text().replace(f"torchvision=={TORCHVISION}", "torchvision==0.1.0"))
    monkeypatch.setenv("TORCH_INDEX", f"{indexes}/cpu")
    (project / "requirements.txt").write_text(f"torch=={TORCH}\n")
    complaint = by_script(project)
    assert f"from {indexes}/cpu (pip could not install torch from it)" in complaint
    assert installed(project)["torch"] == TORCH


@pytest.mark.skipif(install.has_driver(), reason="this machine has an NVIDIA driver")
def test_make_installs_from_the_ordinary_index_where_the_other_one_refuses(
    project: Path, refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_INDEX", refusing)
    with_cuda(
        project, done(project, "make", ".venv/.installed-run"), refusing, "urlopen error [Errno 111] Connection refused"
    )


@pytest.mark.soak
@pytest.mark.skipif(install.has_driver(), reason="this machine has an NVIDIA driver")
def test_make_takes_the_cpu_build_and_waits_ten_seconds_at_most_for_an_index_that_hangs(
    project: Path, indexes: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_INDEX", silent)
    started = time.monotonic()
    assert install.unanswered(silent, install.PATIENCE) == "no answer within 10 seconds"
    assert 10 <= time.monotonic() - started < 11
    with_cuda(project, done(project, "make", ".venv/.installed-run"), silent, "no answer within 10 seconds")
    done(project, ".venv/bin/python", "-m", "pip", "uninstall", "--yes", "torch", "torchvision", CUDA)
    (project / ".venv/.installed-run").unlink()
    monkeypatch.setenv("TORCH_INDEX", f"{indexes}/cpu")
    assert done(project, "make", ".venv/.installed-run") == ""
    assert installed(project)["torch"] == f"{TORCH}+cpu"


def test_every_target_of_make_installs_by_the_script() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert makefile.count("$(INSTALL) -r requirements") == makefile.count("-r requirements") == 3
    assert "-m pip" not in makefile


@pytest.mark.parametrize("variable", install.CHOSEN)
def test_an_index_chosen_by_pips_variables_is_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in install.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(install, "has_driver", bool)
    monkeypatch.setattr(install, "installed", lambda _: "")
    assert install.torch_to_install() == [f"torch=={TORCH}", f"torchvision=={TORCHVISION}"]
    monkeypatch.setenv(variable, "1")
    assert install.torch_to_install() == []


@pytest.mark.parametrize("sign", ["driver", "tool"])
def test_where_a_driver_is_and_elsewhere_than_on_linux_torch_is_the_ordinary_one(
    sign: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in install.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(install, "installed", lambda _: "")
    monkeypatch.setattr(install, "DRIVER", (tmp_path / "version",))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(install.torch_to_install()) == 2
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        assert install.torch_to_install() == []
    file = tmp_path / {"driver": "version", "tool": "nvidia-smi"}[sign]
    file.touch(mode=0o755)
    assert install.torch_to_install() == []
