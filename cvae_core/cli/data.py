"""The commands of data sets: python -m cvae_core data add|list|show|remove|make. Nothing here imports torch."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.cli.options import InRoot
from cvae_core.cli.reports import attribute_lines, report_lines
from cvae_core.data import catalogue, raw_files, sealed
from cvae_core.data.fingerprints import named_here
from cvae_core.errors import ConfigError, LabError
from cvae_core.jobs import data_sets
from cvae_core.system.files import MEGABYTE

DataSetName = Annotated[Positional[str], Doc("name of a data set")]
Command = type[Callable[[], None]]
LISTED = 3  # runs that a line of the list names at most
OVERVIEW = """\
The commands of data sets: python -m cvae_core data …

    add NAME SOURCE       make a data set from images: a folder, a zip, .npz, IDX or CSV
    make glyphs|emoji     make a data set from the fonts of this machine
    list                  list the data sets
    show NAME             show a data set and the report that was made when it was added
    remove NAME           delete an added data set

Add --help to a command to show its flags."""


@dataclass(frozen=True, kw_only=True)
class List(InRoot):
    """List the data sets, with the runs in --root that use them."""

    def __call__(self) -> None:
        """Print a line for each data set; report damaged ones on standard error."""
        print(
            f"{'data set':24} {'training':>8} {'valid.':>7} {'test':>7}  {'shape':13} {'classes':>7} {'MB':>7}  "
            f"{'from':8}  runs"
        )
        for name in catalogue.names():
            try:
                print(self._line(name))
            except LabError as error:
                print(error, file=sys.stderr)

    def _line(self, name: str) -> str:
        data, runs = catalogue.described(name), data_sets.runs_using(name, self.root)
        size = f"{raw_files.bytes_on_disk(name) / MEGABYTE:7.2f}" if raw_files.on_disk(name) else "missing"
        shown = f"{len(runs)}: {', '.join(runs[:LISTED])}{' …' if len(runs) > LISTED else ''}" if runs else "none"
        return (
            f"{named_here(name):24} {data.train:8,} {data.validation:7,} {data.test:7,}  {data.shape!s:13} "
            f"{len(data.classes):7} {size}  {catalogue.origin(name):8}  {shown}"
        )


@dataclass(frozen=True, kw_only=True)
class Show(InRoot):
    """Show a data set, the runs in --root that use it, and the report that was made when it was added."""

    name: DataSetName

    def __call__(self) -> None:
        """Print the description and the report."""
        data, origin = catalogue.described(self.name), catalogue.origin(self.name)
        print(
            f"{named_here(self.name)}: {data.shape}, {data.train:,} images for training, {data.validation:,} for validation "
            f"and {data.test:,} for test"
        )
        if origin == "built-in":
            here = raw_files.on_disk(self.name)
            print("built-in" if here else f"built-in, missing here: python -m cvae_core download {self.name}")
            print(f"classes: {', '.join(data.classes)}")
        else:
            header = catalogue.header(self.name)
            flags = "".join(
                f" --{flag}{'' if value == 'True' else f' {shlex.quote(value)}'}"
                for flag, value in header.flags.items()
            )
            print(f"{origin} on {header.created[:10]} from {header.source}{flags and f' with{flags}'}")
            print(f"in {catalogue.sealed_folder(self.name)}, fingerprint {header.fingerprint}")
            print(header.licence and f"licence: {header.licence}\n", end="")
        values = sealed.read(self.name).attributes if data.attributes and origin != "built-in" else {}
        for line in attribute_lines(data.attributes, values):
            print(line)
        runs = data_sets.runs_using(self.name, self.root)
        print(f"runs: {', '.join(runs) or 'none'}")
        if report := sealed.report_of(self.name):
            print("\n".join(report_lines(report)))


@dataclass(frozen=True, kw_only=True)
class Remove(InRoot):
    """Delete an added data set, unless runs in --root use it."""

    name: DataSetName
    force: Annotated[bool, Doc("delete it even if runs use it; they cannot be resumed or evaluated then")] = False

    def __call__(self) -> None:
        """Delete the data set."""
        data_sets.remove(self.name, self.root, force=self.force)
        print(f"The data set {self.name!r} is removed.")


def chosen(words: Sequence[str]) -> tuple[Command, list[str], str]:
    """Return the command that the words after `data` name, its arguments, and its name. Raises ConfigError."""
    name, rest = words[0], list(words[1:])
    commands: Mapping[str, Command] = {"list": List, "show": Show, "remove": Remove}
    if name == "add":
        if "" in rest:  # as a path it would be the current folder
            raise ConfigError("An argument of data add is empty: give a name and the path of a source.")
        from cvae_core.cli.add import Add  # type: ignore[import-not-found,unused-ignore]

        return Add, rest, "data add"
    if name == "make":
        from cvae_core.cli.make import Emoji, Glyphs  # type: ignore[import-not-found,unused-ignore]

        made: Mapping[str, Command] = {"glyphs": Glyphs, "emoji": Emoji}
        if not rest or rest[0] not in made:
            raise ConfigError(f"The first argument of data make must be one of {', '.join(made)}.")
        return made[rest[0]], rest[1:], f"data make {rest[0]}"
    if name not in commands:
        raise ConfigError(f"Unknown command 'data {name}': choose add, make, {', '.join(commands)}, or --help.")
    return commands[name], rest, f"data {name}"
