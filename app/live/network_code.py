"""The line of the core's code that each box of the figure on How it works stands for."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache

from cvae_core.config.flavours import Config
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import quadrants_of
from cvae_core.models import build
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.models.convolutions import LatentGroup
from cvae_core.models.flat import CVAE, FlatVAE, first_guess
from cvae_core.models.ladder import Ladder
from cvae_core.models.objectives import Elbo, elbo
from cvae_core.system.files import REPOSITORY

Code = tuple[Callable[..., object], str]  # a function, and a part of one of its lines


def lines(config: Config) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return place and text of each box's line, in training and in prediction."""
    model, ladder = build.kind(config), config.hierarchical
    both: dict[str, Code] = {
        "x": (held_out, "condition(config, x"),
        "c": (quadrants_of, "pixels=") if config.given == ("pixels",) else (model.context, "return"),
        "recognition": (LatentGroup.posterior, "return")
        if ladder
        else (_method(model, "posterior"), "self.recognition("),
        "baseline": (first_guess, "baseline.likelihood("),
        "prior": _prior(model, config.prior_kind, ladder),
        "generation": (Ladder.outputs, "self.head(") if ladder else (_method(model, "decoded"), "self.generation("),
        "means": (completed, "likelihood.paste("),
        "distortion": (elbo, "reconstruction ="),
        "rate": (Ladder._descend if ladder else FlatVAE.infer, "kl_divergence("),
        "bound": (Elbo.value, "return"),
    }
    inferred: Code = (Ladder._descend, "posterior.at(") if ladder else (FlatVAE.infer, "posterior.at(")
    drawn: Code = (Ladder._descend, "prior.at(") if ladder else (FlatVAE.draw, ".at(noise)")
    found = {name: {"training": line(*code), "prediction": line(*code)} for name, code in both.items()}
    return {**found, "latents": {"training": line(*inferred), "prediction": line(*drawn)}}


@cache  # the figure needs the same few lines at every rerun
def line(function: Callable[..., object], part: str) -> dict[str, str]:
    """Return the last line of a function that contains a text, with its file, number and function."""
    function = inspect.unwrap(function)
    text, first = inspect.getsourcelines(function)
    number, found = [(number, each) for number, each in enumerate(text, first) if part in each][-1]
    file = inspect.getsourcefile(function)
    assert file is not None
    place = f"{function.__qualname__}, line {number} of "
    return {"text": found.strip(), "place": place + file.removeprefix(f"{REPOSITORY}/")}


def _prior(model: type[ConditionalVAE], kind: str, ladder: bool) -> Code:
    if ladder:
        return LatentGroup.prior, "return"
    if kind == "network":
        return _method(model, "prior"), "self.prior_network("
    return (CVAE.prior, "self.prior_table.weight)") if kind == "learned" else (FlatVAE.prior, "standard_gaussian(")


def _method(model: type[ConditionalVAE], name: str) -> Callable[..., object]:
    method: Callable[..., object] = getattr(model, name)
    return method
