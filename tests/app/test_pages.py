"""What a visitor sees on the pages, with MNIST and without, with good runs, damaged runs and none."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.navigation import PAGES
from tests.app.conftest import Visit


def pictures(visitor: AppTest) -> list[str]:
    """Return the addresses of the pictures on a page: they name the pictures' content."""
    return [image.url for element in visitor.get("image") for image in element.proto.imgs]


def said(visitor: AppTest) -> str:
    kinds = ("markdown", "caption", "info", "warning", "error", "title")
    return " ".join(str(element.value) for kind in kinds for element in visitor.get(kind))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_pictures_and_no_error_without_mnist(visit: Visit, without_mnist: None, name: str) -> None:
    visitor = visit(name)
    assert pictures(visitor)
    assert not visitor.error


@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_pictures_and_no_error_with_mnist(visit: Visit, with_mnist: None, name: str) -> None:
    visitor = visit(name)
    assert pictures(visitor)
    assert not visitor.error


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_what_to_train_where_there_is_no_run(
    visit: Visit, without_mnist: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("CVAE_RUNS", str(tmp_path))
    visitor = visit(name)
    assert not visitor.error
    assert "python -m cvae_core train" in said(visitor)


def test_every_picture_has_alternative_text(visit: Visit, without_mnist: None) -> None:
    for name in PAGES:
        for element in visit(name).get("image"):
            assert all(image.alt for image in element.proto.imgs), name


def test_every_page_has_a_formula_and_the_code_behind_it(visit: Visit, without_mnist: None) -> None:
    for name in PAGES:
        visitor = visit(name)
        assert visitor.latex, name
        assert "def " in visitor.code[0].value, name


class TestGenerate:
    def test_a_slider_moves_the_picture(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("generate")
        before = pictures(visitor)
        visitor.slider[0].set_value(2.0).run()
        assert pictures(visitor)[0] != before[0]

    def test_the_first_slider_says_most(self, visit: Visit, without_mnist: None) -> None:
        nats = [
            float(slider.label.split(" · ")[1].split()[0])
            for slider in visit("generate").slider
            if "nats" in slider.label
        ]
        assert nats == sorted(nats, reverse=True)

    def test_another_digit_is_another_picture(self, visit: Visit, without_mnist: None) -> None:
        three, five = visit("generate", digit="3"), visit("generate", digit="5")
        assert pictures(three)[0] != pictures(five)[0]

    def test_another_seed_draws_other_samples_and_leaves_the_sliders_alone(
        self, visit: Visit, without_mnist: None
    ) -> None:
        first, second = pictures(visit("generate", seed="1")), pictures(visit("generate", seed="2"))
        assert first[0] == second[0]
        assert first[2] != second[2]

    def test_two_visitors_with_the_same_address_see_the_same(self, visit: Visit, without_mnist: None) -> None:
        address = {"digit": "7", "seed": "11", "e12": "1.5"}
        assert pictures(visit("generate", **address)) == pictures(visit("generate", **address))

    def test_an_address_sets_the_slider(self, visit: Visit, without_mnist: None) -> None:
        key = visit("generate").slider[0].key
        assert visit("generate", **{key: "1.5"}).slider(key=key).value == 1.5

    def test_nonsense_in_the_address_is_ignored(self, visit: Visit, without_mnist: None) -> None:
        nonsense = visit("generate", digit="eleven", seed="-3", e12="1e9", run="../../etc/passwd", e13="nan")
        assert pictures(nonsense) == pictures(visit("generate"))

    def test_random_z_moves_the_sliders_and_reset_moves_them_back(self, visit: Visit, without_mnist: None) -> None:
        visitor = visit("generate")
        before = pictures(visitor)[0]
        next(button for button in visitor.button if button.label == "Random z").click().run()
        assert pictures(visitor)[0] != before
        assert any(slider.value for slider in visitor.slider)
        next(button for button in visitor.button if button.label == "Reset").click().run()
        assert pictures(visitor)[0] == before

    def test_all_ten_digits_at_once(self, visit: Visit, without_mnist: None) -> None:
        assert pictures(visit("generate", digit="all ten")) != pictures(visit("generate"))


class TestInpaint:
    def test_without_mnist_the_embedded_digits_stand_in_and_the_page_says_so(
        self, visit: Visit, without_mnist: None
    ) -> None:
        visitor = visit("inpaint")
        assert "embedded digits" in said(visitor)
        assert "digits-quadrant-1" in said(visitor)

    def test_the_number_of_visible_quadrants_changes_the_picture(self, visit: Visit, with_mnist: None) -> None:
        by_set = {tuple(pictures(visit("inpaint", **{"visible-mnist": number}))) for number in "123"}
        assert len(by_set) == 3

    def test_another_seed_shows_other_digits(self, visit: Visit, without_mnist: None) -> None:
        assert pictures(visit("inpaint", seed="1")) != pictures(visit("inpaint", seed="2"))

    def test_digits_can_be_named(self, visit: Visit, without_mnist: None) -> None:
        named = visit("inpaint", random="false", indices="5,17")
        assert "5, 17" in named.text_input[0].value or named.text_input[0].value == "5,17"
        assert pictures(named) != pictures(visit("inpaint", random="false", indices="5,18"))

    @pytest.mark.parametrize("nonsense", ["-1", "1e3", "999999", "a,b", ",,,", "²", "0;1", "1" * 5000])
    def test_numbers_that_are_none_get_a_sentence(self, visit: Visit, without_mnist: None, nonsense: str) -> None:
        visitor = visit("inpaint", random="false")
        visitor.text_input[0].set_value(nonsense).run()
        assert not visitor.exception
        assert "numbers from 0 to 359" in said(visitor)
        assert pictures(visitor)

    def test_two_visitors_with_the_same_address_see_the_same(self, visit: Visit, without_mnist: None) -> None:
        assert pictures(visit("inpaint", seed="4")) == pictures(visit("inpaint", seed="4"))


class TestBadState:
    def test_damaged_weights_are_a_sentence(self, visit: Visit, without_mnist: None, own_runs: Path) -> None:
        path = next((own_runs / "digits-label").glob("weights-*"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert "is damaged" in visit("generate").error[0].value
        assert str(path.name) in visit("generate").error[0].value
        home = visit("home")
        assert len(home.error) == 1
        assert len(pictures(home)) == 1  # the completions

    def test_a_damaged_card_is_named_beside_the_good_ones(
        self, visit: Visit, without_mnist: None, own_runs: Path
    ) -> None:
        (own_runs / "digits-label" / "card.json").write_text("{")
        home = visit("home")
        assert any("card.json is damaged" in warning.value for warning in home.warning)
        assert set(home.dataframe[0].value["run"]) == {"digits-baseline-1", "digits-quadrant-1"}

    def test_damaged_mnist_is_a_sentence(self, visit: Visit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        raw = tmp_path / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
            (raw / f"{name}-ubyte").write_bytes(b"not an IDX file")
        monkeypatch.setenv("CVAE_DATA", str(tmp_path))
        visitor = visit("inpaint")
        assert "Delete it and download again" in visitor.error[0].value


def test_home_offers_the_download_once_and_calmly(visit: Visit, without_mnist: None) -> None:
    home = visit("home")
    assert len(home.info) == 1
    assert [button.label for button in home.button] == ["Download mnist (12 MB)"]
    assert not home.warning


def test_home_offers_no_download_where_mnist_is(visit: Visit, with_mnist: None) -> None:
    assert not visit("home").button
