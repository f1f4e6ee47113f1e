"""Find and read the four files of MNIST, Fashion-MNIST and Kuzushiji-MNIST; no torch.

torchvision stores them in FOLDER/MNIST/raw. Also accepted: .gz files without the unpacked files, Kaggle's names
(train-images.idx3-ubyte), and files in the parent folder. The files of MNIST may also be in FOLDER itself.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cvae_core.config.descriptions import BUILT_IN
from cvae_core.data import catalogue, idx
from cvae_core.data.catalogue import folder as folder
from cvae_core.errors import DataDamaged, DataMissing

NAMES = tuple(BUILT_IN)
EMBEDDED = "digits"
DIGITS = Path(__file__).with_name("digits.npz")  # written by benchmarks/digits.py
CLASS = {"mnist": "MNIST", "fashion": "FashionMNIST", "kmnist": "KMNIST"}  # classes of torchvision, and folders
SHAPES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}


def raw(name: str) -> Path:
    """Return the folder in which torchvision stores a data set."""
    return folder() / CLASS[name] / "raw"


def on_disk(name: str) -> bool:
    """Return whether the files of a data set exist, without reading them; False for an unknown name.

    The embedded data set always exists.
    """
    if name not in CLASS:
        return catalogue.exists(name)
    try:
        return len(found(name)) == len(SHAPES)
    except OSError:  # no permission to read the folder
        return False


def bytes_on_disk(name: str) -> int:
    """Return the size of the existing files of a data set. Raises ConfigError with the existing names."""
    if name in CLASS:
        paths = [*found(name).values()]
    else:
        paths = [DIGITS] if name == EMBEDDED else [*catalogue.sealed_folder(name).iterdir()]
    return sum(path.lstat().st_size for path in paths)


def found(name: str) -> dict[str, Path]:
    """Return the paths of the existing files of a data set, by torchvision's names.

    An incomplete archive, for example after an interrupted download, counts as missing.
    """
    here = {file: next(_existing(name, file), None) for file in SHAPES}
    return {file: path for file, path in here.items() if path}


def archives(name: str) -> dict[str, Path]:
    """Return the complete, readable .gz files of a data set, by the names of the unpacked files."""
    here = {}
    for file in SHAPES:
        with suppress(OSError, StopIteration):
            here[file] = next(filter(_is_packed, _existing(name, file)))
    return here


def read(name: str) -> dict[str, bytearray]:
    """Read the files of a data set without their headers; raise DataMissing or DataDamaged with the name of the file."""
    contents, missing = {}, []
    try:
        here = found(name)
    except OSError as error:
        raise damaged(name, Path(error.filename or raw(name)), f"cannot be read ({error.strerror})") from error
    for file, shape in SHAPES.items():
        path = here.get(file, raw(name) / file)
        try:
            contents[file] = idx.read(path, shape)
        except (FileNotFoundError, NotADirectoryError):
            missing.append(file)
        except OSError as error:
            raise damaged(name, path, f"cannot be read ({error.strerror})") from error
        except ValueError as error:
            raise damaged(name, path, str(error)) from error
        else:
            if len(shape) == 1 and (highest := max(contents[file])) > 9:
                raise damaged(name, path, f"holds the label {highest}, but labels go from 0 to 9")
    if missing:
        half = next((path for path in filter(_is_packed, _places(name, missing[0])) if path.is_file()), None)
        beside = f", and {half} is incomplete or has other content" if half else _listing(raw(name))
        raise DataMissing(
            f"{name} is not on this machine: no {missing[0]} in {raw(name)}{beside}. Get it with python -m cvae_core "
            f"download {name}, set CVAE_DATA to the folder that holds {CLASS[name]}/raw, or use the embedded {EMBEDDED}."
        )
    return contents


def _listing(place: Path) -> str:
    """Name the first files of a folder, for the message about a missing file."""
    try:
        names = sorted(path.name for path in place.iterdir())
    except OSError:
        return ""
    return f", which holds {', '.join(names[:4])}{' …' if names[4:] else ''}" if names else ""


def damaged(name: str, path: Path, fault: str) -> DataDamaged:
    """Return the error for a damaged file, with the command that downloads it again."""
    return DataDamaged(f"{path} {fault}. Delete it and download again: python -m cvae_core download {name}")


def _places(name: str, file: str) -> Iterator[Path]:
    """Yield all possible paths of a file of a data set, starting with torchvision's own."""
    higher = [folder()] if name == "mnist" else []  # file names there do not identify the data set
    for place in (raw(name), raw(name).parent, *higher):
        for ending in ("", idx.PACKED):
            yield place / f"{file}{ending}"
            yield place / f"{file.replace('-idx', '.idx')}{ending}"


def _existing(name: str, file: str) -> Iterator[Path]:
    for path in _places(name, file):
        if path.is_file() and (not _is_packed(path) or idx.seems_whole(path, SHAPES[file])):
            yield path


def _is_packed(path: Path) -> bool:
    return path.suffix == idx.PACKED
