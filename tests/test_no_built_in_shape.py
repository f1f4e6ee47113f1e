"""Nothing but descriptions of the built-in data sets knows how large an image is, and how many classes there are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from cvae_core.system.files import REPOSITORY

NAMES = ("LABELS", "PIXELS", "SIDE", "COARSE", "FINE", "ALL_LABELS")  # constants that older versions had
SIZES = (784, 196, 28, 27)  # values, values of a quadrant, side and last row of MNIST's images
SUSPECT = re.compile(rf"\b({'|'.join(map(str, (*NAMES, *SIZES)))})\b")
KNOWING = {  # files that may use MNIST's sizes; no file may be added
    "cvae_core/config/descriptions.py",  # the built-in data sets
    "cvae_core/config/of_data_set.py",  # defaults of configurations from before data sets had shapes
    "cvae_core/data/raw_files.py",  # the format of MNIST's files
    "cvae_core/pictures/grid.py",  # a colour
    "app/charts/growing_charts.py",  # a margin of charts
}
IN_SCRIPTS = re.compile(rf"(?<![\w.#-])({'|'.join(map(str, SIZES))})(?![\w.%-])")


def python_files() -> Iterator[Path]:
    for folder in ("cvae_core", "app", "pages"):
        yield from sorted((REPOSITORY / folder).rglob("*.py"))


def test_no_module_has_a_constant_of_mnists_shape() -> None:
    found = {}
    for path in python_files():
        text, faults = path.read_text(), set[str]()
        if not SUSPECT.search(text):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name) and node.id in NAMES:
                faults.add(node.id)
            elif isinstance(node, ast.Constant) and type(node.value) is int and node.value in SIZES:
                faults.add(str(node.value))
        if faults:
            found[path.relative_to(REPOSITORY).as_posix()] = faults
    assert found.keys() == KNOWING


def test_no_script_of_the_browser_has_one() -> None:
    scripts = sorted((REPOSITORY / "app/browser").glob("*.js"))
    assert len(scripts) > 10
    for path in scripts:
        code = re.sub(r"//.*|const INK = .*", "", path.read_text())  # a colour
        assert not [line for line in code.splitlines() if IN_SCRIPTS.search(line)], path.name
