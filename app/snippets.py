"""Lines of Python that compute, from a shell, the numbers that a chart shows: each ends in `shown`."""

from collections.abc import Iterable, Mapping, Sequence

from app import maps
from app.library import RunKey
from cvae_core.latent import Layout
from cvae_core.visibility import ANY

_RUNS = "from cvae_core.runs import default_root, find"


def rates(key: RunKey) -> str:
    """Compute the mean rate of each unit of z, nats per image."""
    return _lines(_RUNS, "", f"shown = {_found(key)}.card().rates")


def curves(names: Iterable[str]) -> str:
    """Read how the trainings of some runs went: a row per epoch and split."""
    return _lines(
        _RUNS,
        "",
        f"curves = {{name: find(name, default_root()).curves() for name in {list(names)!r}}}",
        'shown = {name: table.to_dict("list") for name, table in curves.items()}',
    )


def rate_and_distortion(family: Mapping[float, RunKey]) -> str:
    """Compute rate and distortion by β, nats per validation image."""
    return _lines(
        _RUNS,
        "",
        f"names = { ({beta: key.name for beta, key in family.items()})!r}",
        "metrics = {beta: find(name, default_root()).card().metrics for beta, name in names.items()}",
        'shown = {beta: (terms["rate"], -terms["reconstruction"]) for beta, terms in metrics.items()}',
    )


def by_draws(name: str) -> str:
    """Compute a run's estimates at growing numbers of draws."""
    return _lines(
        "from cvae_core.evaluation import CURVE, stored_cells",
        _RUNS,
        "",
        f"shown = stored_cells(find({name!r}, default_root()), CURVE)",
    )


def headline(bars: Iterable[str]) -> str:
    """Compute the importance-sampling estimates that `library.headline` finds, by its names for them."""
    names = list(dict.fromkeys(bar.partition(",")[0] for bar in bars))
    return _lines(
        "from cvae_core.evaluation import stored_cells",
        _RUNS,
        "",
        f"cells = [cell for name in {names!r} for cell in stored_cells(find(name, default_root()))]",
        'wanted = ("importance", "test", 100)',
        "scored = [cell for cell in cells if (cell.estimator, cell.split, cell.samples) == wanted]",
        f"shown = [cell for cell in scored if cell.visible != {ANY!r}]",
    )


def settling(key: RunKey, samples: int, images: int, seed: int) -> str:
    """Compute the running means of an estimate as images are added."""
    return _lines(
        "from cvae_core.evaluation import evaluate",
        _RUNS,
        "",
        f"run = {_found(key)}",
        f"work = evaluate(run.model(), run.images().test, samples={samples}, images={images}, seed={seed})",
        "shown = [scored.cells for scored in work]",
    )


def known_settling(scale: float, counts: Sequence[int], seed: int) -> str:
    """Compute estimates of a known integral."""
    return _lines(
        "from cvae_core.linear_gaussian import settling", "", f"shown = settling({scale!r}, {tuple(counts)!r}, {seed})"
    )


def grey_cost(ink: float) -> str:
    """Compute what a grey pixel costs against the probability of ink."""
    return _lines(
        "import torch",
        "from cvae_core.distributions import cross_entropy",
        "",
        "p = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)",
        f"shown = cross_entropy(torch.tensor({ink!r}, dtype=torch.float64), p).numpy()",
    )


def readings(key: RunKey, dataset: str, given: Sequence[int] | bytes, visible: str, seed: int) -> str:
    """Compute as which digits completions of test digits, or of a drawing, read."""
    condition = [f"c = gallery.drawn_condition(run.model(), {given!r}, {visible!r})"]
    if not isinstance(given, bytes):
        condition = [
            f"rows = torch.tensor({list(given)!r})",
            f"_, c = held_out(run.card().config, run.images().test, rows, flags({visible!r}))",
        ]
    return _lines(
        "import torch",
        "from cvae_core import gallery, judging",
        "from cvae_core.classifier import load_classifier",
        "from cvae_core.examples import held_out",
        "from cvae_core.quadrants import flags",
        _RUNS,
        "",
        f"run, classifier = {_found(key)}, load_classifier({dataset!r}, default_root())",
        *condition,
        f"shown = judging.readings(run.model(), classifier, c, seed={seed})",
    )


def places(key: RunKey, layout: Layout, drawn: int | None = None, seed: int | None = None) -> str:
    """Compute where a map has its points, or where draws from so many posteriors lie on it, and as many from the prior."""
    kept = maps.kept_as(key, layout)
    lines = [
        "from cvae_core.latent import Layout, draws, projection, stored_embedding",
        _RUNS,
        "",
        f"run = {_found(key)}",
        f"embedding = stored_embedding(run, {kept!r})",
    ]
    if drawn is None and kept == layout:
        return _lines(*lines, "shown = embedding.coordinates")
    lines.append(f"project = projection(embedding.z, {layout.dimensions})")
    if drawn is None:
        return _lines(*lines, "shown = project(embedding.z)")
    given = f"run.model(), run.images().test, torch.arange({drawn}), seed={seed}"
    return _lines(
        "import torch", *lines, f"prior, posterior = draws({given})", "shown = project(posterior), project(prior)"
    )


def _found(key: RunKey) -> str:
    return f"find({key.name!r}, default_root())"


def _lines(*lines: str) -> str:
    return "\n".join([*lines, ""])
