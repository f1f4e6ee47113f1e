"""The commands that rename, annotate, discard and restore runs. Each one is a frozen dataclass of its flags."""

from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.cli.options import InRoot, RunName
from cvae_core.jobs import housekeeping
from cvae_core.system.folders import in_root
from cvae_core.system.printable import one_line


@dataclass(frozen=True, kw_only=True)
class Rename(InRoot):
    """Rename a run."""

    run: RunName
    new: Annotated[Positional[str], Doc("new name")]

    def __call__(self) -> None:
        """Rename the run and print its new name."""
        print(f"Run {self.run!r} is now {housekeeping.rename(self.root, self.run, self.new).name!r}.")


@dataclass(frozen=True, kw_only=True)
class Annotate(InRoot):
    """Store a note with a run."""

    run: RunName
    note: Annotated[Positional[str], Doc("text of the note; empty: delete it")]

    def __call__(self) -> None:
        """Store the note."""
        housekeeping.annotate(self.root, self.run, self.note)


@dataclass(frozen=True, kw_only=True)
class Discard(InRoot):
    """Move a run to the bin; `restore` moves it back."""

    run: RunName

    def __call__(self) -> None:
        """Move the run to the bin and print the command that restores it."""
        housekeeping.discard(self.root, self.run)
        back = in_root(f"python -m cvae_core restore {self.run}", self.root)
        print(f"Run {self.run!r} is in the bin. Restore it with: {back}")


@dataclass(frozen=True, kw_only=True)
class Restore(InRoot):
    """Move a run back from the bin."""

    run: Annotated[Positional[str | None], Doc("name of the run; None: list the bin")] = None

    def __call__(self) -> None:
        """Restore the run, or list the bin."""
        if self.run is not None:
            housekeeping.restore(self.root, self.run)
            print(f"Run {self.run!r} is restored.")
            return
        found = housekeeping.in_bin(self.root)
        for binned in found:
            print(f"{binned.run:24} discarded {one_line(binned.moment)}")
        if not found:
            print(f"The bin of {self.root} is empty.")
