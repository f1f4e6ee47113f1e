"""Fetch data sets with torchvision, also where its C++ operators do not load; nobody else imports it.

The wheel of torchvision that goes with torch 2.13.0 is built for CUDA. Beside a CPU build of torch its operators stay
away and `import torchvision` raises "operator torchvision::nms does not exist", although nothing here needs them.
Declaring their schemas makes the rest of torchvision importable; where the operators do load, declaring them would be
the error. So the plain import goes first, and it happens in a function because it takes about two seconds.
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

_COMPLAINT = "operator torchvision::nms does not exist"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_SILENCE = 30.0  # seconds without a byte after which a download gives up
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_lock = Lock()  # each visitor of the dashboard is a thread, and a namespace can be declared once only
_declared: list[Library] = []  # a Library that is collected takes its schemas with it


def datasets() -> ModuleType:
    """Return the module `torchvision.datasets`.

    >>> datasets().MNIST.__name__
    'MNIST'
    """
    with _lock:
        try:
            return import_module("torchvision.datasets")
        except RuntimeError as error:
            if _COMPLAINT not in str(error):
                raise
        for module in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[module]
        library = Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(operator + _SCHEMA)
        _declared.append(library)
        return import_module("torchvision.datasets")


def download(kind: str, root: Path) -> None:
    """Fetch the files of a class by torchvision's download: it checks MD5 sums and shows its progress on stderr.

    An archive that was cut off earlier fails its MD5 sum and is fetched again. A ConnectionError says in one line why
    nothing whole came; any other OSError is about the disk.
    """
    # torchvision's own class prefers the pickles that its ancient versions left beside the raw files, unchecked.
    confined = type(kind, (getattr(datasets(), kind),), {"_check_legacy_exist": lambda self: False})
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE)
    try:
        with redirect_stderr(unfiltered(sys.stderr)):  # its bar
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
    # torchvision says on many lines what went wrong at each mirror.
    lines = [line for line in str(error).splitlines() if not line.startswith(("Error downloading", "Tried "))]
    return "; ".join(dict.fromkeys(line.strip("<>. ") for line in lines)) or type(error).__name__
