"""Main memory that is handed from one layer to the next without going back to the system in between."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Iterator

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # mallopt's numbers for them
ALL = 2**31 - 1
USUAL_MMAP = 32 << 20  # what glibc's own adjustment comes to in a process that uses large blocks
USUAL_TRIM = 2 * USUAL_MMAP
_turn = threading.Lock()
_inside = 0  # blocks that run now, in this thread or another


@contextlib.contextmanager
def reused_memory() -> Iterator[None]:
    """While the block runs, freed memory stays with the process; at the end of the outermost it goes back to the system.

    glibc gives each large block back when it is freed. The next layer then takes new pages, which the system first has to
    find and fill with zeros: up to a third of a pass over a large scan. Nothing is changed where there is no glibc.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    _enter(libc)
    try:
        yield
    finally:
        _leave(libc)


def _enter(libc: ctypes.CDLL) -> None:
    global _inside
    with _turn:
        _inside += 1
        libc.mallopt(MMAP_THRESHOLD, ALL)
        libc.mallopt(TRIM_THRESHOLD, ALL)


def _leave(libc: ctypes.CDLL) -> None:
    global _inside
    with _turn:
        _inside -= 1
        if not _inside:
            libc.mallopt(MMAP_THRESHOLD, USUAL_MMAP)
            libc.mallopt(TRIM_THRESHOLD, USUAL_TRIM)
            libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
