"""A result in the scene: the volume and all that belongs to it, found again after the scene was saved and loaded.

The enhanced volume node refers to the others by MRML references, which a scene keeps: the input, the maps, the table,
the chart and the report (JSON in a text node).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import slicer

from ..report.words import plain
from ..volume import Volume
from . import judgement
from .nodes import node_from_volume, place_beside, remove_node
from .overlays import difference_of, ijk_to_ras, largest_shown, show_difference, show_spread
from .recognise import DICOM_UIDS, MAP
from .tables import metrics_table

INPUT, INTERPOLATED, UNCERTAINTY, RESIDUAL, DIFFERENCE, TABLE, CHART, REPORT = (
    f"DiffusionCore.{role}"
    for role in ("input", "interpolated", "uncertainty", "residual", "difference", "table", "chart", "report")
)
SCORES = 8.0  # standard scores at the ends of the colours: twice what is flagged
SOURCE_UIDS = (
    "DiffusionCore.dicom"  # attribute of a result: the DICOM images that its input, or that one's, was read from
)
SYNTHETIC = "DiffusionCore.synthetic"  # attribute of a volume node that shows nobody
PARTS = (INTERPOLATED, UNCERTAINTY, RESIDUAL, DIFFERENCE, TABLE, CHART, REPORT)


def part(result: Any, role: str) -> Any:
    """The node that plays a role in a result; None if there is none."""
    return None if result is None or result.GetScene() is None else result.GetNodeReference(role)


def set_part(result: Any, role: str, node: Any) -> None:
    """Let a node play a role in a result."""
    result.SetNodeReferenceID(role, node.GetID())


def keep_result(name: str, source: Any, values: Mapping[str, Any], words: Mapping[str, str]) -> Any:
    """Put a task's result beside its input in the scene; gives the enhanced volume's node.

    name    of the new volume node, with a number where there is one of that name; the others are named after it
    source  the input's node, whose study the result goes into
    values  what the task answered: `volume`, and `uncertainty`, `residual`, `metrics`, `warnings`, `provenance`, …
    words   what each map is called, by its name in `values`
    """
    return keep_parts(node_from_volume(values["volume"], name, like=source), source, values, words)


def keep_parts(node: Any, source: Any, values: Mapping[str, Any], words: Mapping[str, str]) -> Any:
    """Put all that belongs to a result's volume node beside it; gives the node."""
    name = node.GetName()
    set_part(node, INPUT, source)
    mark_as_of(node, source)
    if isinstance(values.get("interpolated"), Volume):
        set_part(node, INTERPOLATED, map_from_volume(values["interpolated"], name, "interpolated scan", source))
    structure = (values.get("trust") or {}).get("structure")
    for key, role, volume in (
        ("uncertainty", UNCERTAINTY, values.get("uncertainty")),
        ("residual", RESIDUAL, structure),
    ):
        if isinstance(volume, Volume):
            extra = map_from_volume(volume, name, words.get(key, key), source)
            set_part(node, role, extra)
            if role == RESIDUAL:
                show_difference(extra, SCORES)
            else:
                show_spread(extra)
    if values.get("metrics"):
        table = metrics_table(f"{name} figures", values["metrics"], judgement.rows(values.get("trust")))
        place_beside(table, source)
        set_part(node, TABLE, table)
    keep_report(node, values)
    return node


def mark_as_of(node: Any, source: Any) -> None:
    """Let the volume node of a result know which DICOM images its input was read from, and whether that shows nobody."""
    if uids := source.GetAttribute(DICOM_UIDS) or source.GetAttribute(SOURCE_UIDS):
        node.SetAttribute(SOURCE_UIDS, uids)
    if is_synthetic(source):
        node.SetAttribute(SYNTHETIC, "1")


def map_from_volume(volume: Volume, name: str, words: str, like: Any) -> Any:
    """A new volume node beside `like` of what is shown about the result `name`; it is marked, as it is no scan itself."""
    node = node_from_volume(volume, f"{name} {words}", like=like)
    node.SetAttribute(MAP, words)
    return node


def keep_report(node: Any, values: Mapping[str, Any]) -> None:
    """Put the report of a task's answer beside a result's volume node, as a text node."""
    text = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", f"{node.GetName()} report")
    text.SetText(json.dumps(plain(report_content(values)), ensure_ascii=True))
    place_beside(text, node)
    set_part(node, REPORT, text)


def before_of(result: Any) -> Any:
    """What a result is compared with voxel by voxel: the interpolated scan where the result's grid is finer, else the
    scan. None where the scan is gone."""
    return None if part(result, INPUT) is None else part(result, INTERPOLATED) or part(result, INPUT)


def is_synthetic(node: Any) -> bool:
    """Whether a volume node was made from noise."""
    return node is not None and node.GetAttribute(SYNTHETIC) == "1"


def report_content(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the JSON report holds of a task's answer, in the order of the command line's report."""
    trust = values.get("trust")
    found = {
        "figures": values.get("metrics", {}),
        "warnings": list(dict.fromkeys((*judgement.alarms_of(trust), *values.get("warnings", ())))),
        "notice": "Research only. Not for clinical use.",
        "provenance": values.get("provenance", {}),
    }
    return {**found, "trust": judgement.report(trust)} if trust else found


def report_of(result: Any) -> dict[str, Any]:
    """The report kept with a result; empty where the text node is gone."""
    text = part(result, REPORT)
    return json.loads(text.GetText()) if text is not None and text.GetText() else {}


def results_of(source: Any) -> Iterator[Any]:
    """The results made of an input that are in the scene, newest last."""
    if source is None or source.GetScene() is None:
        return
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if node.GetNodeReference(INPUT) is source:
            yield node


def difference_node(result: Any) -> Any:
    """The node of after minus before, made on first use, in colours that are the same on scans of the same noise."""
    node = part(result, DIFFERENCE)
    source = before_of(result)
    if node is not None or source is None:
        return node
    difference = difference_of(source, result)
    volume = Volume(difference, ijk_to_ras(result))
    node = map_from_volume(volume, result.GetName(), "difference", result)
    largest = largest_shown(difference, noise_of(result))
    show_difference(node, largest)
    set_part(result, DIFFERENCE, node)
    return node


def noise_of(result: Any) -> float | None:
    """The standard deviation of the input's noise that a result was made with."""
    return report_of(result).get("provenance", {}).get("sigma", {}).get("value")


def remove_result(result: Any) -> None:
    """Remove a result and all that belongs to it, but not its input."""
    from .plots import remove_chart

    remove_chart(part(result, CHART))
    for role in PARTS:
        node = part(result, role)
        if node is not None:
            remove_node(node)
    remove_node(result)
