"""What this process holds and what it started, to be compared before and after: nothing may grow. Linux: /proc is read."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import slicer

PAGES = os.sysconf("SC_PAGE_SIZE") / 2**20  # MiB of a page
PROCESSES = Path("/proc")


@dataclass(frozen=True)
class Left:
    """Open handles, processes below this one, files in the temporary folder, nodes of the scene, resident MiB."""

    handles: int
    processes: int
    files: int
    nodes: int
    memory: float


def left() -> Left:
    """What there is now."""
    return Left(
        handles=len(list((PROCESSES / "self" / "fd").iterdir())),
        processes=len(descendants(os.getpid())),
        files=sum(1 for path in Path(tempfile.gettempdir()).rglob("*") if path.is_file()),
        nodes=slicer.mrmlScene.GetNumberOfNodes(),
        memory=memory_of(os.getpid()),
    )


def memory_of(pid: int) -> float:
    """MiB of main memory that a process holds."""
    return int((PROCESSES / str(pid) / "statm").read_text().split()[1]) * PAGES


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those that they started; one that ended and is not yet reaped counts."""
    parents = {}
    for process in PROCESSES.iterdir():
        if process.name.isdigit():
            fields = _fields(int(process.name))
            if fields:
                parents[int(process.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def is_running(pid: int) -> bool:
    """Whether a process computes: one that ended and is not yet reaped does not."""
    fields = _fields(pid)
    return bool(fields) and fields[0] != "Z"


def any_in_group(group: int) -> bool:
    """Whether a process of a group runs."""
    every = [_fields(int(process.name)) for process in PROCESSES.iterdir() if process.name.isdigit()]
    return any(int(fields[2]) == group and fields[0] != "Z" for fields in every if fields)


def _fields(pid: int) -> list[str]:
    """State, parent, group, ... of a process; empty if it is gone."""
    try:
        return (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
