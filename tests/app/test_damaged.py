"""A damaged run is named on the page that would show it, and the other runs are shown as if nothing had happened."""

from pathlib import Path

import pytest

from cvae_core import formats
from tests.app.conftest import Visit
from tests.app.test_pages import pictures, said
from tests.cvae_core.forging import signed_arrays

SHOWN_ON = {
    "card.json": "home",
    "weights-*": "generate",
    "curves.csv": "training",
    "stages.npz": "training",
    "embedding-tsne.npz": "latent",
    "cll.json": "cll",
}
SHORT = [("stages.npz", "foreign"), ("embedding-tsne.npz", "foreign"), ("card.json", "folder")]


def damage(path: Path, how: str) -> None:
    match how:
        case "cut":
            path.write_bytes(path.read_bytes()[:-100])
        case "folder":
            path.unlink()
            path.mkdir()
        case "foreign":  # arrays of other shapes, whose digest is right
            arrays = formats.read_arrays(path)
            path.write_bytes(
                signed_arrays(**{name: array[..., :-1] if array.ndim else array for name, array in arrays.items()})
            )


@pytest.mark.parametrize(
    ("file", "how"),
    [
        pytest.param(file, how, marks=() if (file, how) in SHORT else pytest.mark.soak)
        for file in SHOWN_ON
        for how in ("cut", "folder", "foreign")
        if how != "foreign" or file.endswith(".npz")
    ],
)
def test_a_page_names_the_damaged_file_and_shows_the_other_runs(
    visit: Visit, without_mnist: None, own_runs: Path, file: str, how: str
) -> None:
    (path,) = (own_runs / "digits-label").glob(file)
    damage(path, how)
    run = {"run": "digits-label"} if SHOWN_ON[file] == "latent" else {}
    visitor = visit(SHOWN_ON[file], **run)
    assert path.name in said(visitor)
    home = visit("home")
    assert {"digits-baseline-1", "digits-quadrant-1"} <= set(home.dataframe[0].value["run"])
    assert pictures(home)
