"""The commands data make glyphs and data make emoji, with the fonts of this machine."""

from pathlib import Path

import numpy as np
import pytest

from cvae_core.cli.main import main
from cvae_core.data import catalogue, sealed
from cvae_core.errors import SourceRefused
from cvae_core.sources.made import fonts

MADE = "data make glyphs {} --characters A-C --size 16 --images 90"


@pytest.fixture(autouse=True)
def no_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store data sets in an empty folder."""
    monkeypatch.setenv("CVAE_DATA", str(tmp_path))


@pytest.fixture
def needs_a_font() -> None:
    try:
        fonts.outlines("ABC")
    except SourceRefused:
        pytest.skip("needs a font: install fonts-dejavu, fonts-liberation, or the Python package matplotlib")


def found_range(found: sealed.Sealed) -> str:
    slants = np.concatenate([values[:, 1] for values in found.attributes.values()])
    return f"{np.nanmin(slants):.4g} to {np.nanmax(slants):.4g}".replace("-", "−")


@pytest.mark.usefixtures("needs_a_font")
def test_glyphs_become_a_data_set_that_its_flags_reproduce(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"{MADE.format('mine')} --seed 3".split()) == 0
    told = capsys.readouterr().out
    assert told.startswith("The data set 'mine' has ")
    assert "16×16 grey, 3 classes" in told
    found = sealed.read("mine")
    description = found.description
    assert tuple(description.classes) == ("A", "B", "C")
    assert description.train + description.validation + description.test == 90
    assert description.drawn
    assert found.flags == {"characters": "A-C", "images": "90", "seed": "3", "size": "16"}
    assert fonts.outlines("ABC")[0].family in found.licence
    assert [one.name for one in description.attributes] == ["weight", "slant", "width", "serif"]
    assert np.isfinite(found.attributes["train"][:, 1]).any()
    slant = description.attributes[1]
    assert (slant.mean, slant.scale) == pytest.approx(
        (np.nanmean(found.attributes["train"][:, 1]), np.nanstd(found.attributes["train"][:, 1])), rel=1e-4
    )
    assert main(["data", "show", "mine"]) == 0
    assert f"attribute slant: number, {found_range(found)}, training mean" in capsys.readouterr().out
    for name, seed, same in (("again", 3, True), ("other", 4, False)):
        assert main(f"{MADE.format(name)} --seed {seed}".split()) == 0
        assert (sealed.read(name).fingerprint == found.fingerprint) is same


@pytest.mark.usefixtures("needs_a_font")
def test_glyphs_in_colour(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"{MADE.format('bright')} --colour".split()) == 0
    assert main(["data", "show", "bright"]) == 0
    assert " from glyphs with --size 16 --images 90 --characters A-C --colour\n" in capsys.readouterr().out
    described = catalogue.described("bright")
    assert (described.channels, described.drawn) == (3, False)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("glyphs --size 17", "--size cannot be 17"),
        ("glyphs --characters Z-A", "The range 'Z-A' cannot be used"),
        ("glyphs mnist", "There is a data set 'mnist' already"),
        ("glyphs --images 3", "The number of images cannot be 3"),
        ("glyphs --fonts nowhere", "nowhere does not exist"),
        ("emoji --fonts .", "install the package fonts-noto-color-emoji"),
    ],
)
@pytest.mark.usefixtures("needs_a_font")
def test_mistakes_end_in_one_sentence(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "make", *words.split()]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
