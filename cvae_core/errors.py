"""Exceptions for expected errors. Each message states what was wrong and what to do.

The command line prints the message and exits with code 2. A page shows it in place of the picture.
"""


class LabError(Exception):
    """Base class of the errors that the lab explains in its own words."""


class ConfigError(LabError):
    """A setting has an invalid value. The message names the setting, its value and the valid values."""


class DataMissing(LabError):
    """A data set is not on this machine. The message states how to get it."""


class DataDamaged(LabError):
    """A file of a data set has unexpected content. The message states how to replace it."""


class ImagesRefused(ConfigError):
    """Images are not a valid input of a model. The message states how to convert them."""


class SourceRefused(LabError):
    """A source of images cannot become a data set. The message states why and what to change."""


class RunNotFound(LabError):
    """A run does not exist. The message lists the existing runs and states how to train the missing one."""


class RunDamaged(LabError):
    """A file of a run does not match its digest or cannot be read."""


class RunInUse(LabError):
    """A run's name is used by another configuration or by a running process."""


class ReadOnlyRun(LabError):
    """A pretrained run must not be changed. The message states what to do instead."""


class NotWritable(LabError):
    """A file or folder could not be written. The message states why."""


class ArchiveRefused(LabError):
    """An archive cannot be imported as a run, or a run cannot be exported as an archive."""


class NotStarted(LabError):
    """A training did not start. The message states why."""


class Interrupted(LabError):
    """A training was stopped on request. The message states how to resume it."""


class Diverged(LabError):
    """A training diverged: a value is no longer finite. The message states which setting to change."""


class ExtraMissing(LabError):
    """An optional package is missing. The message gives the command that installs it."""
