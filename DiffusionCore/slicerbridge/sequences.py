"""Volumes that are played from a sequence: their frames, and a sequence made of results."""

from __future__ import annotations

from typing import Any

import slicer
from slicer import util

FRAME = "DiffusionCore.frame"  # attribute of a result that is played: the number, from 0, of the frame it was judged by


def browser_of(node: Any) -> Any:
    """The sequence browser that plays a volume node; None if it is not played from a sequence."""
    for browser in util.getNodesByClass("vtkMRMLSequenceBrowserNode"):
        if browser.GetSequenceNode(node) is not None:
            return browser
    return None


def frames_of(node: Any) -> list[Any]:
    """The volume nodes of each frame; they live in the sequence's own scene."""
    browser = browser_of(node)
    if browser is None:
        return [node]
    sequence = browser.GetSequenceNode(node)
    return [sequence.GetNthDataNode(number) for number in range(sequence.GetNumberOfDataNodes())]


def result_sequence(name: str, node: Any) -> Any:
    """A new sequence, played by the browser that plays `node`, with the same index."""
    browser = browser_of(node)
    original = browser.GetSequenceNode(node)
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    sequence.SetIndexName(original.GetIndexName())
    sequence.SetIndexUnit(original.GetIndexUnit())
    sequence.SetIndexType(original.GetIndexType())
    return sequence


def add_frame(sequence: Any, node: Any, number: int, frame: Any) -> None:
    """Put a result volume at the place of a frame; the sequence keeps a copy."""
    original = browser_of(node).GetSequenceNode(node)
    sequence.SetDataNodeAtValue(frame, original.GetNthIndexValue(number))


def play(sequence: Any, node: Any, name: str) -> Any:
    """Let the browser of `node` play a sequence too; gives the volume node that shows its frames."""
    browser = browser_of(node)
    browser.AddSynchronizedSequenceNodeID(sequence.GetID())
    browser.SetSaveChanges(sequence, False)
    proxy = browser.GetProxyNode(sequence)
    if proxy is None:
        first = sequence.GetNthDataNode(0)
        browser.AddProxyNode(first, sequence, True)
        proxy = browser.GetProxyNode(sequence)
    if proxy is not None:
        proxy.SetName(name)
    return proxy


def why_no_result(result: Any) -> str:
    """Why what a result shows is none of the frame that is played: Cancel was pressed before it was made, or it failed.
    "" if it is."""
    browser = browser_of(result) if result.GetAttribute(FRAME) is not None else None
    if browser is None:
        return ""
    at = browser.GetMasterSequenceNode().GetNthIndexValue(browser.GetSelectedItemNumber())
    missing = browser.GetSequenceNode(result).GetItemNumberFromIndexValue(at) < 0
    return "This frame of the sequence has no result; play another." if missing else ""


def why_not_of_this_frame(result: Any) -> str:
    """Why the figures and maps of a result do not hold for the frame that is played; "" if they do."""
    judged, browser = result.GetAttribute(FRAME), browser_of(result)
    if judged is None or browser is None or browser.GetSelectedItemNumber() == int(judged):
        return ""
    return f"Figures and maps are those of frame {int(judged) + 1} of the sequence; go back to it."


def new_sequence(name: str, frames: list[Any], index: str) -> Any:
    """A new sequence of volume nodes with a browser of its own; gives the volume node that shows its frames.

    The sequence keeps copies of `frames`. `index` is what numbers them, from 1.
    """
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", f"{name} images")
    sequence.SetIndexName(index)
    sequence.SetIndexUnit("")
    for number, frame in enumerate(frames, start=1):
        sequence.SetDataNodeAtValue(frame, str(number))
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", f"{name} browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    proxy = browser.GetProxyNode(sequence)
    proxy.SetName(slicer.mrmlScene.GenerateUniqueName(name))
    return proxy
