"""Checks of a run that is exported or imported: every file is opened with its usual reader and then checked further.

A digest shows that a file has not changed, not that the lab wrote it. Therefore, in addition to the readers' checks, every
text must be one line, results must belong to the present weights, and figures to the model that the card describes.
"""

import re

from cvae_core.config.quadrant_names import canonical
from cvae_core.errors import ArchiveRefused
from cvae_core.evaluation.latent_space import read_embedding
from cvae_core.evaluation.results import CURVE, RESULTS, Cell, stored_cells
from cvae_core.evaluation.sample_quality import RESULTS as JUDGEMENT
from cvae_core.evaluation.sample_quality import Finding, stored_judgement
from cvae_core.runs.card import Card
from cvae_core.runs.run import Run
from cvae_core.system import files
from cvae_core.system.type_checks import fits


def require_sound(run: Run) -> Card:
    """Open all files of a finished run and return its card; raise ArchiveRefused, RunDamaged or RunNotFound."""
    card = run.card()
    _require(fits(card, Card, one_line=True), "card.json")
    if card.status != "finished":
        raise ArchiveRefused(f"Run {run.name!r} is {card.status}: only finished runs can be exported and imported.")
    _require(len(card.rates) in (0, card.config.units), "card.json")
    _require(all(map(_is_plain, _shown(card))), "card.json")
    model = run.model()
    assert card.weights is not None
    _require(card.weights.file == f"weights-{card.weights.sha256[:8]}.safetensors", "card.json")
    run.curves()
    run.stages()
    _require_results(run, card)
    for path in run.folder.glob("embedding-*.npz"):
        embedding, of = read_embedding(path, card)
        _require(of == card.weights.sha256 and embedding.z.shape[1] == model.mapped, path.name)
    return card


def _require(holds: bool, file: str) -> None:
    if not holds:
        raise ArchiveRefused(f"{file} {files.FOREIGN}.")


def _require_results(run: Run, card: Card) -> None:
    """Require that stored results belong to the present weights and to the model that the card describes."""
    assert card.weights is not None
    for file in (RESULTS, CURVE, JUDGEMENT):
        for path in run.result_paths(file)[:1]:
            _require(files.read_json(path).get("weights") == card.weights.sha256, file)
    for file in (RESULTS, CURVE):
        _require(all(_is_cell(cell, card) for cell in stored_cells(run, file)), file)
    for finding in stored_judgement(run):
        _require(fits(finding, Finding, one_line=True) and _is_plain(finding.name), JUDGEMENT)


def _shown(card: Card) -> tuple[str, ...]:
    """Return the texts of a card that pages may show inside other text; a note is always shown separately."""
    named = (card.versions, card.parts, card.baseline or {})
    return (
        card.device,
        card.dtype,
        card.data_fingerprint,
        *(text for pairs in named for pair in pairs.items() for text in pair),
    )


def _is_plain(text: str) -> bool:
    """Return whether a text contains no Markdown, whose images and links may point to other machines."""
    return bool(re.fullmatch(r"[\w .,:;()=+-]*", text))


def _is_cell(cell: Cell, card: Card) -> bool:
    own = card.config.visible_set
    of_its_model = cell.visible == own or (card.config.any_set and canonical(cell.visible or "") == cell.visible)
    return fits(cell, Cell, one_line=True) and _is_plain(cell.split) and of_its_model
