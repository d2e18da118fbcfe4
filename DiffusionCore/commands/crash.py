"""The log of an unexpected error: what was running and where it failed, without the scan's name or content."""

from __future__ import annotations

import platform
import sys
import tempfile

from .. import __version__
from ..errors import code_places


def write_crash_log(error: Exception, command: str) -> str:
    """Write the traceback (code places only, no values) to a new file in the temporary folder; returns its path, or
    what to do instead where even that cannot be written.
    """
    lines = [
        f"diffusioncore {__version__} {command}",
        f"python {sys.version.split()[0]} on {platform.system()} {platform.machine()}",
        type(error).__name__,
        *(f"  {place}" for place in code_places(error)),
    ]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="diffusioncore-", suffix=".log", delete=False, encoding="utf-8"
        ) as file:
            file.write("\n".join(lines) + "\n")
    except OSError:
        return "no log, as none could be written; --verbose shows them"
    return file.name
