"""Python code for visitors to copy: it computes the numbers of a chart as `shown` and writes the chart as HTML."""

from collections.abc import Iterable, Mapping, Sequence

from app.cached import maps, runs, scores
from app.cached.runs import RunKey
from cvae_core.evaluation.latent_space import Layout
from cvae_core.evaluation.results import Estimator
from cvae_core.evaluation.table import ESTIMATORS

P_LABEL, P_HIDDEN = "p(label | visible)", "log p(hidden | visible, label)"  # titles of axes


def rates(key: RunKey, unit: str, chosen: int | None = None) -> str:
    """Return code that computes the mean rate of each unit of z, in nats per image."""
    shown = f"shown = find({key.name!r}).card().rates"
    return _code(f"rate_bars(shown, {unit!r}, {chosen!r})", f"{key.name}-rates", "find", shown)


def curves(names: Iterable[str], quantity: str, log: bool) -> str:
    """Return code that reads the training curves of some runs: one row per epoch and split."""
    return _code(
        f"curves(tables, best, {quantity!r}, {log})",
        "curves",
        "find",
        f"runs = {{name: find(name) for name in {list(names)!r}}}",
        "tables = {name: run.curves() for name, run in runs.items()}",
        "best = {name: run.card().best_epoch for name, run in runs.items()}",
        'shown = {name: table.to_dict("list") for name, table in tables.items()}',
    )


def rate_and_distortion(family: Mapping[float, RunKey], chosen: float) -> str:
    """Return code that computes rate and distortion by β, in nats per validation image."""
    return _code(
        f"rate_distortion(shown, {chosen!r})",
        "rate-distortion",
        "find",
        f"names = { ({beta: key.name for beta, key in family.items()})!r}",
        "metrics = {beta: find(name).card().metrics for beta, name in names.items()}",
        'shown = {beta: (terms["rate"], -terms["reconstruction"]) for beta, terms in metrics.items()}',
    )


def by_draws(name: str, hidden: Estimator | None = None) -> str:
    """Return code that computes a run's estimates by number of draws; `hidden` is left out of the chart."""
    drawn = f"[cell for cell in shown if cell.estimator != {hidden!r}]" if hidden else "shown"
    shown = f"shown = results.stored_cells(find({name!r}), results.CURVE)"
    return _code(f"by_draws({drawn})", f"{name}-by-draws", "find, results", shown)


def headline_names(names: Iterable[str]) -> list[str]:
    """Return the names of the models of runs, with the runs' own names if two models share a name."""
    every = list(names)
    short = list(map(runs.model_of, every))
    return short if len(set(short)) == len(short) else list(map(runs.label, every))


def headline(names: Iterable[str]) -> str:
    """Return code that computes the scores of `scores.headline`, given the names of its runs."""
    names = list(names)
    return _code(
        f"headline_bars(dict(zip({headline_names(names)!r}, shown, strict=True)))",
        "headline",
        "find, results",
        f"cells = [cell for name in {names!r} for cell in results.stored_cells(find(name))]",
        f"wanted = {scores.HEADLINE!r}",
        "shown = [cell for cell in cells if (cell.estimator, cell.split, cell.samples) in wanted]",
    )


def glance(names: Iterable[str]) -> str:
    """Return code that computes the table at a glance."""
    shown = f"shown = glance.at_a_glance([find(name) for name in {list(names)!r}])"
    return _code("glance_chart(shown)", "glance", "find, glance", shown, module="glance_chart")


def settling(key: RunKey, samples: int, images: int, seed: int) -> str:
    """Return code that computes the running means of an estimate as images are added."""
    return _code(
        "settling(history, stored)",
        f"{key.name}-settling",
        "find, likelihood, results",
        f"run = find({key.name!r})",
        f"work = likelihood.evaluate(run.model(), run.images().test, samples={samples}, images={images}, seed={seed})",
        "shown = [scored.cells for scored in work]",
        f"names = {ESTIMATORS!r}",
        "history = {}",
        "for cell in (cell for cells in shown for cell in cells if cell.estimator != 'floor'):",
        "    so_far = history.setdefault(names[cell.estimator], [])",
        "    so_far.append((cell.images, cell.mean, cell.standard_error))",
        "closest = results.closest(results.stored_cells(run), shown[-1])",
        "stored = {names[cell.estimator]: cell for cell in closest}",
    )


def known_settling(scale: float, counts: Sequence[int], seed: int) -> str:
    """Return code that estimates a known integral."""
    shown = f"shown = toy_model.settling({scale!r}, {tuple(counts)!r}, {seed})"
    return _code(f"known_settling({tuple(counts)!r}, shown)", "known-settling", "toy_model", shown)


def changes(key: RunKey, samples: int, images: int) -> str:
    """Return code that computes how a run's score changes with parts of the condition of other images."""
    split = f"load_data({runs.config(key).dataset!r}).test"
    shown = f"shown = savings.changes(load({key.name!r}), {split}, samples={samples}, images={images})"
    return _code("changes(shown)", f"{key.name}-changes", "load, load_data, savings", shown)


def grey_cost(ink: float) -> str:
    """Return code that computes the cost of a grey pixel by the predicted probability of ink."""
    return _code(
        f"grey_cost({ink!r})",
        "grey-cost",
        "",
        f"x = torch.tensor({ink!r}, dtype=torch.float64)",
        "p = torch.linspace(0.005, 0.995, 199, dtype=torch.float64)",
        "shown = (-torch.xlogy(x, p) - torch.xlogy(1 - x, 1 - p)).numpy()",
    )


def readings(
    key: RunKey, given: Sequence[int] | bytes, seen: Mapping[str, object], seed: int, names: Sequence[str] = ()
) -> str:
    """Return code that classifies completions of test images (with `names`) or of a drawing (bytes).

    `seen` has the setting `visible` of a recipe, and the `label` if one is chosen.
    """
    settings = ", ".join(f"{name}={value!r}" for name, value in seen.items()) + f", count=recipes.MANY, seed={seed}"
    if isinstance(given, bytes):
        chart = "reading(shown[0], run.card().description.classes)"
        sheet = f"sheet = recipes.drawing(run.model(), {given!r}, {settings})"
        completions = (
            "completions = sheet.images[0, 3:-1, None]  # after the drawing and two guesses, before the spread"
        )
    else:
        chart = f"readings(shown, {list(names)!r}, run.card().description.classes)"
        sheet = f"sheet = recipes.completions(run.model(), run.images().test, {list(given)!r}, {settings})"
        completions = "completions = sheet.images[4:-1]  # below input, truth and two guesses, above the spread"
    return _code(
        chart,
        f"{key.name}-readings",
        "classifier, find, recipes, sample_quality",
        f"run = find({key.name!r})",
        "reader = classifier.load_classifier(run.card().description, run.folder.parent, run.card().data_fingerprint)",
        sheet,
        completions,
        "shown = sample_quality.readings(reader, completions)",
    )


def asked(key: RunKey, attribute: int) -> str:
    """Return code that reads what was asked of samples for one attribute, and what was measured."""
    return _code(
        "asked_chart(shown, name)",
        f"{key.name}-asked-{attribute + 1}",
        "find, sample_quality",
        f"run = find({key.name!r})",
        f"shown = next(one for one in sample_quality.stored_asked(run) if one.attribute == {attribute})",
        "name = run.card().description.attributes[shown.attribute].name",
        module="attribute_chart",
    )


def could_become(reader: RunKey, given: int | bytes, visible: str, seed: int, own: int | None) -> str:
    """Return code that computes p(label | visible) of a test image, or of a drawing (bytes), by a label run."""
    image = repr(given) if isinstance(given, bytes) else f"images.test.intensities([{given}])"
    return _code(
        f"by_label(*(part[0].numpy() for part in shown[:2]), data.classes, {P_LABEL!r}, {own!r})",
        f"{reader.name}-could-become",
        "find, label_posterior",
        f"run = find({reader.name!r})",
        "data, images = run.card().description, run.images()",
        f"image = {image}",
        f"shown = label_posterior.could_become(run.model(), image, {visible!r}, images.train, seed={seed})",
        module="label_charts",
    )


def hidden_by_label(key: RunKey, index: int, visible: str, seed: int, own: int) -> str:
    """Return code that estimates log p(hidden | visible, label) of a test image for each label."""
    return _code(
        f"by_label(shown.log_p.numpy(), shown.error.numpy(), run.card().description.classes, {P_HIDDEN!r}, {own})",
        f"{key.name}-hidden-by-label",
        "find, label_posterior",
        f"run = find({key.name!r})",
        f"shown = label_posterior.hidden_by_label(run.model(), run.images().test, {index}, {visible!r}, seed={seed})",
        module="label_charts",
    )


def places(
    key: RunKey,
    layout: Layout,
    drawn: int | None = None,
    seed: int | None = None,
    ringed: int | None = None,
    picked: int | None = None,
) -> str:
    """Return code that computes a map's points, or projects `drawn` draws each from the posteriors and the prior."""
    kept, marked = maps.kept_as(key, layout), "" if picked is None else f", picked={picked}"
    file, chart = f"{key.name}-{layout.method}", f"embedding_map(embedding, data, {ringed}{marked})"
    lines = [
        f"run = find({key.name!r})",
        "data = run.card().description",
        f"embedding = latent_space.stored_embedding(run, latent_space.{kept!r})",
    ]
    project = f"project = latent_space.projection(embedding.z, {layout.dimensions})"
    if drawn is not None:
        file, chart = f"{file}-draws-{seed}", f"embedding_map(means, data, {ringed}, prior=shown[1]{marked})"
        rows = f"embedding.indices[:{drawn}], embedding.labels[:{drawn}]"
        lines += [
            project,
            f"drawn = latent_space.draws(run.model(), run.images().test, torch.arange({drawn}), seed={seed})",
            "shown = project(drawn.posterior), project(drawn.prior)",
            f"means = latent_space.Embedding({rows}, drawn.posterior, shown[0])",
        ]
    elif kept != layout:
        moved = "embedding = latent_space.Embedding(embedding.indices, embedding.labels, embedding.z, shown)"
        lines += [project, "shown = project(embedding.z)", moved]
    else:
        lines.append("shown = embedding.coordinates")
    return _code(chart, file, "find, latent_space", *lines, module="map_chart")


def _code(chart: str, file: str, names: str, *lines: str, module: str = "plotly_charts") -> str:
    """Return `lines` after the imports, including `names` from the public interface, and before the drawing of the chart."""
    imports = ["import torch"] if any("torch." in line for line in lines) else []
    imports.append(f"from app.charts import {module} as charts")
    if names:
        imports.append(f"from cvae_core import {names}")
    return "\n".join([*imports, "", *lines, f"figure = charts.{chart}", f"figure.write_html({file + '.html'!r})", ""])
