"""What Slicer's and CTK's own classes offer to Python: the facts that stand-ins are held to (`collect_facts.py` wrote them)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

Arities = tuple[tuple[int, int], ...]
# What Slicer adds to its classes for Python beside their own: qSlicerBaseQTCore- and qSlicerBaseQTGUIPythonQtDecorators.h.
DECORATORS: dict[str, dict[str, Arities]] = {
    "qSlicerCoreApplication": {"testingEnabled": ((0, 0),), "sendEvent": ((2, 2),), "processEvents": ((0, 0),)},
    "qSlicerAbstractModule": {"widgetRepresentation": ((0, 0),), "createNewWidgetRepresentation": ((0, 0),)},
    "qSlicerAbstractModuleWidget": {"module": ((0, 0),)},
}


class NotInHost(NotImplementedError):
    """Slicer has this; the test host does not. Add it to the host, after looking how the real one behaves."""


@cache
def all_facts() -> dict[str, dict]:
    """Facts of every class, by name."""
    return json.loads(Path(__file__).with_name("facts.json").read_text(encoding="ascii"))


def is_slicer_class(name: str) -> bool:
    """Whether Slicer or CTK has a class of this name that Python sees."""
    return name in all_facts()


@cache
def lineage(name: str) -> tuple[str, ...]:
    """The class and its bases among Slicer's and CTK's classes, nearest first."""
    found: list[str] = []
    queue = [name]
    while queue:
        current = queue.pop(0)
        if current in all_facts() and current not in found:
            found.append(current)
            queue += all_facts()[current]["bases"]
    return tuple(found)


def _gathered(name: str, kind: str) -> dict:
    gathered: dict = {}
    for ancestor in reversed(lineage(name)):
        gathered.update(all_facts()[ancestor][kind])
    return gathered


@cache
def properties(name: str) -> dict[str, dict]:
    """Properties of the class and its bases: name -> {"type", "writable"}."""
    return _gathered(name, "properties")


@cache
def signals(name: str) -> dict[str, list[str]]:
    """Signals of the class and its bases: name -> the argument lists, as "(int,QString)"."""
    return _gathered(name, "signals")


@cache
def methods(name: str) -> dict[str, Arities]:
    """Slots and invokable methods of the class and its bases: name -> (fewest, most) arguments of each overload."""
    decorated = {method: arities for base in lineage(name) for method, arities in DECORATORS.get(base, {}).items()}
    return decorated | {
        method: tuple((sum(not kind.endswith("=") for kind in kinds), len(kinds)) for kinds in overloads)
        for method, overloads in _gathered(name, "methods").items()
    }


@cache
def enumerations(name: str) -> frozenset[str]:
    """Names of the enumerations of the class and their values."""
    listed = _gathered(name, "enumerations")
    return frozenset(listed) | {value for values in listed.values() for value in values}
