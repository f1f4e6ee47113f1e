"""A training as data: configuration, run name and options. Imports no torch.

The command is generated from these and never parsed, with one exception: the card of an older version has no options, and
`options_of` looks for --no-embed and --device in its command.
"""

import itertools
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from typing_extensions import Doc

from cvae_core.config.command import train_words
from cvae_core.config.flavours import Config, from_json
from cvae_core.errors import ConfigError
from cvae_core.system.folders import in_root, require_name
from cvae_core.system.type_checks import Between, Device, fits, require_fitting

Threads = Annotated[int, Between(1, 1024)]
OnDevice = Annotated[Device, Doc("device to compute on; auto: a GPU if available")]


OtherImages = Annotated[bool, Doc("train even if the local images of a data set differ from the published images")]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Hold the settings of a training that do not belong to the model. A resumed training reuses them."""

    embed: Annotated[bool, Doc("compute a t-SNE layout of the latent space at the end: about 15 s for MNIST")] = True
    device: OnDevice = "auto"
    threads: Annotated[Threads | None, Doc("number of threads; None: one per core, or as before with --resume")] = None
    other_images: OtherImages = False

    def __post_init__(self) -> None:
        require_fitting(self)

    @property
    def flags(self) -> list[str]:
        """Return the flags of `train` that set these options.

        >>> Options(embed=False, threads=1).flags
        ['--no-embed', '--threads', '1']
        """
        embed = [] if self.embed else ["--no-embed"]
        device = [] if self.device == Options.device else ["--device", self.device]
        threads = [] if self.threads is None else ["--threads", str(self.threads)]
        return [*embed, *device, *threads, *(["--other-images"] if self.other_images else [])]


USUAL = Options()


@dataclass(frozen=True, kw_only=True)
class Job:
    """Describe one training completely. The root of runs is not stored: the caller passes it."""

    run: str
    config: Config
    options: Options = USUAL
    resume: bool = False
    processes: int = 1

    def __post_init__(self) -> None:
        require_name(self.run)

    @property
    def words(self) -> list[str]:
        """Return the arguments of `python -m cvae_core` that start the training in the default root."""
        return train_words(self.config, self.run, *self.options.flags, *(["--resume"] if self.resume else []))

    def command(self, root: Path, *, force: bool = False) -> str:
        """Return the command that starts the training, for display. `force` replaces an existing run of this name.

        The number of processes stays the same on resume, so that sums round identically.

        >>> from cvae_core.config.presets import configure
        >>> Job(run="label", config=configure("label"), resume=True, processes=2).command(Path("runs"))
        'torchrun --nproc-per-node 2 -m -- cvae_core train label --resume --root runs'
        """
        program = f"torchrun --nproc-per-node {self.processes} -m --" if self.processes > 1 else "python -m"
        return in_root(f"{program} cvae_core {shlex.join([*self.words, *(['--force'] if force else [])])}", root)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON that `job_from_json` reads."""
        return {**asdict(self), "config": self.config.to_json()}


def job_from_json(content: Mapping[str, Any]) -> Job:
    """Rebuild the training that `to_json` wrote; raise ConfigError if the content is invalid."""
    try:
        job = Job(**{**content, "config": from_json(content["config"]), "options": Options(**content["options"])})
        if not fits(job, Job):
            raise TypeError("other values")
        return job
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError("The description of the training is not of this version of the lab.") from error


def options_of(card: Mapping[str, Any]) -> Options:
    """Return the options in a card's JSON. For an older card, look for known flags in its command."""
    if "options" in card:
        return Options(**card["options"])
    words = str(card.get("command", "")).split()
    device = next((name for name in ("cpu", "cuda") if ("--device", name) in itertools.pairwise(words)), "auto")
    return Options(embed="--no-embed" not in words, device=device)  # type: ignore[arg-type]
