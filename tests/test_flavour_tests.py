"""Only cvae_core.config tests the flavour of a configuration; all other code uses attributes of the configuration."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from cvae_core.config import flavours
from cvae_core.config.flavours import Config, Flavour, Given

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIG = REPOSITORY / "cvae_core" / "config"
SOURCES = sorted(
    path
    for folder in ("cvae_core", "app", "pages")
    for path in (REPOSITORY / folder).rglob("*.py")
    if CONFIG not in path.parents
)
BUILD = "cvae_core/models/build.py"  # has the only dictionary from flavours to classes
CLASSES = {name: kind for name, kind in vars(flavours).items() if isinstance(kind, type) and issubclass(kind, Config)}
SETTINGS = {field.name for kind in CLASSES.values() for field in fields(kind)} | {"flavour"}


def constants(node: ast.AST) -> set[object]:
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def names(node: ast.AST) -> set[str]:
    return {getattr(each, "attr", getattr(each, "id", "")) for each in ast.walk(node)}


def flavour_tests(code: str) -> Iterator[str]:
    """Yield every expression that depends on a configuration's flavour, class or fields by name."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Compare() if "flavour" in names(node) and constants(node) & set(get_args(Flavour)):
                yield ast.unparse(node)
            case ast.Match(subject=subject) if "flavour" in names(subject):
                yield ast.unparse(subject)
            case ast.MatchClass(cls=kind) if names(kind) & set(CLASSES):
                yield ast.unparse(kind)
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, kinds]) if names(kinds) & set(
                CLASSES
            ):
                yield ast.unparse(node)
            case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[_, name, *_]) if constants(name) & SETTINGS:
                yield ast.unparse(node)
            case ast.Call(keywords=keywords) if any(
                word.arg == "flavour" and constants(word.value) for word in keywords
            ):
                yield ast.unparse(node)
            case ast.Dict(keys=keys) if _are_flavours([constants(key) for key in keys if key]):
                yield ast.unparse(node)


def _are_flavours(keys: Sequence[set[object]]) -> bool:
    """Return whether several keys name flavours. Some parts of a condition have the name of a flavour: label, attributes."""
    named = [key for key in keys if key & set(get_args(Flavour))]
    return len(named) > 1 and not all(key <= set(get_args(Given)) for key in named)


@pytest.mark.parametrize("path", SOURCES, ids=[path.relative_to(REPOSITORY).as_posix() for path in SOURCES])
def test_no_module_outside_the_configuration_tests_a_flavour(path: Path) -> None:
    found = list(flavour_tests(path.read_text()))
    if path == REPOSITORY / BUILD:
        found = [code for code in found if not code.startswith("{'vae': ")]
    assert not found


@pytest.mark.parametrize(
    "code",
    [
        'config.flavour == "vae"',
        'run.card().config.flavour not in ("vae", "label")',
        'flavour in {"quadrant"}',
        'match config.flavour:\n    case "vae":\n        pass',
        "match config:\n    case QuadrantConfig():\n        pass",
        "isinstance(config, flavours.LabelConfig)",
        "isinstance(found, (LabelConfig, QuadrantConfig))",
        'getattr(config, "visible", None)',
        'hasattr(found.config, "latent")',
        'run_keys(flavour="label")',
        '{"vae": nothing, "label": labelled}.get(config.flavour)',
    ],
)
def test_each_kind_of_test_is_found(code: str) -> None:
    assert list(flavour_tests(code))


@pytest.mark.parametrize(
    "code", ['"label" in config.given', 'config.given == ("label",)', "getattr(config, name)", "config.objective.gsnn"]
)
def test_a_question_to_the_configuration_is_none(code: str) -> None:
    assert not list(flavour_tests(code))
