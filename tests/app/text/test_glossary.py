"""The first use of each of the glossary's terms in a text is marked and explained."""

import re

import pytest

from app.text import glossary
from app.text.plain_text import code, plain
from tests.app.conftest import Visit
from tests.test_docs import glossary as read

pytestmark = pytest.mark.usefixtures("marked_terms")

MARK = re.compile(rf'\[([^\]]*)\]\({glossary.LINK} "((?:[^"\\]|\\.)*)"\)')


def terms(text: str) -> list[str]:
    return [term for term, _ in MARK.findall(glossary.marked(text))]


def unmarked(text: str) -> str:
    return MARK.sub(r"\1", text)


def test_pages_read_what_the_document_says() -> None:
    assert glossary.entries() == {name: sentence for name, (sentence, _) in read().items()}


def test_the_first_use_of_each_term_is_marked_with_its_sentence() -> None:
    text = "Two rates in nats, then the ELBO. A rate; a *KL divergence*. An elbow is no ELBO."
    marked = glossary.marked(text)
    assert terms(text) == ["rates", "nats", "ELBO"]
    assert "1 nat is 1.44 bits." in marked
    assert unmarked(marked) == text


def test_the_longest_term_counts_and_parts_of_words_or_formulas_do_not() -> None:
    assert terms("The prior network of an auto-encoder gives $\\beta$ rates; log-likelihood. The prior network.") == [
        "prior network",
        "rates",
    ]
    assert terms("The `prior` of ``a `rate` `` and [the ELBO](x), $rate$ and a rate.") == ["rate"]


def test_words_of_everyday_language_are_no_terms() -> None:
    assert terms("Draw a digit. Run it in a shell. A grey quadrant.") == ["quadrant"]
    assert terms("Draws of z. Runs. Grey pixels.") == ["Draws", "Grey"]


def test_a_text_without_terms_stays_as_it_is() -> None:
    assert glossary.marked("Nothing here is special.") == "Nothing here is special."


@pytest.mark.parametrize("name", [name for name in glossary.entries() if len(name) > 1 and name != "run"])
def test_every_term_is_found_and_its_sentence_is_whole(name: str) -> None:
    ((term, sentence),) = MARK.findall(glossary.marked(f"x {name} pixels"))
    assert term == name
    assert sentence.replace('\\"', '"') == plain(glossary.entries()[name])


@pytest.mark.parametrize("foreign", ["!rate", "\\rate", "`rate`", "`", "[rate](http://x)", "<b>rate</b>", 'rate "x")'])
def test_a_mark_in_a_text_of_others_makes_nothing_of_it_but_a_term(foreign: str) -> None:
    for text in (plain(foreign), code(foreign), f"{plain(foreign)} and `a rate`"):
        marked = glossary.marked(text)
        assert unmarked(marked) == text
        assert not re.search(r"(?<!\\)!\[", marked)
        assert f"`{unmarked('a rate')}`" in marked or "`a rate`" not in text


@pytest.mark.parametrize("page", ["home", "generate", "inpaint", "latent", "cll", "training"])
def test_the_terms_of_a_page_are_marked(page: str, visit: Visit, without_mnist: None) -> None:
    claim = visit(page).markdown[0].value
    assert MARK.search(claim)
    assert glossary.marked(unmarked(claim)) == claim


def test_a_control_that_sets_a_term_explains_it(visit: Visit, without_mnist: None) -> None:
    assert visit("training", task="Train").get_by_key("new-preset").help == glossary.explained("preset")
