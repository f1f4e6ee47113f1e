"""Count the product's lines of code: `python -m benchmarks.lines [FOLDER …]`, by default of cvae_core, app and pages.

Docstrings, comments and blank lines are not counted. JavaScript and CSS files are.
"""

import ast
import io
import re
import sys
import tokenize
from pathlib import Path

SKIPPED = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
BLOCK, LINE = re.compile(r"/\*.*?\*/", re.DOTALL), re.compile(r"^\s*//.*$", re.MULTILINE)


def of_python(text: str) -> int:
    """Count the lines that contain code."""
    held = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in SKIPPED
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            first = node.body[0]
            held -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(held)


def of_browser(text: str) -> int:
    """Count the lines of a JavaScript or CSS file that are neither blank nor comments."""
    return sum(bool(line.strip()) for line in LINE.sub("", BLOCK.sub("", text)).splitlines())


def main() -> None:
    total = 0
    for folder in sys.argv[1:] or ["cvae_core", "app", "pages"]:
        python = sum(of_python(path.read_text()) for path in Path(folder).rglob("*.py"))
        browser = sum(
            of_browser(path.read_text()) for path in Path(folder).rglob("*") if path.suffix in (".js", ".css")
        )
        total += python + browser
        print(f"{folder}: {python:,} lines of Python, {browser:,} for the browser")
    print(f"total: {total:,}")


if __name__ == "__main__":
    main()
