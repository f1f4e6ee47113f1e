"""The terms of docs/glossary.md, which pages explain on hover; the file's first lines describe its format."""

import re
from functools import cache

from app.display.plain_text import Markdown, plain
from cvae_core.system.files import REPOSITORY

MOST = 8  # explained terms per text


@cache
def entries() -> dict[tuple[str, ...], str]:
    """Return the sentence of each term by the term's names."""
    text = (REPOSITORY / "docs" / "glossary.md").read_text()
    found = re.findall(r"^\*\*(.+?)\*\*: ([^$]+?)(?=\n\$|\n\n|\s*\Z)", text, flags=re.MULTILINE)
    return {tuple(names.split(" / ")): " ".join(sentence.split()) for names, sentence in found}


def terms_in(text: Markdown) -> Markdown | None:
    """Explain the first terms of the glossary that a text uses, in its order; None if it uses none.

    The longest term counts: "prior network" is not "prior". Formulas and parts of words with a hyphen are no terms.
    """
    names = {name.casefold(): names for names in entries() for name in names}
    found: dict[tuple[str, ...], str] = {}
    for term in _pattern().finditer(re.sub(r"\$[^$]*\$|`[^`]*`", " ", text)):
        found.setdefault(names[term[1].casefold()], term[0])
    return "\n\n".join(f"**{plain(found[names])}**: {plain(entries()[names])}" for names in list(found)[:MOST]) or None


@cache
def _pattern() -> re.Pattern[str]:
    """Find terms and plurals, the longest first; abbreviations and Greek letters only in the case of the glossary."""
    names = [name for group in entries() for name in group if len(name) > 1 or not name.isascii()]
    cased = [f"(?{'-' if name.isupper() else ''}i:{re.escape(name)})" for name in names]
    return re.compile(rf"(?<![\w-])({'|'.join(sorted(cased, key=len, reverse=True))})(?:e?s)?(?![\w-])")
