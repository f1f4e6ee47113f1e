"""Read a source of images: decide shape, colour and ink, and return the images with a report of everything that was found.

A source is a folder or a zip with a folder per class, a CSV file that names pictures, an .npz, or IDX files.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from cvae_core.config.descriptions import SIDES, Shape
from cvae_core.data.sealed import Sealed
from cvae_core.errors import SourceRefused
from cvae_core.sources.deciding import channels_of, side_of, with_ink
from cvae_core.sources.finishing import finished
from cvae_core.sources.kinds.arrays import parts_of_npz
from cvae_core.sources.kinds.folders import Files, Folder, Zip
from cvae_core.sources.kinds.idx_files import NAME, is_idx, parts_of_idx
from cvae_core.sources.kinds.stacks import pictures_of_parts
from cvae_core.sources.kinds.tables import Table, read_table
from cvae_core.sources.layout import File, arranged, classes_of
from cvae_core.sources.limits import TABLE_BYTES, class_name, require_count, require_memory, shown
from cvae_core.sources.pictures import Unreadable
from cvae_core.sources.wishes import SPLITS, Findings, Pictures, Progress, Wishes
from cvae_core.sources.workers import batches

__all__ = ["Findings", "Pictures", "Progress", "Wishes", "finished", "gather"]

_SAMPLE = 256  # pictures that are read twice: first to decide side and colour
_KINDS = "a folder, a .zip, a .npz, a .csv, or an IDX file"


def gather(name: str, source: Path, wishes: Wishes) -> Iterator[Progress | Sealed]:
    """Read a source within the limits and yield progress; the last item is what `store` takes.

    Nothing is written. Raises SourceRefused with one sentence that says what is wrong and what to do.
    """
    pictures = yield from _pictures(source, wishes)
    pictures.source = source.resolve().name  # "." has no name of its own
    yield Progress("looking for equal images", 0, 1)
    yield finished(name, pictures, wishes)


def _pictures(source: Path, wishes: Wishes) -> Generator[Progress, None, Pictures]:
    """Recognise the kind of a source by its content, and read it."""
    if not source.exists():
        raise SourceRefused(f"There is no {shown(str(source))}: give the path of {_KINDS}.")
    try:
        if source.is_dir():
            if any(NAME.fullmatch(path.name) for path in source.iterdir()):
                return (yield from _arrays(source, "idx", wishes))
            with closing(Folder(source)) as folder:
                return (yield from _files(folder, "folder", wishes))
        if not source.is_file():
            raise SourceRefused(f"{shown(str(source))} is no regular file: give the path of {_KINDS}.")
        if source.suffix.lower() == ".npz":
            return (yield from _arrays(source, "npz", wishes))
        if source.suffix.lower() in (".csv", ".tsv"):
            with closing(Folder(source.parent)) as folder:
                return (yield from _table(folder, source.name, wishes))
        if NAME.fullmatch(source.name) or is_idx(source):
            return (yield from _arrays(source, "idx", wishes))
        with source.open("rb") as file:
            if file.read(2) != b"PK":
                raise SourceRefused(f"{shown(source.name)} is none of the kinds that can be read: give {_KINDS}.")
        with closing(Zip(source)) as archive:
            return (yield from _files(archive, "zip", wishes))
    except OSError as error:
        raise SourceRefused(
            f"{shown(str(source))} cannot be read ({error.strerror}): check its permissions."
        ) from error


def _arrays(source: Path, kind: str, wishes: Wishes) -> Generator[Progress, None, Pictures]:
    if wishes.labels is not None:
        raise SourceRefused("--labels needs a table, but the source has arrays with labels of their own: leave it out.")
    findings = Findings(kind=kind)
    parts = parts_of_npz(source, findings) if kind == "npz" else parts_of_idx(source, findings)
    pictures = yield from pictures_of_parts(parts, wishes, findings)
    return with_ink(pictures, wishes)


def _files(reader: Files, kind: str, wishes: Wishes) -> Generator[Progress, None, Pictures]:
    """Read a folder or zip: by its only table at the top if there are no folders of classes, else by its folders."""
    findings = Findings(kind=kind)
    yield Progress("listing files", 0, 1)
    listing = reader.listed(findings)
    tables = [path for path in listing.paths if path.lower().endswith((".csv", ".tsv"))]
    others = [path for path in listing.paths if path not in set(tables)]
    files = arranged(others, listing.folders, findings)
    if len(tables) == 1 and (wishes.labels is not None or not any(file.label or file.split for file in files)):
        return (yield from _table(reader, tables[0], wishes))
    if wishes.labels is not None:
        raise SourceRefused(
            f"--labels needs one table, but the source has {len(tables)}: give the path of a .csv file."
        )
    for table in tables:
        findings.leave_out(table, "is not read: there are folders of classes. To use it, give --labels COLUMN")
    return (yield from _read(reader, Table(files, (), None, listing.total), findings, wishes))


def _table(reader: Files, path: str, wishes: Wishes) -> Generator[Progress, None, Pictures]:
    findings = Findings(kind="csv")
    size = reader.size(path)
    if size is None or size > TABLE_BYTES:
        raise SourceRefused(
            f"{shown(path)} has more than {TABLE_BYTES // 2**20} MB or is a link: give a smaller table."
        )
    above, slash, _ = path.rpartition("/")
    try:
        content = reader.content(path)
    except Unreadable as error:
        raise SourceRefused(f"{shown(path)} {error}: give a table that can be read.") from error
    table = read_table(content, above + slash, reader, wishes.labels, findings)
    return (yield from _read(reader, table, findings, wishes))


def _read(reader: Files, table: Table, findings: Findings, wishes: Wishes) -> Generator[Progress, None, Pictures]:
    """Decide the shape from a sample of the files, then read all."""
    files = table.files
    findings.found = len(files) + findings.left_out_count
    require_count(len(files))
    if not files:
        first = findings.left_out[0] if findings.left_out else None
        why = f" ({first.file} {first.reason})" if first else ""
        raise SourceRefused(
            f"The source has no pictures{why}: it needs PNG, JPEG, WebP or GIF files, one folder per class."
        )
    paths = [file.path for file in files]
    yield Progress("looking at a sample", 0, len(paths))
    shape = _shape(reader, paths, table.total, wishes, findings)
    require_memory(len(paths), shape.values)
    images, rows = np.empty((len(paths), shape.values), np.uint8), list[int]()
    done = 0
    with closing(batches(reader, paths, table.total, shape, wishes.fit)) as parts:
        for values, outcomes in parts:
            images[len(rows) : len(rows) + len(values)] = values
            for index, outcome in enumerate(outcomes, done):
                if outcome.refused:
                    findings.leave_out(paths[index], outcome.refused)
                    continue
                rows.append(index)
                findings.sizes[outcome.size] += 1
                findings.formats[outcome.format] += 1
                findings.changed.update(outcome.changed)
            done += len(outcomes)
            yield Progress("reading pictures", done, len(paths))
    return with_ink(
        _labelled(images[: len(rows)], shape, [files[row] for row in rows], table, rows, findings, wishes), wishes
    )


def _shape(reader: Files, paths: list[str], total: int, wishes: Wishes, findings: Findings) -> Shape:
    """Decide side and colour from pictures at equal distances in the list."""
    sample = paths[:: -(-len(paths) // _SAMPLE)]
    probe = Shape(3, SIDES[-1])
    looked = [
        outcome
        for _, outcomes in batches(reader, sample, total * len(sample) // len(paths), probe, "stretch")
        for outcome in outcomes
        if not outcome.refused
    ]
    channels = channels_of(sum(outcome.coloured for outcome in looked), len(looked), wishes, findings)
    return Shape(channels, side_of(sorted(max(outcome.size) for outcome in looked), wishes, findings))


def _labelled(
    images: np.ndarray,
    shape: Shape,
    files: list[File],
    table: Table,
    rows: list[int],
    findings: Findings,
    wishes: Wishes,
) -> Pictures:
    classes = classes_of([file.label for file in files], wishes.classes, findings)
    place = {label: classes.index(class_name(label)) if label else 0 for label in {file.label for file in files}}
    given = np.array([SPLITS.index(file.split) if file.split else -1 for file in files], np.int64)
    return Pictures(
        shape=shape,
        images=images,
        labels=np.array([place[file.label] for file in files], np.int64),
        classes=classes,
        drawn=False,
        files=[file.path for file in files],
        splits=given if len(given) and (given >= 0).all() and len(np.unique(given)) > 1 else None,
        attributes=table.attributes,
        values=None if table.values is None else table.values[rows],
        findings=findings,
    )
