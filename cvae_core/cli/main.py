"""The command line: python -m cvae_core COMMAND …

    train vae|label|quadrant|baseline   train a run, or go on with one, when nothing else trains
    queue                               show what trains and what waits; put a run first, or take it out
    stop RUN                            stop a run that trains or waits
    sweep FILE.toml                     train a grid of runs, one after another
    evaluate RUN                        estimate its conditional log-likelihoods and store them
    table [RUN …]                       print the table of stored results
    embed RUN                           lay its latent space out as a map
    classifier [DATASET]                train the classifier that judges generated digits
    judge RUN                           let it say whether a run's digits are what was asked for
    export RUN                          write samples, stages, an archive, an ONNX graph, a TensorBoard log
    import FILE                         take in a run that somebody else exported
    rename RUN NEW                      give a run another name
    annotate RUN NOTE                   keep a note with a run
    discard RUN                         put a run into the bin
    restore [RUN]                       take it out again; without a name: show what is in the bin
    list                                show the runs that are there
    download DATASET                    fetch a data set

Add --help to any of them, or --log-level info for a line about each event that matters. What goes wrong by a user's hand is
one sentence on standard error and exit code 2.
"""

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar, get_args

import tyro

from cvae_core.cli import train
from cvae_core.config.flavours import DEFAULT_PRESET, Config, Flavour
from cvae_core.config.presets import PRESETS, TRAINING_IMAGES, preset_of
from cvae_core.errors import ConfigError, LabError
from cvae_core.jobs import control
from cvae_core.system import logs
from cvae_core.system.printable import Printable

Command = TypeVar("Command", bound=Callable[[], None])
PROGRAM = "python -m cvae_core"
LIGHT: Mapping[str, type[Callable[[], None]]] = {
    "queue": train.Queue,
    "stop": train.Stop,
    "sweep": train.Sweep,
}


def main(arguments: Sequence[str]) -> int:
    """Run a command; return 0, or 2 after one sentence on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper | Printable):  # a terminal without − or ± shows ? for them and goes on
            stream.reconfigure(errors="replace")
    try:
        _parsed(logs.taken_out(list(arguments)))()
    except BrokenPipeError:  # the reader, `head` say, has seen enough; nothing more can be told to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (LabError, OSError) as error:
        print(" ".join(_reason(error).split()), file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        print(
            "This machine has not enough memory for that: make width, depth, batch or draws smaller.", file=sys.stderr
        )
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 2
    return 0


def _reason(error: LabError | OSError) -> str:
    """Return the sentence of what went wrong: of the lab, or of the system where nobody expected it to refuse something."""
    if isinstance(error, LabError) or not error.strerror:
        return str(error)
    what = error.filename or "to read or write"
    return f"The system refuses {what} ({error.strerror}): make room, or choose another place."


def _parsed(words: list[str]) -> Callable[[], None]:
    """Turn words into the command object that they ask for."""
    if not words or words[0] in ("-h", "--help"):
        return lambda: print(__doc__)
    name, *rest = words
    if name == "train":
        return _parsed_training(rest)
    known = LIGHT if name in LIGHT else {**_heavy(), **LIGHT}
    if name not in known:
        raise ConfigError(f"There is no command {name!r}: give train, {', '.join(known)}, or --help.")
    return _arguments(known[name], rest, f"{PROGRAM} {name}")


def _heavy() -> Mapping[str, type[Callable[[], None]]]:
    """Return the commands that need torch; a training that waits its turn must not have imported it."""
    from cvae_core.cli import analyse, show, tidy

    return {
        "evaluate": analyse.Evaluate,
        "table": show.Table,
        "embed": analyse.Embed,
        "classifier": analyse.LearnClassifier,
        "judge": analyse.Judge,
        "export": show.Export,
        "import": analyse.Import,
        "rename": tidy.Rename,
        "annotate": tidy.Annotate,
        "discard": tidy.Discard,
        "restore": tidy.Restore,
        "list": show.List,
        "download": analyse.Download,
    }


def _parsed_training(words: list[str]) -> Callable[[], None]:
    flavours = get_args(Flavour)
    if words and words[0] in ("-h", "--help"):
        return lambda: print(f"{PROGRAM} train {'|'.join(flavours)} …, with --help for the flags of each")
    if not words or words[0] not in flavours:
        given = f", not {words[0]!r}" if words else ""
        raise ConfigError(f"What to train comes first: {', '.join(flavours)}{given}.")
    flavour, *rest = words
    preset = _given(rest, "preset", PRESETS, DEFAULT_PRESET)
    dataset = _given(rest, "dataset", TRAINING_IMAGES, Config.dataset)
    defaults = preset_of(flavour, preset, dataset)  # type: ignore[arg-type]
    kind: Any = train.Train[type(defaults)]  # type: ignore[misc]
    program, usual = f"{PROGRAM} train {flavour}", train.Train(config=defaults)
    training = _arguments(kind, rest, program, usual)
    if training.resume and (before := control.begun_with(training.root, training.name).flags):
        return _arguments(kind, [*before, *rest], program, usual)  # what is given anew comes last, and holds
    return training


def _given(words: Sequence[str], flag: str, known: Collection[str], usual: str) -> str:
    """Find a flag's value before all else is parsed, as the other defaults, and their help, come from it."""
    found = re.findall(rf"(?:^|\s)--{flag}[\s=](\S+)", " ".join(words))
    return found[-1] if found and found[-1] in known else usual


def _arguments(kind: type[Command], words: list[str], program: str, default: Command | None = None) -> Command:
    """Parse flags, turning tyro's boxed complaint into one sentence."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            if default is None:
                return tyro.cli(kind, args=words, prog=program)
            return tyro.cli(kind, args=words, prog=program, default=default)
    except SystemExit as leave:
        if not leave.code:
            raise
        raise ConfigError(f"{_sentence(complaint.getvalue())} See {program} --help.") from None


def _sentence(box: str) -> str:
    """Return what tyro complains of, without its frame, title and hints."""
    groups: list[list[str]] = [[]]
    for line in box.splitlines():
        text = line.strip(" │|")
        if text.startswith(("╭", "╰", "──", "--")) and not text.strip("╭╮╰╯─-").strip().startswith("-"):
            groups.append([])
        elif text:
            groups[-1].append(text)
    told = [group for group in groups if group]
    first = 0 if "╭" in box else 1  # a plain terminal has the title on a line of its own
    return " ".join(" ".join(told[min(first, len(told) - 1)]).split()).rstrip(".") + "."
