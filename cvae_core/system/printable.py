"""Escape control characters in text for a terminal or a log.

A terminal executes control characters: those in the card of a run could set its title, clear the screen or reverse text.
"""

import re
from typing import Any, TextIO

# C0 and C1 except newline and tab, then invisible characters, such as line separators and changes of the text direction.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""Return a text in which each control character except newline and tab is escaped.

    >>> printable("a\x1b[2J\rb")
    'a\\x1b[2J\\rb'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: object) -> str:
    r"""Return a text on one line, so that it cannot add lines to a list.

    >>> one_line("stopped\nmine  finished")
    'stopped mine finished'
    """
    return " ".join(str(text).split())


class Printable:
    """A text stream that escapes control characters and otherwise behaves as the stream that it wraps.

    `isatty` returns False, because colours would be control characters too.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text and return its length."""
        self.stream.write(printable(text))
        return len(text)

    def isatty(self) -> bool:
        """Return False: callers must not use colours."""
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def unfiltered(stream: TextIO) -> TextIO:
    """Return the wrapped stream, for a progress bar, which uses carriage returns."""
    return stream.stream if isinstance(stream, Printable) else stream
