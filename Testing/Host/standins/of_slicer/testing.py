"""Stand-in of `slicer.testing`."""

from __future__ import annotations

import sys
import unittest


def exitSuccess() -> None:
    """The test passed."""


def exitFailure(message: str = "") -> None:
    """The test failed."""
    raise Exception(message)


def runUnitTest(path: str | list[str], testname: str) -> None:
    """Run the unit tests of a module, found in these folders, as ctest does in the application."""
    sys.path.extend([path] if isinstance(path, str) else path)
    suite = unittest.TestLoader().loadTestsFromName(testname)
    if not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful():
        exitFailure()
