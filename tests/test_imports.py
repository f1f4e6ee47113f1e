"""Imports point in one direction: pages → app → cvae_core, and in both packages from a folder to those below it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
CORE = sorted((REPOSITORY / "cvae_core").rglob("*.py"))
APP = sorted((REPOSITORY / "app").rglob("*.py"))
BENCHMARKS = sorted((REPOSITORY / "benchmarks").glob("*.py"))
PAGES = sorted((REPOSITORY / "pages").rglob("*.py"))

# From top to bottom: a folder imports only from itself and from folders below it. Modules beside the folders are above all
# folders, except `errors`, which is below them.
ORDER = {
    "cvae_core": [
        "cli", "jobs", "pictures", "evaluation", "runs", "training", "models", "sources", "data", "config", "system",
        "errors",
    ],
    "app": [
        "server", "training", "data", "generate", "inpaint", "views", "live", "widgets", "cached", "display", "charts",
        "text", "browser",
    ],
}  # fmt: skip
LARGEST_FOLDER = 13  # modules, without __init__
LONGEST_MODULE, LONGEST_PAGE = 300, 60  # lines


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imported(path: Path) -> Iterator[str]:
    """Return every module that a file imports at any place, as a.b.c."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                assert level == 0, f"{path.name} imports relatively"
                yield module or ""
                yield from (f"{module}.{alias.name}" for alias in names)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in [*CORE, *APP]}


def modules(path: Path) -> set[str]:
    """Return the modules of cvae_core and app that a file imports, without itself and without packages."""
    found = {name for name in imported(path) if name in MODULES and MODULES[name].name != "__init__.py"}
    return found - {module_name(path)}


def height(module: str) -> int:
    """Return the position of a module's folder in the order, counted from the lowest."""
    package, room, *_ = [*module.split("."), ""]
    order = ORDER[package]
    return len(order) - order.index(room) if room in order else len(order) + 1


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(REPOSITORY).as_posix() for path in paths]


def test_every_folder_has_its_place_and_is_small() -> None:
    for package, order in ORDER.items():
        folders = [path for path in (REPOSITORY / package).iterdir() if (path / "__init__.py").exists()]
        assert {path.name for path in folders} == set(order) - {"errors"}
        for folder in folders:
            assert len(list(folder.glob("[!_]*.py"))) <= LARGEST_FOLDER


@pytest.mark.parametrize("path", [*CORE, *APP, *PAGES], ids=names([*CORE, *APP, *PAGES]))
def test_no_module_is_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= (LONGEST_PAGE if path in PAGES else LONGEST_MODULE)


@pytest.mark.parametrize("path", [*CORE, *APP], ids=names([*CORE, *APP]))
def test_a_folder_imports_only_from_those_below(path: Path) -> None:
    own = module_name(path)
    package = own.split(".")[0]
    wrong = {other for other in modules(path) if other.split(".")[0] == package and height(other) > height(own)}
    assert wrong == set()


def test_no_modules_import_each_other() -> None:
    graph = {name: modules(path) for name, path in MODULES.items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError


@pytest.mark.parametrize("path", BENCHMARKS, ids=names(BENCHMARKS))
def test_benchmarks_name_what_exists(
    path: Path,
) -> None:  # some need packages that are not here, and mypy leaves them out
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("cvae_core", "app"):
            module = import_module(node.module or "")
            for alias in node.names:
                assert hasattr(module, alias.name) or f"{node.module}.{alias.name}" in MODULES


def test_the_package_itself_imports_nothing_heavy() -> None:
    heavy = "import sys, cvae_core; print({'torch', 'numpy', 'pandas', 'cvae_core.runs.run'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert told.stdout == "set()\n"


def test_the_walk_sees_imports() -> None:
    session = REPOSITORY / "cvae_core" / "jobs" / "session.py"
    assert modules(session) >= {"cvae_core.jobs.recorder", "cvae_core.runs.run", "cvae_core.training.loop"}
    assert "sklearn" in packages(REPOSITORY / "cvae_core" / "evaluation" / "latent_space.py")  # inside a function


@pytest.mark.parametrize("path", CORE, ids=names(CORE))
def test_the_core_knows_neither_app_nor_pages_nor_streamlit(path: Path) -> None:
    assert packages(path).isdisjoint({"app", "pages", "streamlit", "plotly", "benchmarks", "tests"})


@pytest.mark.parametrize("path", APP, ids=names(APP))
def test_the_app_does_not_import_pages(path: Path) -> None:
    assert packages(path).isdisjoint({"pages", "tests", "benchmarks"})


@pytest.mark.parametrize("path", PAGES, ids=names(PAGES))
def test_pages_do_not_import_each_other_nor_torch(path: Path) -> None:
    assert packages(path).isdisjoint({"pages", "tests", "benchmarks", "torch"})


@pytest.mark.parametrize("path", [*CORE, *APP, *PAGES, *BENCHMARKS], ids=names([*CORE, *APP, *PAGES, *BENCHMARKS]))
def test_nothing_is_ever_unpickled(path: Path) -> None:
    assert packages(path).isdisjoint(
        {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    )
    for node in ast.walk(tree(path)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load" | "save")):
                pytest.fail(f"{path.name}:{node.lineno} unpickles with torch")
            case ast.Attribute(attr="read_pickle" | "to_pickle"):
                pytest.fail(f"{path.name}:{node.lineno} unpickles with pandas")
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=False)):
                pass
            case ast.keyword(arg="allow_pickle"):
                pytest.fail(f"{path.name}:{node.value.lineno} lets NumPy unpickle")
            case ast.keyword(arg="persist"):
                pytest.fail(f"{path.name}:{node.value.lineno} lets Streamlit store pickles on disk")
            case ast.ImportFrom(module="torch" | "numpy", names=names):
                assert {alias.name for alias in names}.isdisjoint({"load", "save", "hub"}), f"{path.name}:{node.lineno}"
            case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module")):
                pytest.fail(f"{path.name}:{node.lineno} imports a module whose name is not a constant")
            case ast.Call(func=ast.Name(id="eval" | "exec")):
                pytest.fail(f"{path.name}:{node.lineno} runs text")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="load"), keywords=keywords):
                assert "allow_pickle" in {keyword.arg for keyword in keywords}, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", CORE, ids=names(CORE))
def test_only_the_command_line_prints(path: Path) -> None:
    if path.parent.name == "cli":
        return
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert [call.lineno for call in calls if call.func.id == "print"] == []  # type: ignore[attr-defined]


def test_only_one_module_imports_torchvision() -> None:
    named = [
        path.stem
        for path in [*CORE, *APP, *PAGES]
        if "torchvision" in packages(path)
        or any(
            isinstance(node, ast.Constant) and str(node.value).startswith("torchvision.")
            for node in ast.walk(tree(path))
            if not isinstance(node, ast.Expr)
        )
    ]
    assert named == ["download"]


@pytest.mark.parametrize("path", CORE, ids=names(CORE))
def test_no_module_draws_from_a_shared_generator(path: Path) -> None:
    for node in ast.walk(tree(path)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="torch"), attr="rand" | "randn" | "randint" | "randperm")
            ):
                pytest.fail(f"{path.name}:{node.lineno} draws from torch's shared generator")
            case ast.Attribute(value=ast.Name(id="torch"), attr="manual_seed"):
                pytest.fail(f"{path.name}:{node.lineno} seeds torch's shared generator")
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id="np"), attr="random"), attr="seed" | "rand" | "normal"
            ):
                pytest.fail(f"{path.name}:{node.lineno} uses NumPy's shared generator")
    assert "random" not in packages(path)


@pytest.mark.parametrize("path", [*CORE, *APP, *PAGES], ids=names([*CORE, *APP, *PAGES]))
def test_csv_is_written_in_one_module(path: Path) -> None:
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute) and node.attr == "to_csv"]
    assert not calls or path.stem == "formats"
    assert "csv" not in packages(path)
