"""How much memory a scan may still take, asked of the operating system without any third party."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def free_memory() -> int | None:
    """Bytes that can be allocated without swapping, within this process's container; None where nobody can tell.

    On macOS the physical memory stands for it: what is free is not told without a third party.
    """
    if sys.platform == "win32":
        return _free_on_windows()
    known = [value for value in (_available_on_linux(), _left_in_container()) if value is not None]
    if known:
        return max(min(known), 0)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _available_on_linux() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None


def _left_in_container() -> int | None:
    """What the control group (version 2, then 1) leaves; cached file pages count as free."""
    root = Path("/sys/fs/cgroup")
    for limit, used, cached in (
        (root / "memory.max", root / "memory.current", root / "memory.stat"),
        (
            root / "memory/memory.limit_in_bytes",
            root / "memory/memory.usage_in_bytes",
            root / "memory/memory.stat",
        ),
    ):
        try:
            left = int(limit.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii"))
            lines = cached.read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
        return left + sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    return None


def _free_on_windows() -> int | None:
    import ctypes

    class MemoryStatus(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *(
                (name, ctypes.c_ulonglong)
                for name in (
                    "total",
                    "available",
                    "page_total",
                    "page_free",
                    "virtual_total",
                    "virtual_free",
                    "extended",
                )
            ),
        )

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]
        return None
    return int(status.available)
