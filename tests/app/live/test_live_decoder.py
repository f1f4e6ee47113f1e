"""What the browser receives of a model: its classes, likelihood and shape, and nothing that is too large."""

import json
import struct

import pytest

from app.live import live_decoder
from app.live.live_decoder import fits_in_the_browser, packed, shown_labels
from cvae_core.config.presets import configure
from cvae_core.models.build import build
from cvae_core.models.flat import VAE
from tests import own_data


def test_the_header_describes_the_images_and_the_likelihood() -> None:
    data = own_data.description(channels=3, drawn=False)
    model = build(configure("label", data=data, width=8, latent=2))
    assert isinstance(model, VAE)
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


def test_networks_that_are_too_large_and_ladders_stay_on_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    data = own_data.description(channels=3, side=64)
    config = configure("label", data=data, width=400)
    fits_in_the_browser.cache_clear()
    assert fits_in_the_browser(configure("label"))
    assert fits_in_the_browser(configure("quadrant", visible="any"))
    assert not fits_in_the_browser(config)
    assert not fits_in_the_browser(configure("label", "ladder"))
    monkeypatch.setattr(live_decoder, "MOST_BYTES", 2 * sum(each.numel() for each in build(config).parameters()))
    fits_in_the_browser.cache_clear()
    assert fits_in_the_browser(config)
    fits_in_the_browser.cache_clear()


@pytest.mark.parametrize(
    ("classes", "chosen", "labels"),
    [(1, 0, [0]), (10, 3, list(range(10))), (200, 198, [198, 199, 0, 1, 2, 3, 4, 5, 6, 7])],
)
def test_at_most_about_ten_labels_are_decoded_and_the_chosen_one_first(
    classes: int, chosen: int, labels: list[int]
) -> None:
    assert shown_labels(classes, chosen) == labels
