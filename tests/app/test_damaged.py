"""The page that would show a damaged run names it, and other runs are shown as usual."""

from pathlib import Path

import pytest

from cvae_core.config.descriptions import BUILT_IN
from cvae_core.data import datasets
from cvae_core.evaluation.classifier import Classifier, classifier_path, store_classifier
from cvae_core.evaluation.results import CURVE, store, stored_cells
from cvae_core.evaluation.sample_quality import RESULTS as JUDGEMENT
from cvae_core.evaluation.sample_quality import Finding, store_judgement
from cvae_core.runs.run import find
from cvae_core.system import formats
from tests.app.conftest import Visit
from tests.app.test_pages import pictures, said
from tests.cvae_core.forging import signed_arrays
from tests.measuring import Measured

SHOWN_ON = {
    "card.json": "home",
    "weights-*": "generate",
    "curves.csv": "training",
    "stages.npz": "training",
    "embedding-tsne.npz": "latent",
    "cll.json": "cll",
    "draws.json": "cll",
    "judgement.json": "cll",
}
SHORT = [
    ("stages.npz", "foreign"),
    ("embedding-tsne.npz", "foreign"),
    ("card.json", "folder"),
    ("draws.json", "cut"),
    ("judgement.json", "cut"),
]


def damage(path: Path, how: str) -> None:
    match how:
        case "cut":
            path.write_bytes(path.read_bytes()[:-100])
        case "folder":
            path.unlink()
            path.mkdir()
        case "foreign":  # arrays of wrong shapes with a correct digest
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
    visit: Visit, without_mnist: None, own_runs: Path, file: str, how: str, measured: Measured
) -> None:
    scored = find("digits-label", own_runs)
    store(scored, stored_cells(scored), scored.weights_digest(), CURVE)
    store_judgement(scored, [Finding(name="samples", value=0.5, of=10)], scored.weights_digest())
    (path,) = own_runs.rglob(f"digits-label/{file}")
    damage(path, how)
    run = {"run": "digits-label"} if SHOWN_ON[file] == "latent" else {}
    visitor = visit(SHOWN_ON[file], **run)
    assert path.name in said(visitor)
    home = visit("home")
    assert "digits-quadrant-1" in str([link.proto.label for link in home.get("page_link")])
    assert pictures(home)
    measured("damage", named_on_a_page=1)


@pytest.mark.parametrize("file", [CURVE, JUDGEMENT])
def test_damage_to_other_files_removes_nothing_from_the_table(
    visit: Visit, without_mnist: None, own_runs: Path, file: str
) -> None:
    before = visit("cll", figures="All figures")
    (own_runs / "digits-label" / file).write_text("{")
    visitor = visit("cll", figures="All figures")
    assert [table.value.to_csv() for table in visitor.dataframe] == [table.value.to_csv() for table in before.dataframe]
    (warning,) = visitor.warning
    assert f"digits-label/{file} is damaged" in warning.value
    assert not visitor.error


def test_a_damaged_classifier_is_named_and_the_completions_are_shown(
    visit: Visit, without_mnist: None, own_runs: Path
) -> None:
    store_classifier(Classifier(BUILT_IN["digits"]), datasets.load("digits"), own_runs)
    damage(classifier_path("digits", own_runs), "cut")
    visitor = visit("inpaint")
    assert said(visitor).count("classifier-digits.safetensors") == 1
    assert pictures(visitor)
