"""What can go wrong by somebody's hand, each as one sentence that says what was wrong and what to do.

The command line prints the sentence and exits with code 2; a page shows it in place of the picture.
"""


class LabError(Exception):
    """Stand for every mistake or misfortune that the lab explains in one sentence."""


class ConfigError(LabError):
    """Say which setting cannot be, which value it had and what may stand there."""


class DataMissing(LabError):
    """Say which data set is not on this machine and how to get it."""


class DataDamaged(LabError):
    """Say which file of a data set is not what it should be and how to replace it."""


class ImagesRefused(LabError):
    """Say what is wrong with images that a model is to be given, and how to bring them into shape."""


class RunNotFound(LabError):
    """Say which run does not exist, which do, and how to train it."""


class RunDamaged(LabError):
    """Say which file of a run does not match its digest or cannot be read."""


class RunInUse(LabError):
    """Say that a run's name belongs to another configuration or to a process at work."""


class ReadOnlyRun(LabError):
    """Say that a pretrained run is not to be changed, and what to do instead."""


class NotWritable(LabError):
    """Say which file or folder could not be written and why."""


class ArchiveRefused(LabError):
    """Say what is wrong with an archive that is to be a run, or why a run is not to be made into one."""


class NotStarted(LabError):
    """Say why a training that was asked for did not start."""


class Interrupted(LabError):
    """Say that a training was asked to stop and how to go on."""


class Diverged(LabError):
    """Say that a training left the finite numbers, and what to change."""


class ExtraMissing(LabError):
    """Say which optional packages something needs and the command that installs them."""
