"""What the images on the page Generate are given: a label or all labels, and attributes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.cached import runs
from app.cached.runs import RunKey
from app.live import attribute_sliders
from app.widgets import labels


@dataclass(frozen=True)
class Given:
    """The label of a run's images, or None for all labels, and their attributes that are given.

    Without a label in the condition, the label is 0 and has no effect.
    """

    key: RunKey
    label: int | None
    attributes: Mapping[str, float | str]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the attributes as a setting of a recipe."""
        return {"attributes": dict(self.attributes)} if self.attributes else {}

    @property
    def labelled(self) -> bool:
        """Return whether the label is a part of the condition."""
        return "label" in runs.config(self.key).given

    @property
    def can_be_asked(self) -> bool:
        """Return whether attributes are a part of the condition."""
        return bool(runs.config(self.key).attributes)

    @property
    def words(self) -> str:
        """Return what is given as a text without escapes, for captions and alternative texts."""
        asked = attribute_sliders.described(self.attributes)
        if not self.labelled:
            return asked or "no attribute given"
        word = labels.ALL if self.label is None else runs.description(self.key).classes[self.label]
        return f"label {word}, {asked}" if asked else f"label {word}"

    @property
    def rows(self) -> tuple[int, ...]:
        """Return the labels of a picture with a row for each: one, or as many as a picture shows."""
        return labels.of_run(self.key) if self.label is None else (self.label,)

    def with_label(self) -> "Given":
        """Return the same with one label: the default, if all are chosen."""
        return self if self.label is not None else replace(self, label=labels.usual(runs.description(self.key)))


def choose(key: RunKey, *, in_browser: bool) -> Given:
    """Let the visitor choose a label, if a run is given one, and attributes, unless live sliders hold these."""
    config = runs.config(key)
    label = labels.label_or_all(runs.description(key)) if "label" in config.given else 0
    return Given(key, label, attribute_sliders.chosen(config, in_browser=in_browser))


def choices() -> dict[str, RunKey]:
    """Return the runs whose images can be asked for by a label, by attributes or by both, the run "label" first."""
    found = {name: key for name, key in runs.run_keys().items() if _is_asked(key)}
    return dict(sorted(found.items(), key=lambda item: item[0] != "label"))


def _is_asked(key: RunKey) -> bool:
    config = runs.config(key)
    return bool(config.given) and not config.reads_images
