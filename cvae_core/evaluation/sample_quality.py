"""Judge generated digits with an independent classifier: do they show the given label, and vary as much as real ones?"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cvae_core.data import noise
from cvae_core.data.batches import held_out
from cvae_core.data.conditions import labelled
from cvae_core.data.datasets import DataSet, Split
from cvae_core.data.intensities import as_bytes
from cvae_core.errors import ConfigError, RunDamaged
from cvae_core.evaluation.classifier import Classifier, accuracy, classified, learn
from cvae_core.models.build import Completer
from cvae_core.models.conditional_vae import ConditionalVAE, completed
from cvae_core.runs.run import Run
from cvae_core.system import files
from cvae_core.system.type_checks import Between, Images, fits

LOG = logging.getLogger(__name__)
RESULTS = "judgement.json"
PER_LABEL = 1000  # samples to judge
TAUGHT_PER_LABEL = 5000  # samples to train a second classifier on
COMPLETED, COMPLETIONS = 2000, 5  # number of test images, and completions of each
PROBED = 5000  # test images for the linear probe of z; half of them train it
AT_ONCE = 250
Share = Annotated[float, Between(0, 1e6)]  # a share or a ratio


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Hold one measure of a run's digits: a share between 0 and 1, or a ratio."""

    name: str
    value: Share
    of: Images  # number of images measured
    reference: Share | None = None  # the same measure for real images, or the value of chance


def judge(model: ConditionalVAE, data: DataSet, classifier: Classifier, seed: int = 0) -> list[Finding]:
    """Judge a label or quadrant model. Raise ConfigError for other models."""
    if model.config.given == ("label",):
        return _judged_labels(model, data, classifier, seed)
    if model.config.has_baseline:
        return _judged_completions(model, data, classifier, seed)
    raise ConfigError("Only label and quadrant models are judged: other models are not given a digit.")


def generated(model: ConditionalVAE, per_label: int, seed: int, use: str) -> Split:
    """Draw `per_label` digits of every label with z ~ p(z | c), as pixel means in bytes."""
    images = []
    classes = model.config.classes
    for label in range(classes):
        c = labelled(torch.tensor([label]), classes)
        for part, size in enumerate(torch.arange(per_label).split(AT_ONCE)):
            epsilon = noise.normal((len(size), 1, model.latent), seed, use, label, part)
            with torch.no_grad():
                drawn = completed(model.likelihood(model.draw(c, epsilon), c), c)
            images.append(torch.from_numpy(as_bytes(drawn[:, 0])))
    return Split(torch.cat(images), torch.arange(classes).repeat_interleave(per_label))


def readings(classifier: Classifier, completions: np.ndarray) -> np.ndarray:
    """Return the shares (N, classes) of predicted labels among completions (count, N, values) uint8 of N conditions."""
    predicted = classified(classifier, torch.from_numpy(completions).float().flatten(0, 1) / 255)
    return (
        F.one_hot(predicted.unflatten(0, completions.shape[:2]), classifier.output.out_features)
        .double()
        .mean(0)
        .numpy()
    )


def _judged_labels(model: ConditionalVAE, data: DataSet, classifier: Classifier, seed: int) -> list[Finding]:
    drawn = generated(model, PER_LABEL, seed, "judged")
    hits = (classified(classifier, drawn.intensities()) == drawn.labels).double()
    real = accuracy(classifier, data.test)
    found = [
        Finding(name="samples of the digit that was asked for", value=float(hits.mean()), of=len(hits), reference=real)
    ]
    for label in range(model.config.classes):
        own = hits[drawn.labels == label]
        found.append(Finding(name=f"samples of {label} read as {label}", value=float(own.mean()), of=len(own)))
    *_, taught = learn(generated(model, TAUGHT_PER_LABEL, seed, "taught"), data.description)
    found.append(
        Finding(
            name="test accuracy of a classifier that learned from samples alone",
            value=accuracy(taught.classifier, data.test),
            of=len(data.test),
            reference=real,
        )
    )
    value, of = _probe(model, data.test, seed)
    found.append(Finding(name="linear probe of the label in z", value=value, of=of, reference=1 / model.config.classes))
    ratio = float(_spread(drawn) / _spread(data.test))
    found.append(Finding(name="spread within a label, against real digits", value=ratio, of=len(drawn), reference=1.0))
    return found


def _judged_completions(model: ConditionalVAE, data: DataSet, classifier: Classifier, seed: int) -> list[Finding]:
    assert isinstance(model, Completer)
    kept: dict[str, list[Tensor]] = {"samples": [], "best guess (ε = 0)": [], "NN baseline": []}
    count = min(COMPLETED, len(data.test))
    for rows in torch.arange(count).split(AT_ONCE):
        _, c = held_out(model.config, data.test, rows)
        labels = data.test.labels[rows]
        drawn = noise.per_image(rows, COMPLETIONS, model.latent, seed, "judged")
        with torch.no_grad():
            answers = {
                "samples": completed(model.likelihood(model.draw(c, drawn), c), c),
                "best guess (ε = 0)": completed(model.likelihood(model.draw(c, torch.zeros_like(drawn[:1])), c), c),
                "NN baseline": completed(model.baseline.likelihood(model.baseline.draw(c, drawn[:1, :, :0]), c), c),
            }
        for name, images in answers.items():
            predicted = classified(classifier, images.flatten(0, 1)).unflatten(0, images.shape[:2])
            kept[name].append((predicted == labels).flatten().double())
    real = accuracy(classifier, data.test.part(slice(0, count)))
    return [
        Finding(name=f"completions that keep the digit: {name}", value=float(torch.cat(hits).mean()), of=len(torch.cat(hits)),
                reference=real)
        for name, hits in kept.items()
    ]  # fmt: skip


def _probe(model: ConditionalVAE, test: Split, seed: int) -> tuple[float, int]:
    """Return the accuracy of a logistic regression that predicts the label from z, and its number of test images.

    Its input is a draw from q(z | x, c) in base noise. z itself would reveal the label through the mean of a learned prior,
    and posterior means might reveal it through small differences in dimensions that carry no information.
    """
    from sklearn.linear_model import LogisticRegression

    rows, drawn = torch.arange(min(PROBED, len(test))), []
    for part, some in enumerate(rows.split(AT_ONCE)):
        x, c = held_out(model.config, test, some)
        with torch.inference_mode():
            drawn.append(model.infer(x, c, noise.normal((1, len(x), model.latent), seed, "probed", part)).noise[0])
    z = torch.cat(drawn).numpy()
    labels, half = test.labels[rows].numpy(), len(rows) // 2
    probe = LogisticRegression(max_iter=1000).fit(z[:half], labels[:half])
    return float(probe.score(z[half:], labels[half:])), len(rows) - half


def _spread(split: Split) -> Tensor:
    """Return the mean squared distance of images from the mean image of their label, averaged over labels."""
    x = split.intensities().double()
    groups = [x[split.labels == label] for label in split.labels.unique()]
    return torch.stack([(group - group.mean(0)).square().sum(-1).mean() for group in groups]).mean()


def store_judgement(run: Run, findings: Sequence[Finding], weights: str) -> None:
    """Save findings to a run with the digest of its weights. Raise RunInUse if the run's weights have changed."""
    run.require_weights(weights)
    content = {"weights": weights, "findings": [asdict(finding) for finding in findings]}
    files.write_json(path := run.result_path(RESULTS), content)
    run.require_there(path)
    LOG.info("run %s: judged, %d findings", run.name, len(findings))


def stored_judgement(run: Run) -> list[Finding]:
    """Read the findings for a run's current weights. Return an empty list if there are none."""
    weights = run.card().weights
    for path in reversed(run.result_paths(RESULTS)):
        content = files.read_json(path)
        if weights is not None and content.get("weights") == weights.sha256:
            try:
                findings = [Finding(**finding) for finding in content["findings"]]
            except (KeyError, TypeError) as error:
                raise RunDamaged(f"{path} is not of this version of the lab: judge the run again.") from error
            files.require(all(fits(finding, Finding) for finding in findings), path)
            return findings
    return []
