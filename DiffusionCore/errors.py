"""What can go wrong: one class per exit code, each raised with one sentence that says what is wrong and what to do."""

import traceback
from pathlib import Path


class DiffusionCoreError(Exception):
    """Base of every error that a user can mend; `exit_code` is what the command line returns."""

    exit_code = 70


class PartialFailure(DiffusionCoreError):
    """Some of many scans failed; the others are done."""

    exit_code = 1


class UsageError(DiffusionCoreError, ValueError):
    """An option or argument is outside its range or does not go with another."""

    exit_code = 2


class InputError(DiffusionCoreError):
    """A scan cannot be read, or is not something that can be worked on."""

    exit_code = 3


class ModelError(DiffusionCoreError):
    """A model is missing, damaged, or does not fit the request."""

    exit_code = 4


class OutputError(DiffusionCoreError):
    """A result cannot be written; nothing was written."""

    exit_code = 5


class DeviceError(DiffusionCoreError):
    """A computing device is absent or out of memory."""

    exit_code = 6


class Refused(DiffusionCoreError):
    """The input is outside what the model is valid for; `--force` goes on all the same."""

    exit_code = 7


class Cancelled(DiffusionCoreError):
    """The user asked to stop; nothing was written."""

    exit_code = 130


def code_places(error: BaseException) -> list[str]:
    """Where in the code an unexpected error arose, call by call: what a log may hold, as no value of a scan is in it."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
