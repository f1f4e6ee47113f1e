"""The decoder in the browser: a generation network's weights go there once, and pictures follow a slider as it is dragged."""

import json
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import streamlit as st
import torch
from torch import Tensor, nn

from app import controls, library
from app.library import RunKey
from cvae_core.flat import VAE, LabelCVAE
from cvae_core.models import LABELS
from cvae_core.networks import Body, ResidualBlock

FOLDER = Path(__file__).parent / "browser"
LIVE = "live-sliders"  # the component's key


def _source(*names: str) -> str:
    return "\n".join((FOLDER / name).read_text() for name in names)


_weights = st.components.v2.component("cvae_weights", js=_source("network.js", "weights.js"))
_latent = st.components.v2.component(
    "cvae_latent",
    html='<div class="lab"><div class="chosen"></div><div class="hand"></div><div class="row"></div></div>',
    css=_source("latent.css"),
    js=_source("network.js", "latent.js"),
)


def packed(model: VAE, name: str) -> bytes:
    """Pack a model's generation network for network.js: a length, a JSON header, float16 weights."""
    tensors = dict(_tensors(model.generation))
    tensors |= {"output.weight": model.output.weight, "output.bias": model.output.bias}
    table, start = {}, 0
    for title, tensor in tensors.items():
        table[title] = (start, tensor.numel())
        start += tensor.numel()
    steps = [*_steps(model.generation), ("linear", "output")]
    header = {"name": name, "latent": model.latent, "tensors": table, "steps": steps, "prior": _prior(model)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    values = [tensor.detach().numpy().astype("<f2").tobytes() for tensor in tensors.values()]
    return struct.pack("<I", len(text)) + text + b"".join(values)


def _tensors(body: Body) -> Iterator[tuple[str, Tensor]]:
    """Name the weights of a body as its steps name them; the label's are a row per label."""
    first, *given = body.first.projections
    assert isinstance(first, nn.Linear)
    yield from (("first.weight", first.weight), ("first.bias", first.bias))
    for layer in given:
        assert isinstance(layer, nn.Linear)
        yield "label", layer.weight.T.contiguous()
    for name, part in body.rest.named_modules():
        if isinstance(part, nn.Linear | nn.LayerNorm):
            yield from ((f"{name}.weight", part.weight), (f"{name}.bias", part.bias))


def _steps(body: Body) -> Iterator[tuple[str, ...]]:
    """Say what the body does to the features of its first layer."""
    for name, part in body.rest.named_children():
        match part:
            case ResidualBlock():
                inside = (("norm", f"{name}.norm"), ("linear", f"{name}.inner"), ("silu",), ("linear", f"{name}.outer"))
                yield from (("push",), *inside, ("add",))
            case nn.LayerNorm():
                yield "norm", name
            case nn.Linear():
                yield "linear", name
            case nn.SiLU():
                yield ("silu",)
            case nn.ReLU():
                yield ("relu",)
            case _:
                raise AssertionError(f"network.js has no step for {part}")


def _prior(model: VAE) -> dict[str, list[list[float]]] | None:
    """Return the mean and scale of z for each label where they are learned."""
    if not isinstance(model, LabelCVAE) or model.prior_table is None:
        return None
    with torch.inference_mode():
        prior = model.prior((torch.eye(LABELS),))
    return {"loc": prior.loc.tolist(), "scale": prior.scale.tolist()}


@st.cache_data(max_entries=8, show_spinner=False)
def weights(key: RunKey) -> bytes:
    """Return a run's packed generation network."""
    model = library.model(key)
    assert isinstance(model, VAE)
    return packed(model, f"{key.name}-{key.weights}")


def sliders(key: RunKey, label: int | None, epsilon: Sequence[float]) -> bool:
    """Show live sliders at a base noise, pictures of a label beside them; return whether the browser shows them."""
    name, rates = f"{key.name}-{key.weights}", library.rates(key)
    units = [{"dimension": unit, "words": controls.slider_words(rates, unit)} for unit in controls.by_rate(rates)]
    _weights(key=f"weights-{name}", data=weights(key), height=1)
    shown = _latent(
        key=LIVE,
        data={
            "network": name,
            "label": label,
            "labels": list(range(LABELS)),
            "epsilon": list(epsilon),
            "units": units,
            "first": controls.FIRST_SLIDERS,
        },
        on_epsilon_change=lambda: controls.write_epsilon(st.session_state[LIVE].epsilon, len(rates)),
        on_ready_change=lambda: None,
    )
    return shown.ready == name
