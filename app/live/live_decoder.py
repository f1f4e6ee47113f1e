"""The decoder in the browser: it receives a run's weights once, and pictures change while a slider is dragged.

Networks that are too large to be sent stay on the server, and so do ladders: see `fits_in_the_browser`.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import streamlit as st
import torch
from torch import Tensor, nn

from app.browser import source
from app.cached import runs
from app.cached.runs import RunKey
from app.display import url_state
from app.live import attribute_sliders, latent_sliders
from cvae_core.config.descriptions import Description
from cvae_core.config.flavours import Config
from cvae_core.models import build
from cvae_core.models.distributions import MAX_LOG_SCALE, MIN_LOG_SCALE
from cvae_core.models.flat import CVAE, Baseline
from cvae_core.models.likelihoods import LIKELIHOODS
from cvae_core.models.mlp import Body, ResidualBlock

LIVE = "live-sliders"  # the component's key
MOST_BYTES = 16 * 1024**2  # of a run's networks in float16 in the browser: Streamlit sends at most 32 MB at once
MOST_CLASSES = 12  # that are all shown; of more classes, SHOWN_CLASSES are
SHOWN_CLASSES = 10
_GIVEN = "epsilon-given"  # in the session: how often Python, not the visitor, has moved the sliders

_weights = st.components.v2.component("cvae_weights", js=source("likelihoods.js", "network.js", "weights.js"))
_latent = st.components.v2.component(
    "cvae_latent",
    html='<div class="lab"><div class="chosen"></div><div class="hand"></div><div class="row"></div></div>',
    css=source("common.css", "latent.css"),
    js=source("likelihoods.js", "network.js", "component.js", "latent.js"),
)


def packed(model: CVAE, data: Description, name: str, recognition: bool = False) -> bytes:
    """Pack a model's networks for network.js, with or without the recognition network: a length, a JSON header, weights.

    The weights are float16 if that represents them exactly, as those of finished runs, else float32.
    """
    bodies: dict[str, tuple[Body, nn.Linear, str]] = {"generation": (model.generation, model.output, "output")}
    if isinstance(model.baseline, Baseline):
        bodies["baseline"] = model.baseline.body, model.baseline.output, "baseline.output"
    if model.config.prior_kind == "network":
        bodies["prior_network"] = model.prior_network, model.prior_head.linear, "prior_head"
    if recognition:
        bodies["recognition"] = model.recognition, model.recognition_head.linear, "recognition_head"
    header: dict[str, Any] = {
        "name": name,
        "shape": model.config.shape.maps,
        "drawn": data.drawn,
        "names": data.classes,
        "latent": model.latent,
        "labels": model.config.classes if "label" in model.config.given else 0,
        "attributes": [
            {"categories": len(one.categories), "mean": one.mean, "scale": one.scale} for one in model.config.attributes
        ],
        "regions": model.config.regions,
        "pixels": model.pixels.tolist(),
        "likelihood": model.config.likelihood,
        "parameters": LIKELIHOODS[model.config.likelihood].parameters,
        "prior": _prior(model),
        "logScale": (MIN_LOG_SCALE, MAX_LOG_SCALE),
        "inputs": _inputs(model.config),
    }
    header["bodies"] = {title: [*_steps(body, title), ("linear", last)] for title, (body, _, last) in bodies.items()}
    tensors: dict[str, Tensor] = {}
    for title, (body, output, last) in bodies.items():
        tensors |= dict(_tensors(body, title)) | {f"{last}.weight": output.weight, f"{last}.bias": output.bias}
    starts = accumulate((tensor.numel() for tensor in tensors.values()), initial=0)
    header["tensors"] = {title: (start, tensors[title].numel()) for title, start in zip(tensors, starts, strict=False)}
    exact = all(bool((tensor.half() == tensor).all()) for tensor in tensors.values())
    header["bytes"] = 2 if exact else 4
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    values = [tensor.detach().numpy().astype("<f2" if exact else "<f4").tobytes() for tensor in tensors.values()]
    return struct.pack("<I", len(text)) + text + b"".join(values)


def _tensors(body: Body, title: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the weights of a body with the names that its steps use."""
    for which, layer in enumerate(body.first.projections):
        yield from ((f"{title}.first.{which}.{name}", weight) for name, weight in layer.named_parameters())
    for name, part in body.rest.named_modules():
        if isinstance(part, nn.Linear | nn.LayerNorm):
            yield from ((f"{title}.{name}.weight", part.weight), (f"{title}.{name}.bias", part.bias))


def _steps(body: Body, title: str) -> Iterator[tuple[str, ...]]:
    """Yield the operations of a body on the features of its first layer."""
    for number, part in body.rest.named_children():
        name = f"{title}.{number}"
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


def _inputs(config: Config) -> dict[str, Sequence[str]]:
    """Return the names of each network's inputs, in their order."""
    seen = ("guess", "visible") if config.reads_images else ()
    return {
        **({"baseline": ("pixels", "visible")} if config.has_baseline else {}),
        "prior_network": (*config.beside_pixels, *seen),
        "recognition": ("x", *config.beside_pixels, *seen[1:]),
        "generation": ("z", *((*config.beside_pixels, *seen) if config.decoder_reads_condition else ())),
    }


def _prior(model: CVAE) -> dict[str, object]:
    """Return the kind of the prior, with its mean and scale for each label if they are learned."""
    if model.prior_table is None:
        return {"kind": model.config.prior_kind}
    with torch.inference_mode():
        prior = model.prior((torch.eye(model.config.classes),))
    return {"kind": "table", "loc": prior.loc.tolist(), "scale": prior.scale.tolist()}


@st.cache_data(max_entries=8, show_spinner=False)
def weights(key: RunKey, recognition: bool) -> bytes:
    """Return a run's packed networks."""
    model = runs.model(key)
    assert isinstance(model, CVAE)
    return packed(model, runs.description(key), network_name(key, recognition), recognition)


@lru_cache(maxsize=64)
def fits_in_the_browser(config: Config) -> bool:
    """Return whether the browser can run the networks of a configuration: a flat model's, up to `MOST_BYTES` in float16."""
    if config.hierarchical:
        return False
    with torch.device("meta"):
        model = build.build(config)
    return 2 * sum(weight.numel() for weight in model.parameters()) <= MOST_BYTES


def shown_labels(classes: int, chosen: int) -> list[int]:
    """Return the labels with which live sliders decode z: all of a few, else some with the chosen one first.

    >>> shown_labels(3, 1), shown_labels(200, 198)[:4]
    ([0, 1, 2], [198, 199, 0, 1])
    """
    if classes <= MOST_CLASSES:
        return list(range(classes))
    return [(chosen + step) % classes for step in range(SHOWN_CLASSES)]


def network_name(key: RunKey, recognition: bool = False) -> str:
    """Return the name of a run's networks in the browser."""
    return f"{key.name}-{key.weights}{'-whole' if recognition else ''}"


def send(key: RunKey, recognition: bool = False) -> None:
    """Send a run's networks to the browser, once."""
    _weights(key=f"weights-{network_name(key, recognition)}", data=weights(key, recognition), height=1)


def news(component: str, name: str) -> object:
    """Return the value that a component reports under a name, or None if the report is malformed."""
    match st.session_state[component].get(name):
        case {"value": value}:
            return value
    return None


def move_sliders(epsilon: Sequence[float]) -> None:
    """Set the live sliders to the given base noise."""
    latent_sliders.write_epsilon(latent_sliders.on_sliders(epsilon), len(epsilon))  # farther ones would be ignored
    st.session_state[_GIVEN] = st.session_state.get(_GIVEN, 0) + 1


def sliders(key: RunKey, label: int | None, plane: int, epsilon: Sequence[float]) -> bool:
    """Show live sliders at a base noise with pictures of a label; return whether the browser shows them.

    If z has two dimensions, show the latent plane too, decoded with the label `plane`.
    """
    name, rates, config = network_name(key), runs.rates(key), runs.config(key)
    units = [
        {"dimension": unit, "words": latent_sliders.slider_words(rates, unit)} for unit in latent_sliders.by_rate(rates)
    ]
    send(key)
    shown = _latent(
        key=LIVE,
        data={
            "network": name,
            "label": label,
            "plane": plane,
            "labels": shown_labels(config.classes, plane) if "label" in config.given else [],
            "attributes": attribute_sliders.for_the_browser(config),
            "at": attribute_sliders.chosen_places(config),
            "epsilon": list(epsilon),
            "given": st.session_state.get(_GIVEN, 0) + url_state.opened(),
            "units": units,
            "first": latent_sliders.FIRST_SLIDERS,
            "range": latent_sliders.NOISE_RANGE,
            "step": latent_sliders.NOISE_STEP,
        },
        on_epsilon_change=lambda: latent_sliders.write_epsilon(news(LIVE, "epsilon"), len(rates)),
        on_asked_change=lambda: attribute_sliders.write(news(LIVE, "asked"), config),
        on_ready_change=lambda: None,
    )
    return shown.ready == name
