"""Download data sets with torchvision, even if its C++ operators do not load. No other module imports torchvision.

The torchvision wheel for torch 2.13.0 is built for CUDA. With a CPU build of torch its operators are not registered, and
`import torchvision` raises "operator torchvision::nms does not exist". Downloads do not need these operators. Declaring
their schemas makes torchvision importable, but fails if the operators are registered. Therefore the plain import is tried
first. It is inside a function because it takes about two seconds.
"""

import errno
import socket
import sys
from contextlib import redirect_stderr
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import ModuleType

from torch.library import Library

from cvae_core.system.printable import unfiltered

_MISSING_OPERATOR = "operator torchvision::nms does not exist"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_TIMEOUT = 30.0  # seconds without data until a download fails
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_lock = Lock()  # each session of the dashboard is a thread, and a namespace can be declared only once
_declared: list[Library] = []  # prevents garbage collection, which would remove the schemas


def datasets() -> ModuleType:
    """Return the module `torchvision.datasets`.

    >>> datasets().MNIST.__name__
    'MNIST'
    """
    with _lock:
        try:
            return import_module("torchvision.datasets")
        except RuntimeError as error:
            if _MISSING_OPERATOR not in str(error):
                raise
        for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
        library = Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(operator + _SCHEMA)
        _declared.append(library)
        return import_module("torchvision.datasets")


def download(kind: str, root: Path) -> None:
    """Download the files of a class of torchvision, which checks MD5 sums and prints its progress on stderr.

    An incomplete archive fails its MD5 check and is downloaded again. Raise ConnectionError with the reason in one line if
    the download fails. Any other OSError concerns the disk.
    """
    # torchvision's own class would load pickles of its old versions without a check.
    confined = type(kind, (getattr(datasets(), kind),), {"_check_legacy_exist": lambda self: False})
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        with redirect_stderr(unfiltered(sys.stderr)):  # the progress bar
            confined(root=str(root), download=True)
    except OSError as error:
        if error.filename or error.errno in _DISK_FULL:
            raise
        raise ConnectionError(_reason(error)) from error
    except (RuntimeError, ValueError, HTTPException) as error:
        raise ConnectionError(_reason(error)) from error
    finally:
        socket.setdefaulttimeout(timeout)


def _reason(error: Exception) -> str:
    # torchvision reports the error of each mirror on several lines.
    lines = [line for line in str(error).splitlines() if not line.startswith(("Error downloading", "Tried "))]
    return "; ".join(dict.fromkeys(line.strip("<>. ") for line in lines)) or type(error).__name__
