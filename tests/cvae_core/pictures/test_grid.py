"""A picture contains exactly the pixels of its images, enlarged and framed, and its metadata describe it."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from cvae_core.config.descriptions import Shape
from cvae_core.data import noise
from cvae_core.data.intensities import as_bytes
from cvae_core.data.masks import PROPER_SETS, flags, visible_values
from cvae_core.pictures import grid as figures
from cvae_core.pictures.grid import (
    BLANK,
    BORDER,
    CHECKS,
    EDGE,
    INK,
    MARGIN,
    PAGE,
    PAPERS,
    UNKNOWN,
    VISIBLE,
    class_labels,
    gif,
    grid,
    png,
)  # fmt: skip


def images(rows: int = 2, columns: int = 3, seed: int = 1) -> np.ndarray:
    return as_bytes(noise.uniform((rows, columns, 784), seed, "figures"))


def table_of(picture: Image.Image, rows: int, columns: int, scale: int) -> np.ndarray:
    """Cut the table of digits, with its border, out of a picture without labels."""
    line = max(1, scale // 3)
    height, width = (count * (28 * scale + line) + line for count in (rows, columns))
    return np.array(picture)[MARGIN : MARGIN + height, MARGIN : MARGIN + width]


def digit_of(table: np.ndarray, row: int, column: int, scale: int) -> np.ndarray:
    line = max(1, scale // 3)
    top, left = (index * (28 * scale + line) + line for index in (row, column))
    return table[top : top + 28 * scale, left : left + 28 * scale]


@pytest.mark.parametrize("scale", [1, 2, 3, 6])
def test_every_pixel_of_every_digit_is_enlarged_by_a_whole_factor_and_nothing_else(scale: int) -> None:
    given = images()
    table = table_of(grid(given, scale=scale), 2, 3, scale)
    for row in range(2):
        for column in range(3):
            digit = digit_of(table, row, column, scale)
            assert digit.shape == (28 * scale, 28 * scale, 3)
            ink = given[row, column].reshape(28, 28, 1).astype(float) / 255
            expected = (255 * (1 - ink) + INK * ink).round()
            assert np.abs(digit[::scale, ::scale] - expected).max() <= 1
            for within in range(scale):
                assert (digit[within::scale, within::scale] == digit[::scale, ::scale]).all()


def test_no_ink_is_white_paper_and_full_ink_is_ink() -> None:
    table = table_of(grid(np.array([[[0] * 784, [255] * 784]], np.uint8), scale=2), 1, 2, 2)
    assert (digit_of(table, 0, 0, 2) == 255).all()
    assert (digit_of(table, 0, 1, 2) == INK).all()


@pytest.mark.parametrize("scale", [1, 3, 6])
def test_borders_run_around_every_digit_and_a_margin_around_them_all(scale: int) -> None:
    picture = grid(images(), scale=scale)
    table, line = table_of(picture, 2, 3, scale), max(1, scale // 3)
    outside = np.ones(table.shape[:2], bool)
    for row in range(2):
        for column in range(3):
            top, left = (index * (28 * scale + line) + line for index in (row, column))
            outside[top : top + 28 * scale, left : left + 28 * scale] = False
    assert (table[outside] == BORDER).all()
    assert picture.size == (table.shape[1] + 2 * MARGIN, table.shape[0] + 2 * MARGIN)
    page = np.array(picture)
    for edge in (page[:MARGIN], page[-MARGIN:], page[:, :MARGIN], page[:, -MARGIN:]):
        assert (edge == PAGE).all()


def test_a_tint_lies_under_what_was_visible_and_only_there() -> None:
    shown = flags("3")
    papers = figures.papers(shown)
    assert set(papers[visible_values(shown).numpy()]) == {VISIBLE}
    assert set(papers[~visible_values(shown).numpy()]) == {figures.PLAIN}
    table = table_of(grid(np.zeros((1, 1, 784), np.uint8), papers=papers[None, None], scale=2), 1, 1, 2)
    digit = digit_of(table, 0, 0, 2)
    assert (digit[:28] == PAPERS[VISIBLE]).all()
    assert (digit[28:, :28] == PAPERS[VISIBLE]).all()
    assert (digit[28:, 28:] == 255).all()


def test_the_three_papers_can_be_told_apart_and_ink_shows_on_all_of_them() -> None:
    for one in range(3):
        assert np.abs(PAPERS[one] - INK).min() > 100
        assert all(np.abs(PAPERS[one] - PAPERS[other]).max() > 25 for other in range(one))


def test_the_hidden_part_of_an_input_can_have_a_paper_of_its_own() -> None:
    papers = figures.papers(PROPER_SETS, hidden=UNKNOWN)
    assert papers.shape == (14, 784)
    assert set(np.unique(papers)) == {VISIBLE, UNKNOWN}
    assert ((papers == VISIBLE) == visible_values(PROPER_SETS).numpy()).all()


def test_labels_and_captions_take_room_beside_the_digits_and_change_none_of_them() -> None:
    given, plain = images(), grid(images(), scale=3)
    caption = "a caption that is much longer than the picture is wide, so that it goes on in the next line, and further"
    labelled = grid(given, scale=3, rows=["zero", "one"], columns=["a", "b", "c"], caption=caption)
    added = labelled.height - plain.height
    assert labelled.width > plain.width
    assert added > 3 * figures.FONT_SIZE
    table = table_of(plain, 2, 3, 3)
    page = np.array(labelled)
    left, top = labelled.width - MARGIN - table.shape[1], MARGIN + figures.FONT_SIZE + 5
    assert (page[top : top + table.shape[0], left : left + table.shape[1]] == table).all()
    for text in (page[:top, left:], page[top:, :left], page[top + table.shape[0] :]):
        assert (text != PAGE).any()
    assert (page[:, -MARGIN // 2 :] == PAGE).all()  # no caption runs over the edge


@pytest.mark.parametrize("scale", [1, 2])
def test_the_names_of_two_columns_never_touch(scale: int) -> None:
    picture = grid(images(1, 2), scale=scale, columns=("input", "truth"))
    names = np.array(picture)[MARGIN : picture.height - 29 * scale - 2 * MARGIN] != PAGE
    between = MARGIN + 28 * scale + 1
    assert names[:, :between].any()
    assert names[:, between:].any()
    assert not names[:, between - 1 : between + 1].any()


def test_letters_that_the_font_lacks_are_spelled_out_in_captions() -> None:
    pictures = [grid(images(2, 8), scale=3, caption=caption) for caption in ("β = −1, α", "beta = -1, alpha")]
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_a_caption_that_fits_needs_one_line() -> None:
    plain = grid(images(2, 8), scale=3)
    assert grid(images(2, 8), scale=3, caption="short").height - plain.height == figures.FONT_SIZE + 5


def test_bytes_are_rounded_and_clamped() -> None:
    assert as_bytes(torch.tensor([-1.0, 0.0, 0.5, 254.4 / 255, 254.6 / 255, 1.0, 2.0])).tolist() == [
        0, 0, 128, 254, 255, 255, 255,
    ]  # fmt: skip


def test_every_byte_survives_the_way_to_a_picture_and_back() -> None:
    every = torch.arange(256, dtype=torch.uint8)
    assert as_bytes(every / 255).tolist() == every.tolist()


def test_a_png_is_the_picture_with_facts_in_its_metadata() -> None:
    picture = grid(images(), scale=2, caption="caption")
    content = png(picture, {"run": "label", "seed": 7, "formula": "p(x | c) ∝ σ²"})
    with Image.open(io.BytesIO(content)) as read:
        read.verify()
    with Image.open(io.BytesIO(content)) as read:
        assert read.format == "PNG"
        assert (np.array(read) == np.array(picture)).all()
        assert read.text == {"Software": "CVAE lab", "run": "label", "seed": "7", "formula": "p(x | c) ∝ σ²"}
    assert png(picture, {"seed": 7}) == png(picture, {"seed": 7})


def test_a_gif_has_a_frame_per_stage_even_where_no_digit_changed_and_rests_on_the_last() -> None:
    frames = [grid(images(seed=seed), scale=1, caption=f"stage {index}") for index, seed in enumerate((1, 1, 2, 3))]
    with Image.open(io.BytesIO(gif(frames))) as read:
        assert (read.format, read.n_frames, read.info["loop"]) == ("GIF", 4, 0)
        assert {frame.size for frame in frames} == {read.size}
        durations = []
        for index in range(4):
            read.seek(index)
            durations.append(read.info["duration"])
            shown = np.array(read.convert("RGB")).astype(int)
            assert np.abs(shown - np.array(frames[index]).astype(int)).mean() < 4
    assert durations == [figures.FRAME_MILLISECONDS] * 3 + [figures.LAST_FRAME_MILLISECONDS]


def test_an_animation_of_a_sheet_is_wide_enough_for_a_slide_and_numbers_its_columns() -> None:
    for rows in (1, 2, 3, 10):
        frames = figures.columns(images(rows, 3), None, 1, figures.slide_scale(images(rows, 3)), "walk of a run")
        assert len(frames) == 2
        assert all(figures.SLIDE_WIDTH <= frame.width < 1.4 * figures.SLIDE_WIDTH for frame in frames)
        bare = figures.columns(images(rows, 3), None, 1, figures.slide_scale(images(rows, 3)))
        assert all(frame.height > one.height for frame, one in zip(frames, bare, strict=True))


def test_pictures_of_different_heights_make_one_gif_with_empty_strips_below_the_lower_ones() -> None:
    low, high = grid(images()), grid(images(), caption="a caption")
    with Image.open(io.BytesIO(gif([low, high]))) as read:
        assert read.size == high.size
        strip = np.array(read.convert("RGB"))[low.height :]
    assert (strip > 250).all()


def test_a_gif_of_one_frame_is_a_picture_that_rests() -> None:
    with Image.open(io.BytesIO(gif([grid(images())]))) as read:
        assert getattr(read, "n_frames", 1) == 1


def coloured(rows: int = 1, columns: int = 1, side: int = 16, channels: int = 3) -> np.ndarray:
    return as_bytes(noise.uniform((rows, columns, channels * side**2), 2, "colours"))


@pytest.mark.parametrize(("channels", "scale"), [(3, 1), (3, 3), (1, 2)])
def test_colour_images_and_photographs_are_drawn_as_they_are_channel_by_channel(channels: int, scale: int) -> None:
    given = coloured(2, 3, channels=channels)
    picture = np.asarray(grid(given, scale=scale, drawn=False))
    line, size = max(1, scale // 3), 16 * scale
    for row in range(2):
        for column in range(3):
            top, left = (MARGIN + line + index * (size + line) for index in (row, column))
            shown = picture[top : top + size, left : left + size]
            expected = given[row, column].reshape(channels, 16, 16).transpose(1, 2, 0)
            assert (shown[::scale, ::scale] == expected).all()
            assert (shown[scale - 1 :: scale, scale - 1 :: scale] == expected).all()


def test_colour_has_an_edge_around_what_was_given_and_checks_in_place_of_what_was_hidden() -> None:
    given, shape = coloured(1, 2), Shape(3, 16)
    papers = np.stack([figures.papers(flags("1"), shape, hidden=UNKNOWN), figures.papers(flags("1"), shape)])[None]
    scale = 3
    pixels = np.asarray(grid(given, papers=papers, scale=scale))[MARGIN + 1 :, MARGIN + 1 :]
    first, second = (pixels[: 16 * scale, left : left + 16 * scale] for left in (0, 16 * scale + 1))
    for shown in (first, second):
        edge = (shown == EDGE).all(-1)
        quadrant = edge[8 * scale :, : 8 * scale]  # the lower left one
        assert quadrant[0].all() and quadrant[-1].all() and quadrant[:, 0].all() and quadrant[:, -1].all()
        assert not quadrant[1:-1, 1:-1].any()
        assert edge.sum() == quadrant.sum()
    expected = given[0].reshape(2, 3, 16, 16).transpose(0, 2, 3, 1)
    assert (second[: 8 * scale : scale, ::scale] == expected[1, :8]).all()
    hidden = first[: 8 * scale].reshape(-1, 3)
    assert {tuple(colour) for colour in hidden.tolist()} == {tuple(colour) for colour in CHECKS.tolist()}


def test_unused_cells_are_white_in_every_kind_of_picture() -> None:
    for values in (784, 3 * 256):
        blank = np.full((1, 1, values), BLANK, np.uint8)
        picture = np.asarray(grid(np.zeros((1, 1, values), np.uint8), papers=blank, scale=1))
        assert (picture[MARGIN + 2 : -MARGIN - 2, MARGIN + 2 : -MARGIN - 2] == 255).all()


def test_a_gif_of_colour_images_keeps_more_colours_than_one_of_drawings() -> None:
    frames = [grid(coloured(8, 12), scale=2) for _ in range(2)]
    colours = Image.open(io.BytesIO(gif(frames))).convert("RGB").getcolors(1000)
    assert colours is not None
    assert len(colours) > 64


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("T-shirt/top", "T-shirt/top"), ("Käse", "Kase"), ("Straße", "Strasse"), ("a\u0301", "a"), ("naïve?", "naive?"),
        ("コート", "class 0"), ("cat 🐈", "class 0"), ("Жук", "class 0"),
    ],
)  # fmt: skip
def test_names_of_classes_have_no_character_that_the_font_lacks(name: str, shown: str) -> None:
    (label,) = class_labels((name,), (0,))
    assert figures._spelled(label) == shown


def test_long_names_are_cut_so_that_rows_and_columns_stay_legible() -> None:
    name = "a class whose name is much longer than its pictures are wide" * 2
    rows = grid(images(2, 2), scale=2, rows=[name, "b"])
    assert rows.width < 400
    columns = grid(images(1, 2), scale=2, columns=[name[:100], "b"])
    assert columns.width == grid(images(1, 2), scale=2).width
    top = np.array(columns)[MARGIN : MARGIN + figures.FONT_SIZE] != PAGE
    assert top[:, : MARGIN + 58].any()
    assert not np.array(columns)[:, -MARGIN:].min() < 255
