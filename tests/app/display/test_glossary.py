"""Terms of the glossary are found in a text and explained in the order of the text."""

import re

import pytest

from app.display import glossary
from tests.app.conftest import Visit
from tests.test_docs import glossary as read


def test_pages_read_what_the_document_says() -> None:
    explained = {name: sentence for names, sentence in glossary.entries().items() for name in names}
    assert explained == {name: sentence for name, (sentence, _) in read().items()}


def test_the_terms_of_a_text_are_explained_in_their_order() -> None:
    words = glossary.terms_in("Two rates in nats, then the ELBO. An elbow is no ELBO.")
    assert words is not None
    assert re.findall(r"^\*\*(.+?)\*\*: ", words, flags=re.MULTILINE) == ["rates", "nats", "ELBO"]
    assert "1 nat is 1.44 bits." in words


def test_the_longest_term_counts_and_parts_of_words_or_formulas_do_not() -> None:
    words = glossary.terms_in(
        "The prior network of an auto-encoder gives $\\beta$ rates; log-likelihood. The prior network."
    )
    assert words is not None
    assert re.findall(r"^\*\*(.+?)\*\*: ", words, flags=re.MULTILINE) == ["prior network", "rates"]


def test_a_text_without_terms_has_no_explanation() -> None:
    assert glossary.terms_in("Nothing here is special.") is None


def test_long_texts_have_their_first_terms_explained() -> None:
    text = " ".join(name for names in glossary.entries() for name in names)
    assert (glossary.terms_in(text) or "").count("\n\n") == glossary.MOST - 1


@pytest.mark.parametrize("page", ["home", "generate", "inpaint", "latent", "cll", "training"])
def test_the_terms_of_a_page_are_explained_on_hover(page: str, visit: Visit, without_mnist: None) -> None:
    claim = visit(page).markdown[0]
    assert claim.help == glossary.terms_in(claim.value)
    assert claim.help
