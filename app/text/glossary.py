"""The terms of docs/glossary.md, which pages explain on hover and focus; the file's first lines describe its format."""

import re
from collections.abc import Mapping
from functools import cache

from app.text.plain_text import Markdown, plain
from cvae_core.system.files import REPOSITORY

LINK = "#glossary"  # marks the terms for glossary.js and glossary.css; nothing has this address
# In "Draw an image" and "a grey quadrant" they are no terms. Nearly every text has the word "run".
EVERYDAY = r"Draw\b|[Rr]uns?\b|grey(?! pixel)"
# Formulas, code, links and icons have no marked terms.
_SKIPPED = r"\$[^$]*\$|(?<!\\)(?P<fence>`+)(?!`).*?(?<!`)(?P=fence)(?!`)|\[[^\]]*\]\([^)]*\)|:material/\w+:"


@cache
def entries() -> Mapping[str, str]:
    """Return the sentence of each name of a term."""
    text = (REPOSITORY / "docs" / "glossary.md").read_text()
    found = re.findall(r"^\*\*(.+?)\*\*: ([^$]+?)(?=\n\$|\n\n|\s*\Z)", text, flags=re.MULTILINE)
    return {name: " ".join(sentence.split()) for names, sentence in found for name in names.split(" / ")}


def explained(name: str) -> Markdown:
    """Return a term with its sentence, for the help of a control that sets it."""
    return f"**{plain(name)}**: {plain(entries()[name])}"


def marked(text: Markdown) -> Markdown:
    """Mark the first use of each term in a text: with a link, which Tab reaches, whose title is the term's sentence.

    The longest term counts: "prior network" is not "prior". Formulas and parts of words with a hyphen are no terms.
    """
    names = {name.casefold(): name for name in entries()}
    found: dict[str, tuple[int, int, str]] = {}
    for match in _pattern().finditer(text):
        if match["term"]:
            sentence = entries()[names[match["term"].casefold()]]
            found.setdefault(sentence, (*match.span("used"), sentence))
    for start, end, sentence in reversed(found.values()):
        title = plain(sentence).replace('"', '\\"')
        text = f'{text[:start]}[{text[start:end]}]({LINK} "{title}"){text[end:]}'
    return text


@cache
def _pattern() -> re.Pattern[str]:
    """Find terms and plurals, the longest first; abbreviations and Greek letters only in the case of the glossary."""
    names = sorted((name for name in entries() if len(name) > 1 or not name.isascii()), key=len, reverse=True)
    cased = "|".join(f"(?{'-' if name.isupper() else ''}i:{re.escape(name)})" for name in names)
    # After "!", the mark would be a picture.
    term = rf"(?<![\w!-])(?!{EVERYDAY})(?P<used>(?P<term>{cased})(?:e?s)?)(?![\w-])"
    return re.compile(rf"{_SKIPPED}|{term}", flags=re.DOTALL)
