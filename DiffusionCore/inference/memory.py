"""How much memory may be used: what is free on a device, and what a person writes as '6G'."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

import torch

from ..errors import UsageError

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
SIZES = ("bytes", "KB", "MB", "GB")
RESERVE = 0.85  # of what is free: the rest is for the system, for fragments and for what the estimate leaves out


def parse_memory(text: str | int) -> int:
    """'6G', '800M', '6.5 GiB' or a number of bytes -> bytes (units of 1024). Raises `UsageError`."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", str(text), re.IGNORECASE)
    if found is None or float(found[1]) <= 0:
        raise UsageError(f"--memory must be a size such as 6G or 800M, got {text!r}")
    return int(float(found[1]) * UNITS[found[2].upper()])


def in_words(size: float) -> str:
    """Bytes for a person: 6.5 GB (units of 1024, as `parse_memory` reads them)."""
    power = 0
    while size >= 1000 and power < 3:
        size, power = size / 1024, power + 1
    return f"{size:.0f} {SIZES[power]}" if size >= 10 or power == 0 else f"{size:.1f} {SIZES[power]}"


def free_memory(device: torch.device) -> int:
    """Bytes that a job may take on `device`: what is free now, less a reserve."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        unused_cache = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(RESERVE * (free + unused_cache))
    if device.type == "mps":
        return int(RESERVE * (torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()))
    return int(RESERVE * free_host_memory())


def free_host_memory(root: Path = Path("/")) -> int:
    """Free main memory in bytes: the system's, or what the container (cgroup v1 or v2) leaves of its limit if less."""
    if sys.platform == "win32":
        return _free_windows()
    meminfo = root / "proc/meminfo"
    if not meminfo.is_file():  # macOS keeps no such count: half of what is built in is a fair guess
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    free = int(fields.get("MemAvailable", fields["MemFree"]).split()[0]) * 1024
    left = [_left_in_group(folder, names) for folder, names in _memory_groups(root)]
    return min([free, *(size for size in left if size is not None)])


def _memory_groups(root: Path) -> list[tuple[Path, tuple[str, str, str]]]:
    """The memory control groups this process is in, from its own up to the root, with their files' names."""
    membership = root / "proc/self/cgroup"
    lines = membership.read_text().splitlines() if membership.is_file() else []
    groups = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = base / path.lstrip("/")
        while True:
            groups.append((folder, names))
            if folder == base or base not in folder.parents:
                break
            folder = folder.parent
    return groups


def _left_in_group(folder: Path, names: tuple[str, str, str]) -> int | None:
    """Bytes left under one group's limit; the file cache that can be dropped counts as free. None: no limit."""
    limit, usage, cache = names
    try:
        allowed = (folder / limit).read_text().strip()
        if allowed == "max":
            return None
        used = int((folder / usage).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(int(allowed) - used + int(stat.get(cache, 0)), 0)
    except (OSError, ValueError):
        return None


def _free_windows() -> int:
    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *[
                (name, ctypes.c_ulonglong)
                for name in ("total", "free", "total_page", "free_page", "total_virtual", "free_virtual", "extended")
            ],
        ]

    status = Status(length=ctypes.sizeof(Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.free)
