"""Escape text from files, addresses and errors, so that it has no effect as Markdown or in a chart.

Streamlit renders remote pictures, links, formulas, icons and colours in any text. Pages therefore escape all text that they
insert into their own, and a test finds unescaped text. Text that is meant as Markdown has the type `Markdown`; the same test
checks how it is built.
"""

import re
from typing import TypeAlias

from cvae_core.system.printable import one_line, printable

Markdown: TypeAlias = str

_JOINER = "\u2060"  # invisible; splits sequences that Streamlit replaces even after a backslash
_SPECIAL = re.compile(
    r"[\\`*\[\]<$~|&]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside a word it has no effect
    r"|:(?=\S)"  # starts a colour, for example
    r"|^(?:[#>]|[-+=](?=[\s=+-]|$))"  # starts a heading, a list or a quotation
)
_REPLACED = re.compile(
    r":(?=\S)"  # icons, emoji and addresses: :material/home:, :smile:, http://
    r"|(?i:\bwww)(?=\.)|.?(?=@)"  # addresses, which become links
    r"|^\d+(?=[.)](?:\s|$))"  # numbers of a list
    r"|(?<!\S)[-<>~](?=(?:->|>|-|=)(?!\S))"  # arrows and dashes
)


def plain(text: object) -> Markdown:
    r"""Return Markdown that shows a text literally, on one line, with control characters escaped.

    >>> plain("no *emphasis*, no [link](x)")
    'no \\*emphasis\\*, no \\[link\\](x)'
    """
    line = printable(one_line(text))
    line = _REPLACED.sub(lambda found: found[0] + _JOINER, line)
    return _SPECIAL.sub(r"\\\g<0>", line)


def code(text: object) -> Markdown:
    """Return Markdown that shows a text literally, on one line, as code.

    >>> code("label"), code("a`b")
    ('`label`', '`` a`b ``')
    """
    line = (printable(one_line(text)) or " ").replace(":material/", f":{_JOINER}material/")
    runs = [len(run) for run in re.findall("`+", line)]
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    pad = " " if runs else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def charted(text: object) -> str:
    """Return a text with its HTML escaped, for a chart: Plotly renders some HTML, such as links, in all texts.

    >>> charted('<a href="x">y</a>')
    '&lt;a href="x"&gt;y&lt;/a&gt;'
    """
    line = printable(one_line(text))
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
