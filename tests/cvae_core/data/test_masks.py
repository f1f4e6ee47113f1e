"""Each quadrant is at the position that its name states, and each set of quadrants has one name."""

from itertools import permutations

import pytest
import torch

from cvae_core.config.descriptions import MNIST, Shape
from cvae_core.config.quadrant_names import NAMES, PROTOCOL, canonical, described
from cvae_core.data.masks import PROPER_SETS, flags, quadrant_of_value, resized, visible_values
from cvae_core.data.masks import painted as named
from cvae_core.errors import ConfigError

TOP, BOTTOM = slice(0, 14), slice(14, 28)
LEFT, RIGHT = slice(0, 14), slice(14, 28)
CORNERS = {
    "top-left": (TOP, LEFT),
    "top-right": (TOP, RIGHT),
    "bottom-left": (BOTTOM, LEFT),
    "bottom-right": (BOTTOM, RIGHT),
}


def painted(*names: str) -> torch.Tensor:
    image = torch.zeros(28, 28, dtype=torch.bool)
    for name in names:
        image[CORNERS[name]] = True
    return image


@pytest.mark.parametrize("name", NAMES)
def test_a_quadrant_lies_where_its_name_says(name: str) -> None:
    assert torch.equal(visible_values(flags(name)).reshape(28, 28), painted(name))
    assert (quadrant_of_value(MNIST).reshape(28, 28)[CORNERS[name]] == NAMES.index(name)).all()


@pytest.mark.parametrize(
    ("number", "shown", "hidden"),
    [
        ("1", ["bottom-left"], 588),
        ("2", ["top-left", "bottom-left"], 392),
        ("3", ["top-left", "top-right", "bottom-left"], 196),
    ],
)
def test_the_protocol_shows_bottom_left_the_left_half_and_all_but_bottom_right(
    number: str, shown: list[str], hidden: int
) -> None:
    mask = visible_values(flags(number)).reshape(28, 28)
    assert torch.equal(mask, painted(*shown))
    assert int((~mask).sum()) == hidden
    assert set(PROTOCOL[number]) == set(shown)


def test_masks_of_many_images_are_the_masks_of_each() -> None:
    masks = visible_values(PROPER_SETS)
    assert masks.shape == (14, 784)
    assert torch.equal(masks[3], visible_values(PROPER_SETS[3]))
    assert visible_values(PROPER_SETS.reshape(2, 7, 4)).shape == (2, 7, 784)


def test_there_are_fourteen_proper_sets() -> None:
    counts = PROPER_SETS.sum(1)
    assert PROPER_SETS.shape == (14, 4)
    assert len(PROPER_SETS.unique(dim=0)) == 14
    assert (int(counts.min()), int(counts.max())) == (1, 3)


@pytest.mark.parametrize("members", PROPER_SETS.tolist())
def test_a_set_has_one_name_in_whatever_order_it_is_spelled(members: list[bool]) -> None:
    names = [name for name, member in zip(NAMES, members, strict=True) if member]
    spelled = {canonical("+".join(order)) for order in permutations(names)}
    assert len(spelled) == 1
    assert flags(spelled.pop()).tolist() == members


def test_no_two_sets_share_a_name_or_a_description() -> None:
    names = ["+".join(n for n, member in zip(NAMES, members, strict=True) if member) for members in PROPER_SETS]
    assert len({canonical(name) for name in [*names, "any"]}) == 15
    assert len({described(name) for name in [*names, "any"]}) == 15


@pytest.mark.parametrize(
    "name",
    ["", "4", "0", "left", "Top-left", "top-left ", "top-left+", "top-left,top-right", "top-left+top-left",
     "top-left+top-right+bottom-left+bottom-right", "top-left+middle", "any+top-left"],
)  # fmt: skip
def test_what_is_no_set_is_named_with_what_would_be(name: str) -> None:
    for function in (flags, canonical, described):
        with pytest.raises(ConfigError) as caught:
            function(name)
        assert repr(name) in str(caught.value)
        assert "1, 2 or 3" in str(caught.value)
        assert all(quadrant in str(caught.value) for quadrant in NAMES)


def test_any_is_no_set_by_itself() -> None:
    with pytest.raises(ConfigError, match="'any'"):
        flags("any")


def test_each_channel_of_a_colour_image_has_the_same_quadrants() -> None:
    shape = Shape(3, 16)
    red, green, blue = visible_values(flags("top-left+bottom-right"), shape).reshape(shape.maps)
    assert torch.equal(red, green)
    assert torch.equal(red, blue)
    assert red[:8, :8].all()
    assert red[8:, 8:].all()
    assert int(red.sum()) == 2 * 8 * 8


@pytest.mark.parametrize("side", [16, 28, 64])
def test_a_painted_mask_has_a_short_name_that_means_it(side: int) -> None:
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[3:9, 2:] = True
    name = named(mask.flatten())
    assert torch.equal(flags(name), mask.flatten())
    assert len(name) < 60
    assert described(name) == "painted part"
    assert named(flags("mask-" + name.removeprefix("mask-"))) == name
    assert named(torch.ones(side**2, dtype=torch.bool)).startswith(
        "mask-"
    )  # of the sets of quadrants, none is the image
    for number in PROTOCOL:
        assert named(visible_values(flags(number), Shape(1, side))) == number


@pytest.mark.parametrize("name", ["mask-", "mask-!!", "mask-é", "mask-eJwDAAAAAAE", "mask-AAAA", "mask-" + "A" * 5000])
def test_other_names_of_masks_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no mask of pixels"):
        flags(name)
    with pytest.raises(ConfigError):
        canonical(name)  # no set that a model can be trained or scored with


def test_a_mask_is_resized_to_other_images() -> None:
    left = visible_values(flags("2"), Shape(1, 28))
    assert torch.equal(resized(left, 16), visible_values(flags("2"), Shape(1, 16)))
    assert torch.equal(resized(resized(left, 64), 28), left)
    assert torch.equal(resized(flags("2"), 16), flags("2"))
