"""What the browser receives of a model: its classes, likelihood and shape, and nothing that is too large."""

import json
import struct
from collections.abc import Iterator

import pytest

from app.live import live_decoder
from app.live.live_decoder import fits_in_the_browser, packed, shown_labels
from cvae_core.config.presets import configure
from cvae_core.models.build import build
from cvae_core.models.flat import CVAE
from tests import own_data
from tests.app.conftest import Visit


@pytest.fixture
def forgotten() -> Iterator[None]:
    fits_in_the_browser.cache_clear()
    yield
    fits_in_the_browser.cache_clear()


def test_the_header_describes_the_images_and_the_likelihood() -> None:
    data = own_data.description(channels=3, drawn=False)
    model = build(configure("label", data=data, width=8, latent=2))
    assert isinstance(model, CVAE)
    content = packed(model, data, "mine")
    (length,) = struct.unpack_from("<I", content)
    header = json.loads(content[4 : 4 + length])
    wanted = {
        "shape": [3, 16, 16], "drawn": False, "names": list(own_data.WORDS), "labels": 3, "pixels": list(range(768)),
        "likelihood": "discretised-logistic", "parameters": 2,
    }  # fmt: skip
    assert {name: header[name] for name in wanted} == wanted
    start, count = header["tensors"]["output.weight"]
    assert count == 8 * 2 * 768
    assert len(content) >= 4 + length + header["bytes"] * (start + count)


def test_networks_that_are_too_large_and_ladders_stay_on_the_server(
    monkeypatch: pytest.MonkeyPatch, forgotten: None
) -> None:
    data = own_data.description(channels=3, side=64)
    config = configure("label", data=data, width=400)
    assert fits_in_the_browser(configure("label"))
    assert fits_in_the_browser(configure("quadrant", visible="any"))
    assert not fits_in_the_browser(config)
    assert not fits_in_the_browser(configure("label", "ladder"))
    monkeypatch.setattr(live_decoder, "MOST_BYTES", 2 * sum(each.numel() for each in build(config).parameters()))
    fits_in_the_browser.cache_clear()
    assert fits_in_the_browser(config)


def test_pages_of_networks_that_are_too_large_use_the_servers_pictures(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, forgotten: None
) -> None:
    monkeypatch.setattr(live_decoder, "MOST_BYTES", 0)
    page = visit("generate", run="digits-label")
    assert [slider.label for slider in page.select_slider if slider.label.startswith("ε")]
    page = visit("how", run="digits-label")
    assert ["too large for the browser" in info.value for info in page.info] == [True]


@pytest.mark.parametrize(
    ("classes", "chosen", "labels"),
    [(1, 0, [0]), (10, 3, list(range(10))), (200, 198, [198, 199, 0, 1, 2, 3, 4, 5, 6, 7])],
)
def test_at_most_about_ten_labels_are_decoded_and_the_chosen_one_first(
    classes: int, chosen: int, labels: list[int]
) -> None:
    assert shown_labels(classes, chosen) == labels
