"""The commands of the classifier: to train it, and to judge runs with it. Calling one runs the command."""

import math
from dataclasses import dataclass
from typing import Annotated

from typing_extensions import Doc
from tyro.conf import Positional

from cvae_core.cli.analyse import ensure_data
from cvae_core.cli.options import InRoot, RunName
from cvae_core.cli.progress import ticking
from cvae_core.config.job import OtherImages
from cvae_core.data import datasets
from cvae_core.data.fingerprints import require_published
from cvae_core.evaluation import attribute_quality, classifier, results, sample_quality
from cvae_core.evaluation.label_posterior import SAMPLES
from cvae_core.jobs import housekeeping
from cvae_core.runs.run import find
from cvae_core.system import files, formats
from cvae_core.system.type_checks import Between, Images


@dataclass(frozen=True, kw_only=True)
class LearnClassifier(InRoot):
    """Train the small classifier that judges the images that runs of a data set generate, and store it with the runs."""

    dataset: Annotated[Positional[str], Doc("data set to train on")] = "mnist"
    other_images: OtherImages = False

    def __call__(self) -> None:
        """Train, print one line per epoch, and store the classifier."""
        ensure_data(self.dataset)
        dataset = datasets.load(self.dataset)
        classifier.require_classes(dataset.description)
        if not self.other_images:
            require_published(self.dataset, dataset.fingerprint)
        files.require_writable(classifier.classifier_path(self.dataset, self.root))
        for learned in classifier.learn(dataset.train, dataset.description):
            if learned.epoch % math.ceil(learned.epochs / classifier.EPOCHS) == 0:
                right = classifier.accuracy(learned.classifier, dataset.validation)
                print(f"epoch {learned.epoch:2}/{learned.epochs}  validation accuracy {right:.2%}", flush=True)
        path = classifier.store_classifier(learned.classifier, dataset, self.root)
        right, chance = classifier.accuracy(learned.classifier, dataset.test), classifier.chance(dataset)
        print(
            f"test accuracy {right:.2%} of {len(dataset.test):,} images ({chance:.2%} by always choosing the most frequent "
            f"class), in {path}"
        )
        for line in classifier.reading_of_attributes(dataset.description, formats.read_tensors(path)[1]):
            print(line)


@dataclass(frozen=True, kw_only=True)
class Judge(InRoot):
    """Let the classifier judge whether a run's images match their condition and vary as much as real images.

    With --visible, judge a label run as a classifier: how often it finds the label of the visible part of a test image.
    """

    run: RunName
    visible: Annotated[str | None, Doc("quadrants from which a label run reads the label; None: judge its images")] = (
        None
    )
    samples: Annotated[int, Between(1, results.MAX_SAMPLES), Doc("draws of z per label, with --visible")] = SAMPLES
    images: Annotated[Images, Doc("score only the first N test images, with --visible")] = sample_quality.PARTS

    def __call__(self) -> None:
        """Judge the images, then store and print the findings."""
        run = find(self.run, self.root)
        with housekeeping.held(run, "judgement"):
            weights, model, dataset = run.weights_digest(), run.model(), run.images()
            reader = classifier.load_classifier(dataset.description, self.root, dataset.fingerprint)
            files.require_writable(run.result_path(sample_quality.RESULTS))
            asked: list[sample_quality.Asked] = []
            with ticking(f"judging {run.name}"):
                if self.visible is None:
                    findings = sample_quality.judge(model, dataset, reader)
                    if attribute_quality.is_measurable(model):
                        asked = attribute_quality.asked_and_measured(model, dataset, reader)
                    findings += attribute_quality.findings(model, dataset, reader, asked)
                else:
                    settings = (self.visible, self.samples, self.images)
                    findings = sample_quality.judge_part(model, dataset, reader, *settings)
            sample_quality.store_judgement(run, findings, weights, attribute_quality.kept(asked))
        for finding in findings:
            beside = "" if finding.reference is None else f"  (real images or chance: {finding.reference:.4f})"
            print(f"{finding.named(dataset.description):62} {finding.value:.4f} of {finding.of:,}{beside}")
