"""Read a CSV file that names pictures, their classes, splits and attributes. No torch.

The column of files is the one whose texts are names of files. A path outside the folder of the CSV file is refused.
"""

import io
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from cvae_core.config.descriptions import MOST_ATTRIBUTES, MOST_IMAGES, Attribute
from cvae_core.errors import SourceRefused
from cvae_core.sources.kinds.folders import Files
from cvae_core.sources.layout import SPLIT_WORDS, File
from cvae_core.sources.limits import TABLE_BYTES, class_name, require_count, shown
from cvae_core.sources.wishes import Findings
from cvae_core.system.files import MEGABYTE

LABEL_WORDS = ("label", "labels", "class", "category", "target", "y")  # columns of classes, the first that is there
MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "?", "-"})
MOST_COLUMNS = 1_000
MOST_CATEGORIES = 200  # a column of more different texts is no attribute
_TRIED = 100  # rows in which the column of files is looked for
_UPWARDS = re.compile(r"[/\\~]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)", re.DOTALL)


class Table(NamedTuple):
    """The files of a table with their classes and splits, and their attributes."""

    files: list[File]
    attributes: tuple[Attribute, ...]
    values: np.ndarray | None  # (N, A) float32
    total: int  # bytes of all files


def read_table(content: bytes, folder: str, reader: Files, labels: str | None, findings: Findings) -> Table:
    """Return what a table names. `folder` is the table's own, with a slash at its end. Raises SourceRefused."""
    table = _parsed(content)
    column = _column_of_files(table, folder, reader)
    chosen = _column_of_labels(table, column, labels, findings)
    split = next(
        (name for name in table if name.strip().casefold() in ("split", "set", "subset") and name != chosen), None
    )
    if split is not None and not set(table[split].str.strip().str.casefold()) <= SPLIT_WORDS.keys():
        findings.cautions.append(f"The column {shown(split)!r} gives no splits: not all its texts are names of splits.")
        split = None
    files, kept, total = [], [], 0
    names = table[column].str.strip().tolist()
    classes = table[chosen].str.strip().tolist() if chosen else [""] * len(table)
    splits = table[split].str.strip().str.casefold().tolist() if split else [""] * len(table)
    for row, (name, label, word) in enumerate(zip(names, classes, splits, strict=True)):
        if not name:
            findings.leave_out(f"row {row + 2}", "names no file")
        elif _UPWARDS.match(name):
            raise SourceRefused(
                f"The table names {shown(name)!r}, which may lie outside its folder: name files relative to the table."
            )
        elif (size := reader.size(folder + name)) is None:
            findings.leave_out(name, "does not exist in the source")
        elif chosen and not label:
            findings.leave_out(name, "has no class in the table")
        else:
            files.append(File(folder + name, label, SPLIT_WORDS.get(word, "")))
            kept.append(row)
            total += size
    others = [name for name in table if name not in (column, chosen, split)]
    attributes, values = _attributes(table.iloc[kept], others, findings)
    return Table(files, attributes, values, total)


def _parsed(content: bytes) -> pd.DataFrame:
    if len(content) > TABLE_BYTES:
        raise SourceRefused(f"The table has more than {TABLE_BYTES // MEGABYTE} MB: split it.")
    first = content.partition(b"\n")[0]
    separator = max((",", ";", "\t"), key=lambda one: first.count(one.encode()))
    if first.count(separator.encode()) >= MOST_COLUMNS:
        raise SourceRefused(f"The table has more than {MOST_COLUMNS:,} columns: remove those that are not needed.")
    try:
        table = pd.read_csv(
            io.BytesIO(content),
            sep=separator,
            dtype=object,
            keep_default_na=False,
            na_filter=False,
            index_col=False,
            nrows=MOST_IMAGES + 1,
            encoding="utf-8-sig",
        )
    except Exception as error:  # pandas raises more types than can be listed
        raise SourceRefused(
            "The table cannot be read: it must be CSV in UTF-8, with the names of its columns in the first row."
        ) from error
    require_count(len(table))
    if not len(table):
        raise SourceRefused("The table has no rows: each picture needs one.")
    return table.rename(columns=str).astype(str)


def _column_of_files(table: pd.DataFrame, folder: str, reader: Files) -> str:
    """Return the column in which most of the first texts are names of files."""
    first = {name: [text.strip() for text in table[name].head(_TRIED)] for name in table}
    counts = {
        name: sum(bool(text) and reader.size(folder + text) is not None for text in texts)
        for name, texts in first.items()
    }
    best = max(counts, key=lambda name: counts[name])
    if not counts[best]:
        raise SourceRefused(
            f"No column of the table ({_listed(table)}) names files that exist below its folder: give paths relative to "
            "the table."
        )
    return str(best)


def _column_of_labels(table: pd.DataFrame, files: str, labels: str | None, findings: Findings) -> str | None:
    if labels is not None:
        if labels not in table or labels == files:
            raise SourceRefused(
                f"The table has no column {shown(labels)!r} of classes: its columns are {_listed(table)}."
            )
        return labels
    folded = {name.strip().casefold(): name for name in table if name != files}
    found = next((folded[word] for word in LABEL_WORDS if word in folded), None)
    if found is None:
        findings.decide("--labels", "none", f"no column is called {', '.join(LABEL_WORDS)}: there are no classes")
    else:
        findings.decide("--labels", shown(found), "the column has a usual name of classes")
    return found


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(map(shown, list(table)[:10]))


def _attributes(
    table: pd.DataFrame, columns: Sequence[str], findings: Findings
) -> tuple[tuple[Attribute, ...], np.ndarray | None]:
    """Return the other columns as attributes: numbers if all its texts are, else categories."""
    attributes: list[Attribute] = []
    values: list[np.ndarray] = []
    for column in columns:
        texts = table[column].str.strip()
        try:
            attribute, numbers = _attribute(class_name(column), texts.mask(texts.str.casefold().isin(MISSING)))
            if len(attributes) == MOST_ATTRIBUTES or attribute.name in {one.name for one in attributes}:
                raise SourceRefused(f"There are more than {MOST_ATTRIBUTES} attributes, or two of one name.")
        except SourceRefused as error:
            findings.cautions.append(f"The column {shown(column)!r} is not used. {error}")
            continue
        if missing := int(np.isnan(numbers).sum()):
            findings.cautions.append(f"The attribute {shown(column)!r} has no value for {missing:,} images.")
        attributes.append(attribute)
        values.append(numbers)
    return tuple(attributes), np.stack(values, 1) if values else None


def _attribute(name: str, texts: "pd.Series[str]") -> tuple[Attribute, np.ndarray]:
    given = texts.dropna()
    if given.empty:
        raise SourceRefused("All its values are missing.")
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    if not np.isnan(numbers[texts.notna().to_numpy()]).any():
        with np.errstate(over="ignore"):
            single = numbers.astype(np.float32)
        return Attribute(name=name), np.where(np.isfinite(single), single, np.float32(np.nan))
    if given.nunique() > MOST_CATEGORIES or (given.nunique() == len(given) and len(given) > 1):
        raise SourceRefused(f"It has {given.nunique():,} different texts, which are no categories.")
    named = {text: class_name(text) for text in given.unique()}
    categories = sorted(set(named.values()))
    place = {text: float(categories.index(category)) for text, category in named.items()}
    return Attribute(name=name, categories=tuple(categories)), texts.map(place).to_numpy(np.float32)
