"""Pages can read the glossary, and the links of the documents are valid."""

import re
import tomllib
from pathlib import Path

import pytest

from app.display.navigation import PAGES
from tests.test_imports import ORDER

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")))
TERMS = (
    "nat", "rate", "ELBO", "reconstruction", "prior network", "recognition network", "generation network",
    "letters of the paper", "GSNN", "hybrid", "IWAE", "ladder", "importance sampling", "prior Monte Carlo", "floor",
    "active unit", "posterior collapse", "β", "base noise", "protocol", "grey", "binarised", "split", "verdict",
    "condition", "quadrant", "baseline", "warm-up", "averaged weights", "preset", "flavour", "run", "card", "stage",
    "t-SNE", "PCA", "−ELBO", "CLL", "gap", "linear probe", "trivial guess", "sweep", "fingerprint",
)  # fmt: skip


def glossary() -> dict[str, tuple[str, str]]:
    """Read the glossary as its first comment describes: a sentence and an optional formula for each name of a term."""
    found: dict[str, tuple[str, str]] = {}
    for paragraph in (ROOT / "docs" / "glossary.md").read_text().split("\n\n"):
        if entry := re.fullmatch(r"\*\*(.+?)\*\*: (.+?)(?:\n(\$.+\$))?", paragraph.strip(), flags=re.DOTALL):
            names, sentence, formula = entry.groups()
            for name in names.split(" / "):
                assert name not in found, name
                found[name] = " ".join(sentence.split()), formula or ""
    return found


def test_the_glossary_has_an_entry_for_every_term_of_the_field() -> None:
    assert set(TERMS) <= glossary().keys()


def test_every_paragraph_that_begins_in_bold_is_an_entry() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    assert len(re.findall(r"^\*\*", text, flags=re.MULTILINE)) == len(set(glossary().values()))


@pytest.mark.parametrize("name", glossary())
def test_an_entry_is_one_sentence_of_plain_text(name: str) -> None:
    sentence, formula = glossary()[name]
    assert sentence.endswith(".")
    assert not re.search(r"\. [A-Z]", sentence), "two sentences"
    assert not set(sentence) & set("$*`[]<>\\")
    assert len(sentence) <= 200
    assert formula.count("$") in (0, 2)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_links_of_a_document_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        assert link.startswith("https://") or (path.parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_to_a_section_names_a_heading(document: str) -> None:
    path = ROOT / document
    for file, section in re.findall(r"\]\(([^):#]*)#([^)]+)\)", path.read_text()):
        target = path.parent / file if file else path
        headings = re.findall(r"^#+ (.+)", target.read_text(), flags=re.MULTILINE)
        assert section in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, section


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_document_places_in_a_file_stands_there(document: str) -> None:
    for name, file in re.findall(r"`(\w+)` in `([\w/.]+\.py)`", (ROOT / document).read_text()):
        assert re.search(rf"^ *(?:def |class )?{name}\b", (ROOT / file).read_text(), flags=re.MULTILINE), (name, file)


def test_the_tree_of_the_readme_names_every_folder_in_the_order_of_imports() -> None:
    lines = re.findall(r"^( *)(\w+)/ {2,}\w", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    found: dict[str, list[str]] = {}
    for indent, folder in lines:
        if not indent:
            top = folder
        found.setdefault(top, []).extend([folder] if indent else [])
    assert {top: found[top] for top in ORDER} == {
        top: [name for name in order if (ROOT / top / name).is_dir()] for top, order in ORDER.items()
    }
    code = {path.parent.name for suffix in ("py", "ipynb", "md") for path in ROOT.glob(f"[!.]*/*.{suffix}")}
    assert set(found) == code


def test_readme_and_dashboard_name_the_pages_in_their_order() -> None:
    titles = [page.title for page in PAGES.values()]
    assert re.findall(r"^- \*\*(.+)\*\*: ", (ROOT / "README.md").read_text(), flags=re.MULTILINE) == titles
    dashboard = (ROOT / "docs" / "dashboard.md").read_text()
    addresses = ["/" if page.default else f"/{page.file}" for page in PAGES.values()]
    assert re.findall(r"^\| (.+?) \| `(/\w*)` \|", dashboard, flags=re.MULTILINE) == list(
        zip(titles, addresses, strict=True)
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_files_and_targets_that_exist(document: str) -> None:
    text, makefile = (ROOT / document).read_text(), (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"`make (\w+)`", text)):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    for named in re.findall(r"`((?:app|benchmarks|cvae_core|docs|examples|pages|tests)/[\w./]*)`", text):
        assert (ROOT / named).exists(), named


def test_version_and_licence_are_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert project["license"] == "MIT"
    for file in project["license-files"]:
        assert "the CVAE lab's contributors" in (ROOT / file).read_text()
    assert {"cff-version: 1.2.0", "license: MIT", f"version: {project['version']}"} <= set(citation.splitlines())
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert versions[:2] == ["Unreleased", project["version"]]


def test_notice_has_the_terms_of_the_embedded_digits() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for said in ("cvae_core/data/digits.npz", "E. Alpaydin and C. Kaynak", "CC BY 4.0", "BSD 3-Clause License"):
        assert said in notice
