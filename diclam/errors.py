"""The mistakes a person can make. Each message says what was expected, what came and what to do.

The command line prints them without a traceback and exits with 2; the app shows them as a message.
Everything else that is raised is a bug and keeps its traceback.

    DiclamError (ValueError)
    ├── DataError         the data set cannot be found, fetched or trusted
    ├── PictureError      a picture that cannot be read or has the wrong shape
    ├── CheckpointError   a folder that does not rebuild a model or an evaluation
    ├── ConfigError       a setting out of its range, or one that does not exist
    └── RunError          a training run that cannot be started, found or read
"""


class DiclamError(ValueError):
    """Base of all errors that are shown to a person as they are."""


class DataError(DiclamError):
    """The data set cannot be found, fetched or trusted."""


class PictureError(DiclamError):
    """A picture that cannot be read, is too large, or has the wrong shape."""


class CheckpointError(DiclamError):
    """A folder that does not rebuild a model or an evaluation."""


class ConfigError(DiclamError):
    """A setting out of its range, or one that does not exist."""


class RunError(DiclamError):
    """A training run that cannot be started, found or read."""
