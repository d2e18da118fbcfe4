"""How values of each type are kept in a vtkMRMLScriptedModuleNode: text parameters and node references."""

from __future__ import annotations

import enum
import json
import pathlib
import typing
from typing import Any

from slicer_host.facts import NotInHost

from . import validators
from .annotations import isNodeOrUnionOfNodes, members, unannotatedType

NONE = "None"


class Storage:
    """Reads and writes one parameter. `allowed` are the types its value may have."""

    def __init__(self, datatype: Any) -> None:
        self.datatype = unannotatedType(datatype)
        self.optional = type(None) in (members(datatype) or ())
        if members(datatype) and not isNodeOrUnionOfNodes(datatype):
            inner = [one for one in members(datatype) if one is not type(None)]
            if len(inner) != 1 or not self.optional:
                raise NotInHost(f"a parameter of type {datatype}")
            self.datatype = inner[0]
        self.is_node = isNodeOrUnionOfNodes(datatype)

    def default(self) -> Any:
        if self.is_node or self.optional:
            return None
        if issubclass_(self.datatype, enum.Enum):
            return next(iter(self.datatype))
        return {int: 0, float: 0.0, str: "", bool: False}.get(self.datatype, self.empty())

    def empty(self) -> Any:
        origin = typing.get_origin(self.datatype) or self.datatype
        return (
            origin() if isinstance(origin, type) and issubclass(origin, (list, tuple, dict, pathlib.PurePath)) else None
        )

    def checks(self) -> list[validators.Validator]:
        """What holds for any value of the type."""
        found: list[validators.Validator] = [] if self.is_node or self.optional else [validators.NotNone()]
        if self.is_node:
            kinds = members(self.datatype) or (self.datatype,)
            return [validators.IsInstance(tuple(one for one in kinds if one is not type(None)))]
        kind = typing.get_origin(self.datatype) or self.datatype
        return [*found, validators.IsInstance((int, float) if kind is float else kind)]

    def is_in(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(name))

    def write(self, node: Any, name: str, value: Any) -> None:
        if self.is_node:
            node.SetParameter(name, "")
            node.SetNodeReferenceID(name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(name, self.text(value))

    def text(self, value: Any) -> str:
        if value is None:
            return NONE
        if isinstance(value, enum.Enum):
            return value.name
        if isinstance(value, (list, tuple, dict)):
            return json.dumps(value)
        return str(value)

    def read(self, node: Any, name: str) -> Any:
        if self.is_node:
            return node.GetNodeReference(name)
        return self.value(node.GetParameter(name))

    def value(self, text: str) -> Any:
        if self.optional and text == NONE:
            return None
        if self.datatype is bool:
            return text == "True"
        if issubclass_(self.datatype, enum.Enum):
            if text not in self.datatype.__members__:
                raise ValueError(f"Found {text!r} in parameter node but it is not a name in {self.datatype!r}")
            return self.datatype[text]
        origin = typing.get_origin(self.datatype) or self.datatype
        if issubclass_(origin, (list, tuple, dict)):
            return origin(json.loads(text))
        if self.datatype in (int, float, str) or issubclass_(self.datatype, pathlib.PurePath):
            return self.datatype(text)
        raise NotInHost(f"a parameter of type {self.datatype}")


def issubclass_(kind: Any, of: Any) -> bool:
    """issubclass that is False for what is no class."""
    return isinstance(kind, type) and issubclass(kind, of)
