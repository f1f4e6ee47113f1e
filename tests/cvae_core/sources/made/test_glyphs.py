"""Characters and emoji that are drawn with the fonts of this machine."""

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageFont

from cvae_core.config.descriptions import Shape
from cvae_core.errors import SourceRefused
from cvae_core.sources.made import emoji, fonts, glyphs
from cvae_core.sources.wishes import Pictures

GREY = Shape(1, 28)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[fonts.Font, ...]:
    """Return at most four fonts of the system, among them one with serifs and one without, or the font in Pillow."""
    try:
        there = fonts.outlines("ABC")
    except SourceRefused:
        embedded = ImageFont.load_default(20).path  # type: ignore[union-attr]
        assert isinstance(embedded, io.BytesIO)
        file = tmp_path_factory.mktemp("font") / "embedded.ttf"
        file.write_bytes(embedded.getvalue())
        there = fonts.outlines("ABC", [file])
    return tuple({(font.serif, font.slant > 0): font for font in there}.values())[:4]


def drawn(found: tuple[fonts.Font, ...], shape: Shape = GREY, images: int = 30, seed: int = 0) -> Pictures:
    return glyphs.glyphs("ABC", found, shape, images=images, seed=seed)


@pytest.mark.parametrize("shape", [GREY, Shape(1, 32), Shape(3, 16)], ids=str)
def test_equal_seeds_and_fonts_give_equal_images(found: tuple[fonts.Font, ...], shape: Shape) -> None:
    made, again, other = drawn(found, shape), drawn(found, shape), drawn(found, shape, seed=1)
    assert made.images.shape == (30, shape.values)
    assert made.images.dtype == np.uint8
    assert (made.images == again.images).all()
    assert (made.images != other.images).any(1).all()
    assert len(np.unique(made.images, axis=0)) == 30  # no two are equal, so that no split holds an image of another


def test_every_class_has_as_many_images_and_every_font_is_used(found: tuple[fonts.Font, ...]) -> None:
    made = drawn(found, images=3 * len(found))
    assert made.classes == ("A", "B", "C")
    assert Counter(made.labels.tolist()) == dict.fromkeys(range(3), len(found))
    assert made.values is not None
    a_of_each = made.values[made.labels == 0]
    for column, stated in ((0, [font.weight for font in found]), (2, [font.width for font in found])):
        np.testing.assert_array_equal(np.sort(a_of_each[:, column]), np.sort(np.array(stated, np.float32)))


def test_grey_images_have_ink_on_an_empty_border(found: tuple[fonts.Font, ...]) -> None:
    images = drawn(found).images.reshape(-1, 28, 28)
    assert (images.max((1, 2)) > 200).all()
    assert (images[:, 0] == 0).all()
    assert (images[:, :, -1] == 0).all()
    ink = (images > 127).mean((1, 2))
    assert (ink > 0.02).all()
    assert (ink < 0.5).all()


def test_the_slant_of_an_image_is_that_of_the_font_and_a_small_change(found: tuple[fonts.Font, ...]) -> None:
    upright = [font for font in found if font.slant == 0][:1]
    made = glyphs.glyphs("I", upright, GREY, images=60)
    assert made.values is not None
    stated = made.values[:, 1]
    assert np.abs(stated).max() <= glyphs.STEEPEST
    across, down = np.meshgrid(np.arange(28), np.arange(28))
    leaning = []
    for image in made.images.reshape(-1, 28, 28).astype(float):
        x, y = ((image * place).sum() / image.sum() for place in (across, down))
        leaning.append(-(image * (across - x) * (down - y)).sum() / (image * (down - y) ** 2).sum())
    assert np.corrcoef(leaning, stated)[0, 1] > 0.98  # to the right is positive


def test_colours_of_ink_and_paper_differ_in_brightness(found: tuple[fonts.Font, ...]) -> None:
    made = drawn(found, Shape(3, 32), images=60)
    assert not made.drawn
    pixels = made.images.reshape(-1, 3, 32, 32)
    paper = pixels[:, :, 0, 0].astype(float) @ glyphs.BRIGHTNESS
    farthest = np.abs(np.tensordot(pixels.astype(float), glyphs.BRIGHTNESS, (1, 0)) - paper[:, None, None]).max((1, 2))
    assert (farthest > 0.7 * glyphs.CONTRAST).all()  # thin strokes are blurred
    assert len(np.unique(pixels[:, :, 0, 0], axis=0)) > 50


def test_missing_facts_of_a_font_are_missing_values(found: tuple[fonts.Font, ...]) -> None:
    made = glyphs.glyphs("AB", [replace(found[0], serif=None, weight=float("nan"))], GREY, images=4)
    assert made.values is not None
    assert np.isnan(made.values[:, [0, 3]]).all()
    assert not np.isnan(made.values[:, [1]]).any()
    assert [one.name for one in made.attributes] == ["weight", "slant", "width", "serif"]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [("A-C", "ABC"), ("A-Ca-b", "ABCab"), ("-x-", "-x"), ("AA", "A"), ("0-2!", "012!"), ("あ-う", "あぃいぅう")],
)
def test_ranges_of_characters(text: str, meaning: str) -> None:
    assert glyphs.expanded(text) == meaning


@pytest.mark.parametrize("text", ["", " ", "A B", "Z-A", "\x1b", "!-\U0001f600", "\n", "一-丿0-zÀ-ÿ" * 2 + "Ā-ž"])
def test_impossible_characters_are_refused(text: str) -> None:
    with pytest.raises(SourceRefused, match="cannot be used"):
        glyphs.expanded(text)


@pytest.mark.parametrize("images", [0, 2, 10**7])
def test_impossible_numbers_of_images_are_refused(images: int, found: tuple[fonts.Font, ...]) -> None:
    with pytest.raises(SourceRefused, match=f"^The number of images cannot be {images:,}: it must be between 3"):
        drawn(found, images=images)


def test_emoji_of_a_colour_font() -> None:
    try:
        font = fonts.coloured(emoji.EXAMPLE)
    except SourceRefused as error:
        pytest.skip(str(error))
    made, again = (emoji.emoji(font, Shape(3, 32), images=600) for _ in range(2))
    assert (made.images == again.images).all()
    assert set(made.labels.tolist()) == set(range(len(emoji.CLASSES)))
    pixels = made.images.reshape(-1, 3, 32, 32).astype(int)
    assert (np.ptp(pixels, axis=1).max((1, 2)) > 100).mean() > 0.5  # colours
    assert (pixels[:, :, 0, 0] == 255).all()


def test_no_emoji_is_in_two_classes() -> None:
    codes = [code for blocks in emoji.CLASSES.values() for first, last in blocks for code in range(first, last + 1)]
    assert len(set(codes)) == len(codes)


def test_fonts_without_a_character_and_fonts_of_symbols_are_left_out(
    found: tuple[fonts.Font, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = [found[0].path]
    assert found[0] in fonts.outlines("AB", place)
    with pytest.raises(SourceRefused, match="has all of the characters"):
        fonts.outlines("A\U000f1234", place)  # of the private use area
    monkeypatch.setattr("cvae_core.sources.made.font_tables.Tables.is_symbols", True)
    with pytest.raises(SourceRefused, match="has all of the characters"):
        fonts.outlines("AB", place)
