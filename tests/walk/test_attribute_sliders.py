"""The live controls of attributes: the browser decodes what they ask for, and tells Python on release. Without a server."""

import base64
import math
from typing import Any

import numpy as np
import torch
from playwright.sync_api import Page

from app.browser import source
from app.live import attribute_sliders, live_decoder
from cvae_core.data.conditions import asked, chosen
from cvae_core.models.conditional_vae import completed
from tests.walk.test_network import of_own_data

SCRIPTS = source("likelihoods.js", "network.js", "component.js", "latent.js").replace("export default", "")
SHOW = f"""([packed, data]) => {{
    {SCRIPTS}
    const parts = ["chosen", "hand", "row"].map((name) => `<div class="${{name}}"></div>`);
    document.body.innerHTML = `<div class="lab">${{parts.join("")}}</div>`;
    const network = new Network(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)));
    window.cvaeNetworks = new Map([[data.network, network]]);
    window.told = [];
    const tell = (name, value) => window.told.push([name, value]);
    new Panel(document.querySelector(".lab"), tell).take(data);
}}"""
MOVE = """([which, at]) => {
    const input = document.getElementById(`a${which}`), { panel } = document.querySelector(".lab");
    input.value = at;
    input.dispatchEvent(new Event("input"));
    const told = window.told.length;
    input.dispatchEvent(new Event("change"));
    const shown = panel.network.decode(panel.epsilon, [panel.data.label], panel.asked);
    const text = document.querySelector(`output[for=a${which}]`).textContent;
    return { early: told, asked: panel.asked, pixels: [...shown], text };
}"""


def test_sliders_and_lists_ask_for_attributes_and_report_on_release(page: Page) -> None:
    model, data, _ = of_own_data("label+attributes", "bernoulli", 1)
    epsilon = [0.5, -0.5, 1.0]
    sent: dict[str, Any] = {
        "network": "mine", "label": 1, "plane": 1, "labels": [0, 1, 2], "epsilon": epsilon, "given": 0, "units": [],
        "first": 0, "range": 3, "step": 0.05, "attributes": attribute_sliders.for_the_browser(model.config), "at": [0, 0],
    }  # fmt: skip
    packed = base64.b64encode(live_decoder.packed(model, data, "mine")).decode()
    page.evaluate(SHOW, [packed, sent])
    (size, kind), place = model.config.attributes, 7
    first = page.evaluate(MOVE, [0, place])
    assert first["early"] == 1  # ready: nothing is told before the release
    wanted = attribute_sliders.places(size)[place]
    assert isinstance(wanted, float) and math.isclose(first["asked"][0], wanted) and first["asked"][1] is None
    assert first["text"] == attribute_sliders.words(wanted)
    both = page.evaluate(MOVE, [1, 2])
    values = asked(model.config, {size.name: wanted, kind.name: kind.categories[1]}, 1)
    c = chosen(model.config, torch.tensor([1]), values)
    with torch.inference_mode():
        expected = completed(model.likelihood(model.draw(c, torch.tensor(epsilon).reshape(1, 1, -1)), c), c)
    np.testing.assert_allclose(both["pixels"], expected.flatten(), 2e-5, 1e-4)
    assert both["asked"][1] == 1 and both["pixels"] != first["pixels"]
    told = [value["value"] for name, value in page.evaluate("() => window.told") if name == "asked"]
    assert told == [[place, 0], [place, 2]]
    assert page.evaluate(MOVE, [0, 0])["asked"] == [None, 1]
