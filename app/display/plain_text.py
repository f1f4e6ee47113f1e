"""Words of others as plain text: what comes from files, addresses and errors means nothing in Markdown or in a chart.

Streamlit shows pictures of other machines, links, formulas, icons and colours wherever a text asks for them. So whatever a
page puts into its own words passes through here; a test looks for what does not. A text that is to be Markdown has the type
`Markdown`, and the same test looks at how it is made.
"""

import re
from typing import TypeAlias

from cvae_core.system.printable import one_line, printable

Markdown: TypeAlias = str

_JOINER = "\u2060"  # is not seen, and keeps apart what Streamlit would replace after it has undone all backslashes
_SPECIAL = re.compile(
    r"[\\`*\[\]<$~|&]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # amid a word it is nothing special
    r"|:(?=\S)"  # begins a colour, say
    r"|^(?:[#>]|[-+=](?=[\s=+-]|$))"  # begins a heading, a list, a quotation
)
_REPLACED = re.compile(
    r":(?=\S)"  # icons, emoji and addresses: :material/home:, :smile:, http://
    r"|(?i:\bwww)(?=\.)|.?(?=@)"  # addresses, which become links
    r"|^\d+(?=[.)](?:\s|$))"  # numbers of a list
    r"|(?<!\S)[-<>~](?=(?:->|>|-|=)(?!\S))"  # arrows and dashes
)


def plain(text: object) -> Markdown:
    r"""Return Markdown that shows a text as it is, on one line; control characters as escapes.

    >>> plain("no *emphasis*, no [link](x)")
    'no \\*emphasis\\*, no \\[link\\](x)'
    """
    line = printable(one_line(text))
    line = _REPLACED.sub(lambda found: found[0] + _JOINER, line)
    return _SPECIAL.sub(r"\\\g<0>", line)


def code(text: object) -> Markdown:
    """Return Markdown that shows a text as it is, on one line, as code.

    >>> code("label"), code("a`b")
    ('`label`', '`` a`b ``')
    """
    line = (printable(one_line(text)) or " ").replace(":material/", f":{_JOINER}material/")
    runs = [len(run) for run in re.findall("`+", line)]
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    pad = " " if runs else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def charted(text: object) -> str:
    """Return a text as it is to stand in a chart: Plotly takes some HTML, links among it, wherever it shows words.

    >>> charted('<a href="x">y</a>')
    '&lt;a href="x"&gt;y&lt;/a&gt;'
    """
    line = printable(one_line(text))
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
