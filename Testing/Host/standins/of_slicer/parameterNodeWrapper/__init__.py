"""Stand-in of Slicer's parameter node wrapper: numbers, text, yes and no, choices, paths, nodes, lists; no parameter packs."""

from __future__ import annotations

from typing import Any

from slicer_host.facts import NotInHost

from .annotations import (
    Decimals,
    Default,
    SingleStep,
    findFirstAnnotation,
    getNodeTypes,
    isNodeOrUnionOfNodes,
    splitAnnotations,
    unannotatedType,
)
from .validators import Choice, Exclude, IsInstance, Maximum, Minimum, NotNone, RangeBounds, Validator, WithinRange
from .wrapper import (
    SlicerParameterNamePropertyName,
    findChildWidgetForParameter,
    isParameterNodeWrapper,
    parameterNodeWrapper,
)

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "RangeBounds",
    "SingleStep",
    "SlicerParameterNamePropertyName",
    "Validator",
    "WithinRange",
    "findChildWidgetForParameter",
    "findFirstAnnotation",
    "getNodeTypes",
    "isNodeOrUnionOfNodes",
    "isParameterNodeWrapper",
    "parameterNodeWrapper",
    "splitAnnotations",
    "unannotatedType",
]
ONLY_IN_SLICER = (
    "FloatRange",
    "GuiConnector",
    "Serializer",
    "createGui",
    "createGuiConnector",
    "parameterNodeGuiConnector",
    "parameterNodeSerializer",
    "parameterPack",
)


def __getattr__(name: str) -> Any:
    if name in ONLY_IN_SLICER:
        raise NotInHost(f"Slicer has slicer.parameterNodeWrapper.{name}, the test host has not")
    raise AttributeError(f"module 'slicer.parameterNodeWrapper' has no attribute {name!r}")
