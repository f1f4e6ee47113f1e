"""The tour: its steps in their order, beside every page until it is left, and continued from Home."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.cached import scores
from app.widgets.tour import STEPS
from cvae_core.data import datasets
from tests.app.conftest import Visit, go_on


def links(visitor: AppTest) -> dict[str, str]:
    """Return the query of each link of the tour in the sidebar, by its label."""
    found = {link.proto.label: link.proto.query_string for link in visitor.sidebar.get("page_link")}
    return {label: query for label, query in found.items() if label in ("Back", "Next")}


def step_of(visitor: AppTest) -> int:
    """Return the number of the step that stands beside the page, 0 without one."""
    titles = [text.value for text in visitor.sidebar.markdown if f" of {len(STEPS)}: " in text.value]
    return int(titles[0].strip("*").split()[0]) if titles else 0


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_a_step_says_what_to_see_between_the_steps_before_and_after_it(visit: Visit, number: int) -> None:
    step = STEPS[number - 1]
    visitor = visit(step.page, **step.query, tour=str(number))
    assert not visitor.error
    assert step_of(visitor) == number
    here = not step.images or datasets.on_disk(step.images)
    words = (
        step.words if here else f"This step needs the images of {step.images}. *Home* has a button that downloads them."
    )
    assert words in [text.value for text in visitor.sidebar.markdown]
    others = {"Back": number - 1, "Next": number + 1}
    expected = {label: other for label, other in others.items() if 1 <= other <= len(STEPS)}
    assert {label: int(query.rpartition("tour=")[2]) for label, query in links(visitor).items()} == expected


def test_the_step_goes_along_to_other_pages_until_the_tour_is_left(visit: Visit, without_mnist: None) -> None:
    visitor = visit("generate", tour="3")
    go_on(visitor, "training")
    assert step_of(visitor) == 3
    assert visitor.query_params["tour"] == "3"
    (leave,) = (button for button in visitor.sidebar.button if button.label == "Leave the tour")
    leave.click().run()
    assert step_of(visitor) == 0
    assert "tour" not in visitor.query_params
    go_on(visitor, "latent")
    assert step_of(visitor) == 0
    visitor.switch_page("../pages/home.py").run()
    assert "Continue with step 3" in [link.proto.label for link in visitor.get("page_link")]


def test_home_lists_the_steps(visit: Visit, without_mnist: None) -> None:
    visitor = visit()
    labels = [link.proto.label for link in visitor.get("page_link")]
    assert labels[0] == "Start the tour"
    assert labels[1 : len(STEPS) + 1] == [f"{number}. {step.title}" for number, step in enumerate(STEPS, 1)]
    assert step_of(visitor) == 0


@pytest.mark.parametrize("nonsense", ["0", "9", "x", "", "1.5"])
def test_a_step_that_does_not_exist_is_none(visit: Visit, without_mnist: None, nonsense: str) -> None:
    visitor = visit("training", tour=nonsense)
    assert step_of(visitor) == 0
    assert "tour" not in visitor.query_params


def test_a_step_says_which_runs_are_missing(visit: Visit, without_mnist: None, own_runs: Path) -> None:
    words = [text.value for text in visit("generate", tour="3").sidebar.markdown]
    assert any("`label`, `vae`, not on this machine" in text for text in words)


def test_a_step_says_which_images_are_missing(visit: Visit, without_mnist: None) -> None:
    words = [text.value for text in visit("inpaint", tour="4").sidebar.markdown]
    assert any("needs the images of mnist" in text for text in words)


def test_the_scores_are_as_the_last_step_says() -> None:
    score = {name: cell.mean for name, cell in scores.headline().items()}
    gaps = [score[f"baseline-{count}"] - score[f"quadrant-{count}"] for count in (1, 2, 3)]
    assert min(gaps) > 0
    assert max(gaps) == gaps[0]


def test_the_baselines_score_stands_before_those_of_its_models() -> None:
    cells = list(scores.headline().values())
    assert [cell.visible for cell in cells] == sorted(cell.visible for cell in cells)
    for visible in {cell.visible for cell in cells}:
        first, *others = (cell.estimator for cell in cells if cell.visible == visible)
        assert first == "baseline"
        assert set(others) == {"importance"}
