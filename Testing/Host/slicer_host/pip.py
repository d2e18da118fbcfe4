"""What is installed in the imagined Python of Slicer: a test says so, and sees what was asked to be installed."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass, field
from functools import cache

from packaging.requirements import Requirement
from packaging.version import Version


@dataclass
class Pip:
    """`missing` names are as if not installed; `fails_with` is the exit code of the next installations, 0 for success."""

    missing: set[str] = field(default_factory=set)
    fails_with: int = 0
    installed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    in_progress: bool = False

    def satisfied(self, one: Requirement) -> bool:
        """Whether the package is there in a version that fits."""
        if one.marker is not None and not one.marker.evaluate():
            return True
        if one.name.lower() in {name.lower() for name in self.missing}:
            return False
        try:
            return one.specifier.contains(Version(importlib.metadata.version(one.name)), prereleases=True)
        except importlib.metadata.PackageNotFoundError:
            return False

    def install(self, wanted: list[Requirement], skipped: list[str]) -> int:
        """Exit code; on success the packages are no longer missing."""
        if self.fails_with:
            return self.fails_with
        self.installed += [str(one) for one in wanted]
        self.skipped += skipped
        names = {one.name.lower() for one in wanted}
        self.missing = {name for name in self.missing if name.lower() not in names}
        return 0

    def uninstall(self, wanted: list[Requirement]) -> None:
        """The packages are missing from now on."""
        self.missing |= {one.name for one in wanted}

    def reset(self) -> None:
        """As if nothing had been asked."""
        self.__init__()


@cache
def record() -> Pip:
    """The one record of this process."""
    return Pip()
