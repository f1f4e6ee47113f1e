"""The flags that several commands have."""

from pathlib import Path
from typing import Annotated, Literal

from typing_extensions import Doc
from tyro.conf import Positional

Device = Literal["auto", "cpu", "cuda"]
OnDevice = Annotated[Device, Doc("where to compute; auto: a GPU if there is one")]
Root = Annotated[Path, Doc("folder of runs")]
RunName = Annotated[Positional[str], Doc("name of a run")]
OtherImages = Annotated[bool, Doc("train even where a data set here holds other images than the published ones")]
