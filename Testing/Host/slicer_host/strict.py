"""Holds a stand-in to the facts about the class that it stands for."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore

from . import facts
from .facts import NotInHost

_widgets: dict[str, type] = {}  # filled by `stand_in`, read by the loader of .ui files
_numbers = itertools.count()


def stand_in(cls: type) -> type:
    """Class decorator: `cls` stands for the C++ class of the same name.

    TypeError at once if it offers a public name that the real class lacks. Its methods take positional arguments only, as many as
    the real ones; a name that only the real class has raises `NotInHost`, any other `AttributeError`.
    """
    name = cls.__name__
    if not facts.is_slicer_class(name):
        raise TypeError(f"Slicer has no class {name}")
    offered = {*facts.properties(name), *facts.signals(name), *facts.methods(name), *facts.enumerations(name)}
    for own, value in list(cls.__dict__.items()):
        if own.startswith("_") or own == "slicer_overloads_" or _is_inherited_from_qt(cls, own):
            continue
        if own not in offered:
            raise TypeError(f"{name} of Slicer has no {own}")
        if own in facts.methods(name) and inspect.isfunction(value):
            setattr(cls, own, _positional(f"{name}.{own}", value, facts.methods(name)[own]))
    cls.is_stand_in_ = True
    cls.slicer_signals_ = facts.signals(name)
    cls.slicer_properties_ = facts.properties(name)

    def missing(self: Any, attribute: str) -> Any:
        if attribute in offered:
            raise NotInHost(f"Slicer has {name}.{attribute}, the test host has not")
        raise AttributeError(f"{name} has no attribute {attribute!r}")

    cls.__getattr__ = missing
    _widgets[name] = cls
    return cls


def _is_inherited_from_qt(cls: type, name: str) -> bool:
    """Whether Qt's own base has the name: sizeHint, paintEvent and the like."""
    if name == "staticMetaObject":
        return True
    return any(name in base.__dict__ for base in cls.__mro__[1:] if base.__module__.startswith("PySide6"))


def _positional(where: str, method: Callable[..., Any], arities: facts.Arities) -> Callable[..., Any]:
    """The method, refusing keywords (C++ arguments have no names in PythonQt) and numbers of arguments that no overload takes."""

    @functools.wraps(method)
    def checked(self: Any, *arguments: Any) -> Any:
        if not any(fewest <= len(arguments) <= most for fewest, most in arities):
            raise TypeError(f"{where} takes {_words(arities)} arguments, got {len(arguments)}")
        return method(self, *arguments)

    return checked


def _words(arities: facts.Arities) -> str:
    return " or ".join(str(few) if few == most else f"{few} to {most}" for few, most in sorted(set(arities)))


def widget_class(name: str) -> type | None:
    """The stand-in of this name; NotInHost if Slicer has such a class and the host has not; None if it is none of Slicer's."""
    if name in _widgets:
        return _widgets[name]
    if facts.is_slicer_class(name):
        raise NotInHost(f"Slicer has {name}, the test host has no stand-in for it")
    if name.startswith(("ctk", "qMRML", "qSlicer")):
        raise AttributeError(f"Slicer has no class {name}")
    return None


def stored(kind: Any, default: Any, changed: Callable[[Any, Any], None] | None = None) -> QtCore.Property:
    """A Qt property of type `kind` that keeps its value; `changed(self, value)` is called when it becomes another."""
    key = f"_stored__{next(_numbers)}"

    def getter(self: Any) -> Any:
        return self.__dict__.get(key, default)

    def setter(self: Any, value: Any) -> None:
        if getter(self) != value:
            self.__dict__[key] = value
            if changed is not None:
                changed(self, value)

    return QtCore.Property(kind, getter, setter)
