"""Libraries are read without a look at garbage."""

import gc
import subprocess
import sys

import pytest

from cvae_core import processes

COUNTING = """
import gc

collections = []
gc.callbacks.append(lambda phase, _: collections.append(phase))
from cvae_core import cli, starting

light = len(collections)
cli._heavy()
print(len(collections) - light, gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


def test_no_garbage_is_collected_while_a_command_reads_torch() -> None:
    said = subprocess.run([sys.executable, "-c", COUNTING], capture_output=True, text=True, check=True).stdout
    assert said == "0 True True\n"


def test_collecting_goes_on_after_an_import_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: pytest.fail("what failed is kept"))
    with processes.reading_libraries():
        assert gc.isenabled()  # torch is there
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(ImportError), processes.reading_libraries():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()
