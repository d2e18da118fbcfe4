"""The volumes that wait, as references of the parameter node: they are saved with the scene and go with their nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ROLE = "queue"


def queue_of(parameters: Any) -> list[Any]:
    """The volume nodes that wait, in their order."""
    if parameters is None:
        return []
    node = parameters.parameterNode
    found = [node.GetNthNodeReference(ROLE, number) for number in range(node.GetNumberOfNodeReferences(ROLE))]
    return [one for one in found if one is not None and one.GetScene() is not None]


def wait_no_more(parameters: Any, node: Any) -> None:
    """Let a volume node go from the list; it is done."""
    waiting = queue_of(parameters)
    others = [one for one in waiting if one is not node]
    if len(others) < len(waiting):
        set_queue(parameters, others)


def set_queue(parameters: Any, nodes: Sequence[Any]) -> None:
    """Let these volume nodes wait, in place of those that did."""
    node = parameters.parameterNode
    was = node.StartModify()
    node.RemoveNodeReferenceIDs(ROLE)
    for one in nodes:
        node.AddNodeReferenceID(ROLE, one.GetID())
    node.EndModify(was)
