"""The commands that keep a folder of runs in order: each a frozen dataclass of its flags."""

from dataclasses import dataclass, field
from typing import Annotated

from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.cli.options import Root, RunName
from cvae_core.jobs import housekeeping
from cvae_core.system.folders import default_root, in_root
from cvae_core.system.printable import one_line


@dataclass(frozen=True, kw_only=True)
class Rename:
    """Give a run another name."""

    run: RunName
    new: Annotated[Positional[str], Doc("its name from now on")]
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Rename."""
        print(f"Run {self.run!r} is now {housekeeping.rename(self.root, self.run, self.new).name!r}.")


@dataclass(frozen=True, kw_only=True)
class Annotate:
    """Keep a note with a run."""

    run: RunName
    note: Annotated[Positional[str], Doc("what to remember; empty: nothing")]
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Keep it."""
        housekeeping.annotate(self.root, self.run, self.note)


@dataclass(frozen=True, kw_only=True)
class Discard:
    """Put a run into the bin, from where `restore` takes it back."""

    run: RunName
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Put it there and say how it comes back."""
        housekeeping.discard(self.root, self.run)
        back = in_root(f"python -m cvae_core restore {self.run}", self.root)
        print(f"Run {self.run!r} is in the bin. Take it back with: {back}")


@dataclass(frozen=True, kw_only=True)
class Restore:
    """Take a run out of the bin."""

    run: Annotated[Positional[str | None], Doc("its name; None: show what is in the bin")] = None
    root: Root = field(default_factory=default_root)

    def __call__(self) -> None:
        """Take it out, or print what is there."""
        if self.run is not None:
            housekeeping.restore(self.root, self.run)
            print(f"Run {self.run!r} is back.")
            return
        found = housekeeping.in_bin(self.root)
        for binned in found:
            print(f"{binned.run:24} since {one_line(binned.moment)}")
        if not found:
            print(f"Nothing is in the bin of {self.root}.")
