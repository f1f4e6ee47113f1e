"""The examples in the docstrings run and give the documented results."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import cvae_core

MODULES = [
    module.name for module in pkgutil.walk_packages(cvae_core.__path__, "cvae_core.") if not module.name.endswith("__")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples_to_be_true() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [example for name in MODULES for found in finder.find(import_module(name)) for example in found.examples]
    assert len(examples) > 5
