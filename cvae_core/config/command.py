"""Build the command that repeats a training."""

from dataclasses import fields

from cvae_core.config.flavours import DEFAULT_PRESET, Config
from cvae_core.config.of_data_set import FACTS
from cvae_core.config.presets import PRESETS, usual


def train_command(config: Config, run: str, *flags: str) -> str:
    """Return the command that trains a configuration, with the run's name and other flags.

    The command states each setting that differs from the preset, and each preset setting that was adapted to the size of
    the data set. The command therefore has the same meaning wherever it is run.

    >>> from cvae_core.config.presets import configure
    >>> train_command(configure("label", latent=2), "label-2d")
    'python -m cvae_core train label --latent 2 --run label-2d'
    >>> train_command(configure("vae", dataset="digits"), "digits-vae")
    'python -m cvae_core train vae --dataset digits --width 128 --shifts 0.5 --epochs 150 --batch-size 64 --warm-up 19'
    """
    return " ".join(["python -m cvae_core", *train_words(config, run, *flags)])


def train_words(config: Config, run: str, *flags: str) -> list[str]:
    """Return the arguments of `python -m cvae_core` that train a configuration, followed by other flags."""
    words = ["train", config.flavour]
    words += [] if config.preset == DEFAULT_PRESET else ["--preset", config.preset]
    known = PRESETS[config.preset][config.flavour], usual(config)
    for name in (f.name for f in fields(config) if f.name not in ("preset", *FACTS)):
        value, flag = getattr(config, name), name.replace("_", "-")
        if any(value != getattr(defaults, name) for defaults in known):
            words += [f"--{flag}", str(value)] if not isinstance(value, bool) else [f"--{'' if value else 'no-'}{flag}"]
    words += [] if run == config.run_name else ["--run", run]
    return [*words, *flags]
