"""Reading `Annotated[type, ...]` as Slicer reads it."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any

import slicer

__all__ = ["Decimals", "Default", "SingleStep", "findFirstAnnotation", "getNodeTypes", "isNodeOrUnionOfNodes", "splitAnnotations",
           "unannotatedType"]  # fmt: skip


class Default:
    """The value of a parameter that has none yet."""

    def __init__(self, value: Any = None, *, generator: Any = None) -> None:
        self._value, self._generator = value, generator

    @property
    def value(self) -> Any:
        return self._generator() if self._generator else self._value


@dataclass
class Decimals:
    """Decimals that the widget shows."""

    value: int


@dataclass
class SingleStep:
    """One step of the widget."""

    value: float


def splitAnnotations(possiblyAnnotatedType: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type and its annotations."""
    parts = typing.get_args(Annotated[possiblyAnnotatedType, "last"])
    return parts[0], parts[1:-1]


def unannotatedType(possiblyAnnotatedType: Any) -> Any:
    """The type without its annotations."""
    return splitAnnotations(possiblyAnnotatedType)[0]


def findFirstAnnotation(annotationsList: Any, annotationType: type) -> Any:
    """The first annotation of a type, or None."""
    return next((one for one in annotationsList if isinstance(one, annotationType)), None)


def members(datatype: Any) -> tuple[Any, ...] | None:
    """The members of a union, or None if it is none."""
    kind = unannotatedType(datatype)
    if typing.get_origin(kind) is typing.Union or isinstance(kind, types.UnionType):
        return typing.get_args(kind)
    return None


def isNodeOrUnionOfNodes(datatype: Any) -> bool:
    """Whether the type is a node's class, or a union of such and None."""
    found = members(datatype) or (unannotatedType(datatype),)
    return all(isinstance(one, type) and (one is type(None) or issubclass(one, slicer.vtkMRMLNode)) for one in found)


def getNodeTypes(datatype: Any) -> tuple[str, ...]:
    """Names of the classes of nodes in the type."""
    found = members(datatype) or (unannotatedType(datatype),)
    return tuple(one().GetClassName() for one in found if one is not type(None))
