"""The four files of MNIST, Fashion-MNIST and Kuzushiji-MNIST: where they lie and what they hold; no torch.

torchvision stores them in FOLDER/MNIST/raw. Read as well are the .gz files alone, Kaggle's names (train-images.idx3-ubyte),
and files one folder higher; those of MNIST may also lie in FOLDER itself.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cvae_core.data import idx
from cvae_core.errors import ConfigError, DataDamaged, DataMissing
from cvae_core.system.files import user_path

NAMES = ("mnist", "fashion", "kmnist", "digits")
EMBEDDED = "digits"
CLASS = {"mnist": "MNIST", "fashion": "FashionMNIST", "kmnist": "KMNIST"}  # of torchvision, and its folder
SHAPES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}


def folder() -> Path:
    """Return where data sets lie: `$CVAE_DATA`, else `data` in the repository."""
    return user_path("CVAE_DATA", "data")


def raw(name: str) -> Path:
    """Return the folder in which torchvision stores a data set."""
    return folder() / CLASS[name] / "raw"


def known(name: str) -> str:
    """Return a data set's name; raise ConfigError, naming those that exist, where it is none."""
    if name not in NAMES:
        raise ConfigError(f"No data set is called {name!r}: choose one of {', '.join(NAMES)}.")
    return name


def on_disk(name: str) -> bool:
    """Tell, without reading them, whether the files of a data set are there; the embedded one always is."""
    try:
        return known(name) == EMBEDDED or len(found(name)) == len(SHAPES)
    except OSError:  # a folder that may not be looked into
        return False


def found(name: str) -> dict[str, Path]:
    """Return where the files of a data set lie, by torchvision's names; those that are missing are left out.

    An archive that is cut off, as an interrupted download leaves it, counts as missing.
    """
    here = {file: next(_there(name, file), None) for file in SHAPES}
    return {file: path for file, path in here.items() if path}


def archives(name: str) -> dict[str, Path]:
    """Return the whole .gz files of a data set that may be read, by the names of what they hold."""
    here = {}
    for file in SHAPES:
        with suppress(OSError, StopIteration):
            here[file] = next(filter(_is_packed, _there(name, file)))
    return here


def read(name: str) -> dict[str, bytearray]:
    """Read the files of a data set, without their headers; `DataMissing` and `DataDamaged` say which one cannot be."""
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
        beside = f", and {half} is cut off or holds something else" if half else _what_lies_in(raw(name))
        raise DataMissing(
            f"{name} is not on this machine: no {missing[0]} in {raw(name)}{beside}. Get it with python -m cvae_core "
            f"download {name}, set CVAE_DATA to the folder that holds {CLASS[name]}/raw, or use the embedded {EMBEDDED}."
        )
    return contents


def _what_lies_in(place: Path) -> str:
    """Name the first files of a folder, for a sentence that says what is missing there."""
    try:
        names = sorted(path.name for path in place.iterdir())
    except OSError:
        return ""
    return f", which holds {', '.join(names[:4])}{' …' if names[4:] else ''}" if names else ""


def damaged(name: str, path: Path, fault: str) -> DataDamaged:
    """Return the error that says what is wrong with a file and how to replace it."""
    return DataDamaged(f"{path} {fault}. Delete it and download again: python -m cvae_core download {name}")


def _places(name: str, file: str) -> Iterator[Path]:
    """Name all paths where a file of a data set may lie, torchvision's own first."""
    higher = [folder()] if name == "mnist" else []  # there the names do not tell one data set from another
    for place in (raw(name), raw(name).parent, *higher):
        for ending in ("", idx.PACKED):
            yield place / f"{file}{ending}"
            yield place / f"{file.replace('-idx', '.idx')}{ending}"


def _there(name: str, file: str) -> Iterator[Path]:
    for path in _places(name, file):
        if path.is_file() and (not _is_packed(path) or idx.seems_whole(path, SHAPES[file])):
            yield path


def _is_packed(path: Path) -> bool:
    return path.suffix == idx.PACKED
