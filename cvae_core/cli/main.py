"""The command line: python -m cvae_core COMMAND …

    train vae|label|label+quadrant|…    train a run or resume one; only one training runs at a time
    queue                               show the running and waiting trainings; move a run to the front, or remove it
    stop RUN                            stop a run that trains or waits
    sweep FILE.toml                     train a grid of runs, one after another
    evaluate RUN                        estimate its conditional log-likelihood and store the results
    table [RUN …]                       print the table of stored results
    embed RUN                           compute a map of its latent space
    classifier [DATASET]                train the classifier that judges generated images
    judge RUN                           let the classifier judge whether a run's images match their condition
    export RUN                          write samples, stages, an archive, an ONNX graph or a TensorBoard log
    import FILE                         import a run from an archive
    rename RUN NEW                      rename a run
    annotate RUN NOTE                   store a note with a run
    discard RUN                         move a run to the bin
    restore [RUN]                       move a run back from the bin; without a name: list the bin
    list                                list the runs
    download DATASET                    download a data set
    data add|make|list|show|remove      make a data set from images, list the data sets, show or remove one

Add --help to a command to show its flags, or --log-level info to log one line for each event. After a mistake of the user, a
command prints one sentence on standard error and exits with code 2.
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
from cvae_core.config.presets import PRESETS
from cvae_core.data import catalogue
from cvae_core.errors import ConfigError, LabError
from cvae_core.jobs import control
from cvae_core.system import logs
from cvae_core.system.printable import Printable

Command = TypeVar("Command", bound=Callable[[], None])
PROGRAM = "python -m cvae_core"
_NO_NUMBER = re.compile(  # tyro's words, also within its list of the types that a flag may have
    r"Error parsing (\S+): .*?(?:(invalid literal for int\(\) with base 10)|could not convert string to float): (.*)"
)
LIGHT: Mapping[str, type[Callable[[], None]]] = {
    "queue": train.Queue,
    "stop": train.Stop,
    "sweep": train.Sweep,
}


def main(arguments: Sequence[str]) -> int:
    """Run a command; return 0, or 2 after one sentence on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper | Printable):  # a terminal that cannot encode − or ± shows ? instead
            stream.reconfigure(errors="replace")
    try:
        _parsed(logs.taken_out(list(arguments)))()
    except BrokenPipeError:  # the reader, for example `head`, has closed the pipe: discard the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (LabError, OSError) as error:
        print(" ".join(_reason(error).split()), file=sys.stderr)
        return 2
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        print("There is not enough memory for this: reduce width, depth, batch or draws.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 2
    return 0


def _reason(error: LabError | OSError) -> str:
    """Return the message of an error of the lab, or a sentence about an unexpected error of the operating system."""
    if isinstance(error, LabError) or not error.strerror:
        return str(error)
    what = error.filename or "a file"
    return f"The system cannot access {what} ({error.strerror}): free disk space, or choose another path."


def _parsed(words: list[str]) -> Callable[[], None]:
    """Return the command object for the words of a command line."""
    if not words or words[0] in ("-h", "--help"):
        return lambda: print(__doc__)
    name, *rest = words
    if name == "train":
        return _parsed_training(rest)
    if name == "data":
        return _parsed_data(rest)
    known = LIGHT if name in LIGHT else {**_heavy(), **LIGHT}
    if name not in known:
        raise ConfigError(f"Unknown command {name!r}: choose train, {', '.join(known)}, data, or --help.")
    return _arguments(known[name], rest, f"{PROGRAM} {name}")


def _heavy() -> Mapping[str, type[Callable[[], None]]]:
    """Import and return the commands that need torch, which a training that waits in the queue must not import."""
    from cvae_core.cli import analyse, judge, show, tidy

    return {
        "evaluate": analyse.Evaluate,
        "table": show.Table,
        "embed": analyse.Embed,
        "classifier": judge.LearnClassifier,
        "judge": judge.Judge,
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
        told = "A flavour says what the model is given. Add --help to it to show its flags."
        return lambda: print(f"{PROGRAM} train {'|'.join(flavours)} …\n{told}")
    if not words or words[0] not in flavours:
        given = f", not {words[0]!r}" if words else ""
        raise ConfigError(f"The first argument of train must be a flavour: {', '.join(flavours)}{given}.")
    flavour, *rest = words
    preset = _given(rest, "preset", PRESETS, DEFAULT_PRESET)
    dataset = _given(rest, "dataset", None, Config.dataset)
    defaults = catalogue.configured(flavour, preset, dataset=dataset)  # type: ignore[arg-type]
    kind: Any = train.Train[type(defaults)]  # type: ignore[misc]
    program, usual = f"{PROGRAM} train {flavour}", train.Train(config=defaults)
    training = _arguments(kind, rest, program, usual)
    if training.resume and (before := control.begun_with(training.root, training.name).flags):
        return _arguments(kind, [*before, *rest], program, usual)  # the new flags override the stored ones
    return training


def _parsed_data(words: list[str]) -> Callable[[], None]:
    from cvae_core.cli import data

    if not words or words[0] in ("-h", "--help"):
        return lambda: print(data.OVERVIEW)
    kind, rest, name = data.chosen(words)
    return _arguments(kind, rest, f"{PROGRAM} {name}")


def _given(words: Sequence[str], flag: str, known: Collection[str] | None, usual: str) -> str:
    """Find a flag's value before the others are parsed, because their defaults and help depend on it."""
    found = re.findall(rf"(?:^|\s)--{flag}[\s=](\S+)", " ".join(words))
    return found[-1] if found and (known is None or found[-1] in known) else usual


def _arguments(kind: type[Command], words: list[str], program: str, default: Command | None = None) -> Command:
    """Parse flags; turn tyro's boxed error message into one sentence."""
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
    """Return the text of tyro's error message, without its frame, title and hints."""
    groups: list[list[str]] = [[]]
    for line in box.splitlines():
        text = line.strip(" │|")
        if text.startswith(("╭", "╰", "──", "--")) and not text.strip("╭╮╰╯─-").strip().startswith("-"):
            groups.append([])
        elif text:
            groups[-1].append(text)
    told = [group for group in groups if group]
    first = 0 if "╭" in box else 1  # without a frame, the first group is the title
    text = " ".join(" ".join(told[min(first, len(told) - 1)]).split()).rstrip(".")
    if wrong := _NO_NUMBER.fullmatch(text):
        flag, whole, given = wrong.groups()
        return f"{flag} cannot be {given}: it must be a {'whole ' if whole else ''}number."
    return f"{text}."
