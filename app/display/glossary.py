"""The terms of docs/glossary.md, which pages explain on hover; the file's first lines describe its format."""

import re
from functools import cache

from app.display.plain_text import Markdown, plain
from cvae_core.system.files import REPOSITORY

MOST = 6  # explained terms per text


@cache
def entries() -> dict[tuple[str, ...], str]:
    """Return the definition of each term by the term's names."""
    text = (REPOSITORY / "docs" / "glossary.md").read_text()
    found = re.findall(r"^\*\*(.+?)\*\*: ([^$]+?)(?=\n\$|\n\n|\s*\Z)", text, flags=re.MULTILINE)
    return {tuple(names.split(" / ")): " ".join(sentence.split()) for names, sentence in found}


def terms_in(text: Markdown) -> Markdown | None:
    """Return explanations of the first terms in a text, in order of appearance, or None if it uses no term."""
    found = []
    for names, sentence in entries().items():
        if places := [place.span() for name in names if (place := _pattern(name).search(text))]:
            start, end = min(places)
            found.append((start, f"**{plain(text[start:end])}**: {plain(sentence)}"))
    return "\n\n".join(words for _, words in sorted(found)[:MOST]) or None


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Return a pattern for a term and its plural; abbreviations and single letters are case-sensitive."""
    case = 0 if name.isupper() or len(name) == 1 else re.IGNORECASE
    return re.compile(rf"\b{re.escape(name)}(?:e?s)?\b", case)
