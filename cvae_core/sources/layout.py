"""From the paths of files to classes and splits: a folder per class, below folders of splits if all top folders are such."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from cvae_core.config.descriptions import MOST_CLASSES, UNLABELLED
from cvae_core.errors import SourceRefused
from cvae_core.sources.limits import class_name, shown
from cvae_core.sources.wishes import Findings, Split

SPLIT_WORDS: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
HIDDEN = re.compile(
    r"(.*/)?(__MACOSX(/.*)?|\.(?!\.?(/|$))[^/]*(/.*)?|Thumbs\.db|desktop\.ini)", re.IGNORECASE | re.DOTALL
)  # not "." and ".."
_LISTED = 20  # empty folders


class File(NamedTuple):
    """A picture's file: its path below the source, its class (empty: none) and its split (empty: none is given)."""

    path: str
    label: str = ""
    split: Split | Literal[""] = ""


def arranged(paths: Sequence[str], folders: Iterable[str], findings: Findings) -> list[File]:
    """Return the files with their classes and splits. `folders` are all folders, so that empty ones are mentioned.

    Folders around everything are skipped. Files outside the folders of classes are left out.
    """
    prefix = _common(paths)
    if prefix:
        findings.cautions.append(f"Everything lies in the folder {shown(prefix)!r}, whose name is not used.")
    start = len(prefix) + 1 if prefix else 0
    inner = [path[start:] for path in paths]
    tops = {path.partition("/")[0] for path in inner if "/" in path}
    given = {SPLIT_WORDS.get(top.casefold()) for top in tops}
    split_up = bool(tops) and None not in given and len(given) > 1
    if len(tops) == 1 and None not in given:
        findings.cautions.append(
            f"The folder {shown(min(tops))!r} is the only one, and so it is a class and not a split."
        )
    files, deeper = [], 0
    for path, rest in zip(paths, inner, strict=True):
        top, below, after = rest.partition("/")
        split = SPLIT_WORDS[top.casefold()] if split_up and below else ""
        parts = (after if split else rest).split("/")
        deeper += len(parts) > 2
        files.append(File(path, parts[0] if len(parts) > 1 else "", split))
    if deeper:
        findings.cautions.append(f"{deeper:,} files in further subfolders belong to the class of the uppermost folder.")
    files = _inside(files, findings, split_up)
    used = {above for path in {file.path.rpartition("/")[0] for file in files} for above in around(path)}
    empty = sorted(folder for folder in set(folders) - used if not HIDDEN.fullmatch(folder))
    for folder in empty[:_LISTED]:
        findings.cautions.append(f"The folder {shown(folder)!r} contains no picture and is no class.")
    if len(empty) > _LISTED:
        findings.cautions.append(f"{len(empty) - _LISTED:,} more folders contain no picture and are no classes.")
    return files


def around(path: str) -> Iterator[str]:
    """Yield a folder and all folders around it.

    >>> list(around("a/b/c"))
    ['a/b/c', 'a/b', 'a']
    """
    while path:
        yield path
        path = path.rpartition("/")[0]


def _common(paths: Sequence[str]) -> str:
    """Return the folders around all folders of classes."""
    parts: list[str] = []
    while True:
        start = "/".join([*parts, ""]) if parts else ""
        heads = {path[len(start) :].partition("/")[0] for path in paths}
        if len(heads) != 1 or not all(path.count("/") > len(parts) + 1 for path in paths):
            return "/".join(parts)
        parts.append(heads.pop())


def _inside(files: list[File], findings: Findings, split_up: bool) -> list[File]:
    """Leave out files beside folders: beside those of splits, and beside those of classes."""
    labelled = any(file.label for file in files)
    kept = []
    for file in files:
        if (split_up and not file.split) or (labelled and not file.label):
            findings.leave_out(file.path, "lies outside the folders of classes")
        else:
            kept.append(file)
    return kept


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts numbers in names by size.

    >>> sorted(["10", "2", "b", "1"], key=natural)
    ['1', '2', '10', 'b']
    """
    parts = re.split(r"([0-9]+)", name.casefold())
    return (*((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part), (2, 0, name))


def classes_of(labels: Sequence[str], order: Literal["natural", "text"], findings: Findings) -> tuple[str, ...]:
    """Return the classes in their order, and note what may surprise. An empty label is no class.

    Raises SourceRefused for too many classes, for names that cannot be used, and for names that become equal.
    """
    found = set(labels) - {""}
    if not found:
        return UNLABELLED
    if len(found) > MOST_CLASSES:
        raise SourceRefused(
            f"The source has {len(found):,} classes, but a data set has at most {MOST_CLASSES}: join some, or take fewer."
        )
    names = {label: class_name(label) for label in sorted(found)}
    if twice := [name for name, count in Counter(names.values()).items() if count > 1]:
        raise SourceRefused(
            f"Two classes are both called {shown(twice[0])!r}, except for blanks or for the way in which letters are "
            "stored: rename one or join them."
        )
    folded = Counter(name.casefold() for name in names.values())
    if alike := sorted(name for name in names.values() if folded[name.casefold()] > 1):
        listed = ", ".join(map(repr, map(shown, alike[:6])))
        findings.cautions.append(f"Classes that differ only in upper and lower case stay apart: {listed}.")
    by_text, by_number = sorted(names.values()), sorted(names.values(), key=natural)
    if by_text != by_number or order == "text":
        reason = "numbers in names are sorted by size" if order == "natural" else "names are sorted as text"
        findings.decide("--classes", order, reason)
    return tuple(by_number if order == "natural" else by_text)
