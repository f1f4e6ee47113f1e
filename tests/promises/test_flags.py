"""For any words on the command line, the exit code is 0 or 2, and an error is one sentence."""

import contextlib
import io
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import NoReturn, get_args

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cvae_core.cli import analyse, main, train
from cvae_core.config.flavours import Flavour
from cvae_core.config.presets import configure
from cvae_core.data import datasets
from cvae_core.errors import LabError
from cvae_core.system import logs
from tests.measuring import Measured
from tests.promises.hostile import words

KINDS = {**main._heavy(), **main.LIGHT, **{f"train {of}": train.Train for of in get_args(Flavour)}}
SETTINGS = {f"train {of}": [field.name for field in fields(configure(of))] for of in get_args(Flavour)}
FLAGS = {  # each with its opposite, if it has one
    name: [
        f"--{sign}{flag.replace('_', '-')}"
        for flag in [*SETTINGS.get(name, []), *(field.name for field in fields(kind))]  # type: ignore[arg-type]
        for sign in ("", "no-")
    ] + [logs.FLAG]
    for name, kind in KINDS.items()
}  # fmt: skip
# Each command starts with a valid word: otherwise hardly any would get beyond its first flag.
GOOD = ["digits-label", "digits", "1", "2", "50", "a.png", "a.gif", "a.zip", "a.md", "pca", "cpu", "test"]


def refuse(what: str) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise LabError(f"It would {what} now.")

    return fail


lines = st.sampled_from(sorted(FLAGS)).flatmap(
    lambda name: st.tuples(
        st.just(name.split()),
        st.lists(st.one_of(words, st.sampled_from(GOOD)), max_size=2),
        st.lists(
            st.tuples(
                st.sampled_from(FLAGS[name]),
                st.one_of(words, st.sampled_from(GOOD)),
            ),
            max_size=3,
        ),
    ).map(lambda parts: [*parts[0], *parts[1], *(word for pair in parts[2] for word in pair)])
)


@pytest.mark.parametrize("count", [60, pytest.param(1500, marks=pytest.mark.soak)])
def test_a_shell_of_garbage_ends_with_a_sentence(
    count: int, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CVAE_RUNS", str(root))
    monkeypatch.setattr(analyse, "train", refuse("train"))
    monkeypatch.setattr(datasets, "download", refuse("download"))
    monkeypatch.setattr("cvae_core.evaluation.classifier.learn", refuse("learn"))
    monkeypatch.setattr(train, "_train_apart", refuse("train"))
    codes: list[int] = []

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(lines)
    @example(["list"])  # any number of the other words may be wrong
    @example(["train", "label", "--dataset", "digits", "--root", "\udc80"])  # a folder whose name is not UTF-8
    def ends(line: list[str]) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            try:
                codes.append(main.main(line))
            except SystemExit as leave:  # how --help ends
                codes.append(int(leave.code or 0))
        assert codes[-1] in (0, 2)
        assert "Traceback" not in said.getvalue()
        assert codes[-1] == 0 or said.getvalue().strip()

    ends()
    assert set(codes) == {0, 2}
    measured("flags", lines=len(codes), other_exits=sum(code not in (0, 2) for code in codes))
