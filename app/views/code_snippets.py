"""Lines of Python that compute, from a shell, the numbers that a chart shows, `shown`, and write its `figure`."""

from collections.abc import Iterable, Mapping, Sequence

from app.cached import maps
from app.cached.runs import RunKey
from cvae_core.config.quadrant_names import ANY
from cvae_core.evaluation.latent_space import Layout
from cvae_core.evaluation.results import Estimator

_RUNS = "from cvae_core.runs.run import default_root, find"


def rates(key: RunKey, unit: str, chosen: int | None = None) -> str:
    """Compute the mean rate of each unit of z, nats per image."""
    chart = f"rate_bars(shown, {unit!r}, {chosen!r})"
    return _lines(chart, f"{key.name}-rates", _RUNS, "", f"shown = {_found(key)}.card().rates")


def curves(names: Iterable[str], quantity: str, log: bool) -> str:
    """Read how the trainings of some runs went: a row per epoch and split."""
    return _lines(
        f"curves(tables, best, {quantity!r}, {log})",
        "curves",
        _RUNS,
        "",
        f"runs = {{name: find(name, default_root()) for name in {list(names)!r}}}",
        "tables = {name: run.curves() for name, run in runs.items()}",
        "best = {name: run.card().best_epoch for name, run in runs.items()}",
        'shown = {name: table.to_dict("list") for name, table in tables.items()}',
    )


def rate_and_distortion(family: Mapping[float, RunKey], chosen: float) -> str:
    """Compute rate and distortion by β, nats per validation image."""
    return _lines(
        f"rate_distortion(shown, {chosen!r})",
        "rate-distortion",
        _RUNS,
        "",
        f"names = { ({beta: key.name for beta, key in family.items()})!r}",
        "metrics = {beta: find(name, default_root()).card().metrics for beta, name in names.items()}",
        'shown = {beta: (terms["rate"], -terms["reconstruction"]) for beta, terms in metrics.items()}',
    )


def by_draws(name: str, hidden: Estimator | None = None) -> str:
    """Compute a run's estimates at growing numbers of draws, of which the chart may hide one."""
    drawn = f"[cell for cell in shown if cell.estimator != {hidden!r}]" if hidden else "shown"
    return _lines(
        f"by_draws({drawn})",
        f"{name}-by-draws",
        "from cvae_core.evaluation.results import CURVE, stored_cells",
        _RUNS,
        "",
        f"shown = stored_cells(find({name!r}, default_root()), CURVE)",
    )


def headline(bars: Iterable[str]) -> str:
    """Compute the importance-sampling estimates that `library.headline` finds, by its names for them."""
    bars = list(bars)
    names = list(dict.fromkeys(bar.partition(",")[0] for bar in bars))
    return _lines(
        f"headline_bars(dict(zip({bars!r}, shown, strict=True)))",
        "headline",
        "from cvae_core.evaluation.results import stored_cells",
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
        "settling(history, stored)",
        f"{key.name}-settling",
        "from cvae_core.evaluation.likelihood import evaluate",
        "from cvae_core.evaluation.results import stored_cells",
        _RUNS,
        "from cvae_core.evaluation.table import ESTIMATORS",
        "",
        f"run = {_found(key)}",
        f"work = evaluate(run.model(), run.images().test, samples={samples}, images={images}, seed={seed})",
        "shown = [scored.cells for scored in work]",
        "history = {}",
        "for cell in (cell for cells in shown for cell in cells if cell.estimator != 'floor'):",
        "    so_far = history.setdefault(ESTIMATORS[cell.estimator], [])",
        "    so_far.append((cell.images, cell.mean, cell.standard_error))",
        "asked = {cell.visible for cell in shown[-1]}",
        "alike = [cell for cell in stored_cells(run) if cell.visible in asked and cell.split == 'test']",
        "stored = {ESTIMATORS[cell.estimator]: cell for cell in alike if cell.samples in (0, 100)}",
    )


def known_settling(scale: float, counts: Sequence[int], seed: int) -> str:
    """Compute estimates of a known integral."""
    return _lines(
        f"known_settling({tuple(counts)!r}, shown)",
        "known-settling",
        "from cvae_core.evaluation.toy_model import settling",
        "",
        f"shown = settling({scale!r}, {tuple(counts)!r}, {seed})",
    )


def grey_cost(ink: float) -> str:
    """Compute what a grey pixel costs against the probability of ink."""
    return _lines(
        f"grey_cost({ink!r})",
        "grey-cost",
        "import torch",
        "from cvae_core.models.distributions import cross_entropy",
        "",
        "p = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)",
        f"shown = cross_entropy(torch.tensor({ink!r}, dtype=torch.float64), p).numpy()",
    )


def readings(
    key: RunKey, dataset: str, given: Sequence[int] | bytes, visible: str, seed: int, names: Sequence[str] = ()
) -> str:
    """Compute as which digits completions of test digits, which have names, or of a drawing read."""
    chart, condition = "reading(shown[0])", [f"c = gallery.drawn_condition(run.model(), {given!r}, {visible!r})"]
    if not isinstance(given, bytes):
        chart = f"readings(shown, {list(names)!r})"
        condition = [
            f"rows = torch.tensor({list(given)!r})",
            f"_, c = held_out(run.card().config, run.images().test, rows, flags({visible!r}))",
        ]
    return _lines(
        chart,
        f"{key.name}-readings",
        "import torch",
        "from cvae_core.evaluation import sample_quality as judging",
        "from cvae_core.pictures import recipes as gallery",
        "from cvae_core.evaluation.classifier import load_classifier",
        "from cvae_core.data.batches import held_out",
        "from cvae_core.data.masks import flags",
        _RUNS,
        "",
        f"run = {_found(key)}",
        f"classifier = load_classifier({dataset!r}, default_root(), run.card().data_fingerprint)",
        *condition,
        f"completions = gallery.completed_often(run.model(), c, gallery.MANY, {seed})",
        "shown = judging.readings(classifier, completions)",
    )


def places(
    key: RunKey, layout: Layout, drawn: int | None = None, seed: int | None = None, ringed: int | None = None
) -> str:
    """Compute where a map has its points, or where draws from so many posteriors lie on it, and as many from the prior."""
    kept = maps.kept_as(key, layout)
    file = f"{key.name}-{layout.method}"
    lines = [
        "from cvae_core.evaluation.latent_space import Embedding, Layout, draws, projection, stored_embedding",
        _RUNS,
        "",
        f"run = {_found(key)}",
        f"embedding = stored_embedding(run, {kept!r})",
    ]
    if drawn is None and kept == layout:
        return _lines(f"embedding_map(embedding, {ringed})", file, *lines, "shown = embedding.coordinates")
    lines.append(f"project = projection(embedding.z, {layout.dimensions})")
    if drawn is None:
        lines += ["shown = project(embedding.z)", "moved = replace(embedding, coordinates=shown)"]
        return _lines(f"embedding_map(moved, {ringed})", file, "from dataclasses import replace", *lines)
    return _lines(
        f"embedding_map(means, {ringed}, prior=shown[1])",
        f"{file}-draws-{seed}",
        "import torch",
        *lines,
        f"prior, posterior = draws(run.model(), run.images().test, torch.arange({drawn}), seed={seed})",
        "shown = project(posterior), project(prior)",
        f"means = Embedding(embedding.indices[:{drawn}], embedding.labels[:{drawn}], posterior, shown[0])",
    )


def _found(key: RunKey) -> str:
    return f"find({key.name!r}, default_root())"


def _lines(chart: str, file: str, *lines: str) -> str:
    """Return lines, and after them those that draw a chart of them and write it as a page of its own."""
    written = [f"figure = charts.{chart}", f"figure.write_html({file + '.html'!r})"]
    return "\n".join([*_imports(lines), *written, ""])


def _imports(lines: Sequence[str]) -> list[str]:
    """Return lines with the import of the charts after those of other people's modules."""
    first = next(number for number, line in enumerate(lines) if "cvae_core" in line)
    return [*lines[:first], "from app.display import plotly_charts as charts", *lines[first:]]
