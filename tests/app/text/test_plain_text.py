"""Pages escape all foreign text: this test checks every text that Streamlit renders, in all sources.

A text is safe if it consists of the lab's own text: constants, numbers, results of `plain` or `code`, and combinations of
these. Functions and parameters of type `Markdown` are checked like Streamlit's own.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st

from app.charts import plotly_charts
from cvae_core.evaluation.results import Cell

ROOT = Path(__file__).resolve().parents[3]
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
    for folder in ("app", "pages")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.name not in ("plain_text.py", "__init__.py")
}
RENDERED = {
    "label",
    "body",
    "text",
    "help",
    "caption",
    "captions",
    "delta",
    "delta_description",
    "title",
    "tabs",
    "html",
}
BUTTONS = {"pills", "segmented_control", "radio", "select_slider"}  # their options are Markdown too
PLAIN = {"code", "text"}  # elements whose body is not Markdown
BANNED = {"write", "exception", "help", "echo"}  # they render any object
ESCAPED = {"plain", "code", "source"}  # `source` reads a file of the lab
NUMBERS = {"len", "int", "round", "float", "abs"}
COLLECTIONS = {"list", "tuple", "sorted", "dict", "zip", "reversed", "map", "range", "enumerate"}
CHANGES = {"append", "extend", "insert", "update", "setdefault"}
FORMATTED = re.compile(r".*[dfgeE%,]$")  # these raise for a text
Function = ast.FunctionDef | ast.Lambda


def elements() -> Mapping[str, inspect.Signature]:
    found = {name: getattr(st, name) for name in dir(st) if not name.startswith("_")}
    columns = {name: getattr(st.column_config, name) for name in dir(st.column_config) if name.endswith("Column")}
    signatures = {
        name: inspect.signature(element)
        for name, element in {**found, **columns}.items()
        if callable(element) and not inspect.isclass(element)
    }
    return {**signatures, "component": inspect.signature(st.components.v2.component)}


ELEMENTS = elements()


class Module:
    """One source file, with the meaning of its names."""

    def __init__(self, name: str, tree: ast.Module):
        self.name, self.tree = name, tree
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self.asked: set[tuple[str, ast.AST]] = set()
        self.imports: dict[str, str] = {}  # the module or function that a name refers to
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    self.imports |= {alias.asname or alias.name: alias.name for alias in names}
                case ast.ImportFrom(module=str(module), names=names):
                    self.imports |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)}

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the functions around a node, from inside out, and finally the module."""
        while node is not self.tree:
            node = self.parents[node]
            if isinstance(node, Function | ast.Module):
                yield node

    def called(self, call: ast.Call) -> ast.FunctionDef | None:
        """Return the called function if it is one of the lab's."""
        match call.func:
            case ast.Name(id=name) if name in self.imports:
                module, _, name = self.imports[name].rpartition(".")
                return MODULES[module].functions.get(name) if module in MODULES else None
            case ast.Name(id=name):
                return self.functions.get(name)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if self.imports.get(module) in MODULES:
                return MODULES[self.imports[module]].functions.get(name)
        return None

    def element(self, call: ast.Call) -> str | None:
        """Return the name of the called element if it is one of Streamlit's."""
        match call.func:
            case ast.Attribute(value=ast.Name(id=base)) if base in self.imports and base != "st":
                return None
            case ast.Attribute(value=ast.Constant()):
                return None  # a method of str
            case ast.Attribute(attr=name) if name in ELEMENTS:
                return name
        return None

    def faults(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Call():
                    for what, given in self.shown(node):
                        if not self.fit(given):
                            yield f"{self.name}:{given.lineno}: {what} is {ast.unparse(given)}"
                case ast.FunctionDef(name=name, returns=ast.Name(id="Markdown")):
                    for inner in ast.walk(node):
                        if (
                            isinstance(inner, ast.Return)
                            and next(self.around(inner)) is node
                            and not self.fit(inner.value)
                        ):
                            yield f"{self.name}:{inner.lineno}: {name} returns {ast.unparse(inner)}"
                case ast.keyword(arg="unsafe_allow_html"):
                    yield f"{self.name}:{node.value.lineno}: unsafe_allow_html"

    def shown(self, call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
        """Yield the arguments of a call that are rendered, with their names."""
        if name := self.element(call):
            if name in BANNED or (name == "table" and self.name != "app.display.elements"):
                yield f"st.{name}", call
            parameters = [parameter for parameter in ELEMENTS[name].parameters if parameter != "self"]
            given = dict(zip(parameters, call.args, strict=False)) | {
                word.arg: word.value for word in call.keywords if word.arg
            }
            rendered = RENDERED - ({"body", "text"} if name in PLAIN else set())
            rendered |= {"value"} if name == "metric" else set()
            if name in BUTTONS and "format_func" in given:
                yield f"{name}'s format_func", given["format_func"]
            elif name in BUTTONS:
                rendered |= {"options"}
            yield from ((f"{name}'s {argument}", value) for argument, value in given.items() if argument in rendered)
        elif function := self.called(call):
            parameters = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
            marked = {argument.arg for argument in _arguments(function) if _is_markdown(argument.annotation)}
            given = dict(zip(parameters, call.args, strict=False)) | {
                word.arg: word.value for word in call.keywords if word.arg
            }
            yield from (
                (f"{function.name}'s {argument}", value) for argument, value in given.items() if argument in marked
            )

    def fit(self, given: ast.expr | None) -> bool:
        """Return whether a text, or each of several, is safe."""
        match given:
            case None | ast.Constant():
                return True
            case ast.JoinedStr(values=parts):
                return all(map(self.fit, parts))
            case ast.FormattedValue(value=value, format_spec=spec):
                return bool(spec and FORMATTED.fullmatch(ast.unparse(spec)[2:-1])) or self.fit(value)
            case ast.IfExp(body=body, orelse=other):
                return self.fit(body) and self.fit(other)
            case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values) | ast.Set(elts=values):
                return all(map(self.fit, values))
            case ast.Dict(keys=keys):
                return all(map(self.fit, keys))
            case ast.BinOp(left=left, right=right):
                return self.fit(left) and self.fit(right)
            case ast.Starred(value=value) | ast.NamedExpr(value=value):
                return self.fit(value)
            case ast.ListComp(elt=elt) | ast.GeneratorExp(elt=elt):
                return self.fit(elt)
            case ast.Subscript(value=value):
                return self.fit(value)
            case ast.Name(id=name):
                return name.isupper() or name in ESCAPED or self.fit_name(given)
            case ast.Attribute(value=value, attr=name):
                return name.isupper() or (isinstance(value, ast.Name) and value.id.isupper())
            case ast.Call():
                return self.fit_call(given)
        return False

    def fit_call(self, call: ast.Call) -> bool:
        match call.func:
            case ast.Name(id=name) if name in ESCAPED | NUMBERS or name == "range":
                return True
            case ast.Name(id="map"):
                return isinstance(call.args[0], ast.Name) and (
                    call.args[0].id in ESCAPED or all(map(self.fit, call.args[1:]))
                )
            case ast.Name(id=name) if name in COLLECTIONS | {"str", "next", "iter"}:
                return all(map(self.fit, call.args))
            case ast.Attribute(
                value=text, attr="join" | "replace" | "format" | "capitalize" | "items" | "values" | "keys"
            ):
                return self.fit(text) and all(map(self.fit, call.args))
        function = self.called(call)
        return function is not None and _is_markdown(function.returns)

    def fit_name(self, name: ast.Name) -> bool:
        """Return whether all values that a name can have where it is used are safe."""
        for scope in self.around(name):
            if (name.id, scope) in self.asked:
                return True  # recursion: this name is already being checked
            self.asked.add((name.id, scope))
            bound = list(self.bound(name.id, scope))
            self.asked.discard((name.id, scope))
            if bound:
                return all(bound)
        function = self.functions.get(name.id)
        return function is not None and _is_markdown(function.returns)  # a callable, for example a format_func

    def bound(self, name: str, scope: ast.AST) -> Iterator[bool]:
        """Yield whether each value that a function or module assigns to a name is safe."""
        if isinstance(scope, Function):
            for argument in _arguments(scope):
                if argument.arg == name:
                    yield _is_markdown(argument.annotation) or _is_number(argument.annotation)
        for node in ast.walk(scope):
            if next(self.around(node), None) is not scope if node is not scope else False:
                continue
            match node:
                case ast.Assign(targets=targets, value=value):
                    yield from (fit for target in targets for fit in self.unpacked(name, target, value))
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value)
                ):
                    yield from self.unpacked(name, target, value)
                case ast.NamedExpr(target=target, value=value):
                    yield from self.unpacked(name, target, value)
                case ast.For(target=target, iter=values) | ast.comprehension(target=target, iter=values):
                    yield from self.unpacked(name, target, values)
                case ast.Call(func=ast.Attribute(value=ast.Name(id=changed), attr=attr), args=args) if changed == name:
                    if attr in CHANGES:
                        yield all(map(self.fit, args))
                case ast.withitem(optional_vars=ast.expr() as target):
                    yield from (False for node in ast.walk(target) if isinstance(node, ast.Name) and node.id == name)
                case ast.MatchAs(name=bound) | ast.MatchStar(name=bound) if bound == name:
                    yield False

    def unpacked(self, name: str, target: ast.expr, value: ast.expr) -> Iterator[bool]:
        """Yield whether the part of a value, or of each of several, that is assigned to a target is safe."""
        match target, value:
            case ast.Tuple(elts=[ast.Name(id=first), *others]), ast.Call(func=ast.Name(id="enumerate"), args=args):
                if first == name:
                    yield True  # a number
                for other in others:
                    yield from self.unpacked(name, other, args[0])
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for one, other in zip(targets, values, strict=True):
                    yield from self.unpacked(name, one, other)
            case _ if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(target)):
                yield self.fit(value)


def _arguments(function: Function) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _is_markdown(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation).removesuffix(" | None") == "Markdown"


def _is_number(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation).removesuffix(" | None") in ("int", "float")


MODULES = {name: Module(name, tree) for name, tree in SOURCES.items()}


@pytest.mark.parametrize("name", MODULES)
def test_a_page_shows_no_text_of_others_but_as_plain_text(name: str) -> None:
    assert list(MODULES[name].faults()) == []


@pytest.mark.parametrize(
    "line",
    [
        "st.markdown(name)",
        "st.markdown(f'**{name}**')",
        "st.sidebar.caption('x ' + name)",
        "column.metric('x', name)",
        "st.button('x', help=name)",
        "st.error(str(error))",
        "st.toast(', '.join(names))",
        "st.toast(', '.join(map(code, names)) + name)",
        "st.tabs(names)",
        "st.pills('x', names)",
        "st.pills('x', names, format_func=str)",
        "st.write(1)",
        "st.table(frame)",
        "st.html(f'<b>{name}</b>')",
        "st.progress(0.5, text=name)",
        "st.dataframe(frame, column_config={'x': st.column_config.NumberColumn(help=name)})",
        "st.markdown('x', unsafe_allow_html=True)",
        "from app.display import elements; elements.link('home', name)",
        "from app.widgets import permission; permission.offer(name, print, run=name)",
        "words = 'x'; words += name; st.caption(words)",
        "words = ['x']; words.append(name); st.caption(' '.join(words))",
        "words: Markdown = name; st.caption(words)",
        "said = plain(name) if name else name; st.caption(said)",
        "[st.caption(word) for word in names]",
        "st.caption(f'{name:>8}')",
        "def said(name: str) -> Markdown: return name",
    ],
)
def test_a_text_of_others_is_found(line: str) -> None:
    body = line if line.startswith("def ") else f"def show(name: str, names: list[str], error, frame, column): {line}"
    assert list(
        Module(
            "pages.sample",
            ast.parse(f"import streamlit as st\nfrom app.text.plain_text import code, plain\n{body}\n"),
        ).faults()
    )


@pytest.mark.parametrize(
    "line",
    [
        "st.markdown('x')",
        "st.markdown(f'{plain(name)}: {code(name)}, {count}, {len(names)}, {share:.1%}')",
        "st.selectbox('x', names)",
        "st.pills('x', names, format_func=plain)",
        "st.code(name)",
        "words = 'x' if name else plain(name); st.caption(words)",
        "st.tabs(['a', 'b'])",
        "st.caption(', '.join([f'{plain(each)}' for each in names]))",
        "from app.display import elements; elements.link('home', plain(name), run=name)",
        "name.title()",
    ],
)
def test_what_is_escaped_is_not(line: str) -> None:
    body = f"def show(name: str, names: list[str], count: int, share: float): {line}"
    lines = f"import streamlit as st\nfrom app.text.plain_text import code, plain\n{body}\n"
    assert list(Module("pages.sample", ast.parse(lines)).faults()) == []


def test_scripts_make_no_page_of_texts() -> None:
    for path in (ROOT / "app" / "browser").glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\.src\b|\.href\b", path.read_text()
        )


def test_a_chart_shows_no_text_of_others_but_as_plain_text() -> None:
    name = "<a href='http://127.0.0.1:9'>x</a>\x1b"
    table = pd.DataFrame({"epoch": [1, 1], "split": ["train", "validation"], "bound": [-1.0, -1.0]})
    cell = Cell(
        estimator="importance",
        split="test",
        visible="1",
        samples=1,
        images=1,
        seed=0,
        mean=1.0,
        standard_error=1.0,
        seconds=1.0,
    )
    for figure in (
        plotly_charts.curves({name: table}, {name: 1}, "bound", False),
        plotly_charts.headline_bars({name: cell}),
    ):
        said = figure.to_json()
        assert "&lt;a href" in said or "\\u0026lt;a href" in said
        assert "<a" not in said
        assert "\\u003ca" not in said
