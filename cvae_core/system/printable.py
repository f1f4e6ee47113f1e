"""Text for a terminal or a log: control characters are shown as escapes, whoever wrote them.

A terminal obeys what it is sent: a run's card could set its title, clear the screen or reverse the order of letters.
"""

import re
from typing import Any, TextIO

# C0 and C1 but newline and tab; then invisible letters, among them line separators and those that change the direction.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""Return a text with each control character but newline and tab as its escape.

    >>> printable("a\x1b[2J\rb")
    'a\\x1b[2J\\rb'
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: object) -> str:
    r"""Return a text on one line: in a list of lines none of another's making.

    >>> one_line("stopped\nmine  finished")
    'stopped mine finished'
    """
    return " ".join(str(text).split())


class Printable:
    """A text stream that shows control characters as escapes; all else is as in the stream that it writes to.

    It is no terminal to those who ask: colours would be control characters, too.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text, and return how long it was."""
        self.stream.write(printable(text))
        return len(text)

    def isatty(self) -> bool:
        """Deny that it is a terminal."""
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def unfiltered(stream: TextIO) -> TextIO:
    """Return the stream itself, for a progress bar, which begins its line anew by a control character."""
    return stream.stream if isinstance(stream, Printable) else stream
