"""Flags that several commands share."""

from pathlib import Path
from typing import Annotated

from typing_extensions import Doc
from tyro.conf import Positional

Root = Annotated[Path, Doc("folder of runs")]
RunName = Annotated[Positional[str], Doc("name of a run")]
