"""The private folder that voxels go through: only its user may look into it, and it goes when the worker goes."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from ..errors import OutputError
from ..volume.atomic import remove_stale, temporary_beside


class PrivateFolder:
    """A folder of mode 0700 below `parent` (default: the system's temporary folder). Raises `OutputError`.

    Its name is that of a temporary of this process, so that the next worker removes it if this one is killed.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = (parent or Path(tempfile.gettempdir())).absolute()
        remove_stale(parent)
        self.path = temporary_beside(parent / f"worker-{os.urandom(4).hex()}")
        try:
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise OutputError(f"no folder for voxels can be made in {parent}: {error.strerror or error}") from None
        self._to_remove: set[str] = set()
        self._count = 0

    def new_name(self) -> str:
        """A name for a result's file, never given before."""
        self._count += 1
        return f"out-{self._count}.npy"

    def discard(self, *names: str) -> None:
        """Remove files; one that Windows keeps because it is still mapped goes at the next call."""
        self._to_remove.update(names)
        for name in tuple(self._to_remove):
            try:
                (self.path / name).unlink(missing_ok=True)
            except PermissionError:
                continue
            except OSError:  # an asker may have put anything there; it goes with the folder
                pass
            self._to_remove.discard(name)

    def touch(self) -> None:
        """Show that the folder is in use: what nobody touches for a day counts as left over."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def remove(self) -> None:
        """The folder with all that is in it; may be called twice."""
        shutil.rmtree(self.path, ignore_errors=True)
