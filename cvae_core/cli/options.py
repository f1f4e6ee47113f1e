"""Flags that several commands share."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.system.folders import default_root

Root = Annotated[Path, Doc("folder of runs")]
RunName = Annotated[Positional[str], Doc("name of a run")]


@dataclass(frozen=True, kw_only=True)
class InRoot:
    """A command that works in a folder of runs."""

    root: Root = field(default_factory=default_root)
