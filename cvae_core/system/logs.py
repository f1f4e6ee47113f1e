"""Logging: one line per event, with its time, level and run. Drawings of visitors are never logged."""

import logging

from cvae_core.errors import ConfigError
from cvae_core.system.printable import printable

FLAG = "--log-level"
LEVELS = ("debug", "info", "warning", "error", "critical")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_OURS = ("cvae_core", "app")


def to_stderr(level: str) -> None:
    """Write log records of a level and above to standard error; raise ConfigError if the level does not exist."""
    if level.lower() not in LEVELS:  # Streamlit's flag for the log of the dashboard also accepts capitals
        raise ConfigError(f"A log level cannot be {level!r}: give one of {', '.join(LEVELS)}.")
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(_FORMAT))
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level.upper())


class _Formatter(logging.Formatter):
    """Show control characters as escapes."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def taken_out(words: list[str]) -> list[str]:
    """Apply the flag --log-level, which every command has, and return the other words of the command line."""
    for place, word in enumerate(words):
        name, equals, level = word.partition("=")
        if name == FLAG:
            end = place + (1 if equals else 2)
            to_stderr(level if equals else "".join(words[place + 1 : end]))
            return words[:place] + words[end:]
    return words
