"""The jobs of the panel: classify the input, write the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from DiffusionCore.slicerbridge.keep import REPORT, free_stem
from DiffusionCore.slicerbridge.nodes import volume_from_node
from DiffusionCore.slicerbridge.panel import Job
from DiffusionCore.slicerbridge.results import INPUT, part
from DiffusionCore.slicerbridge.scans import CHANGED, GONE, Scans, region_of
from DiffusionCore.slicerbridge.segments import volume_from_segment

from .choices import classify_options
from .look import SEGMENTATION, InputLook, changed_at, is_outline
from .results import CHOSEN, MAP, STRUCTURE, answer_of, keep_classification


def volume_of(node: Any, structure: str, scans: Scans, modality: str = "") -> Any:
    """The `Volume` that the worker is given: the scan, or the mask of the one structure that is meant."""
    if node is None or node.GetScene() is None:
        raise RuntimeError(GONE)
    if node.IsA(SEGMENTATION):
        return volume_from_segment(node, structure)
    if is_outline(node, modality):
        volume = replace(volume_from_node(node), modality="LABEL")
        return replace(volume, voxels=(volume.voxels == int(structure)).astype("u1")) if structure else volume
    return scans.volume(node, modality)


def classify_job(parameters: Any, look: InputLook, folder: Path, scans: Scans, done: Callable[[Any], None]) -> Job:
    """The job that a parameter node asks for; `done` is given the result's node."""
    node, roi = parameters.inputNode, parameters.roi
    structure = structure_of(parameters, look)
    modality = parameters.modality
    options = {**classify_options(parameters), "model": str(folder)}
    seen = changed_at(node)
    name = look.structures.get(structure, "") if node.IsA(SEGMENTATION) else node.GetName()

    def volumes() -> dict[str, Any]:
        volume = volume_of(node, structure, scans, modality)
        region = region_of(volume, roi)
        if region is not None:
            options["region"] = region
        return {"volume": volume}

    def finished(values: Mapping[str, Any]) -> None:
        if node.GetScene() is None:
            raise RuntimeError(GONE)
        if changed_at(node) != seen:
            values = {**values, "warnings": [*values.get("warnings", ()), CHANGED]}
        done(keep_classification(f"{name} classified", node, structure, modality, values))

    return Job(node.GetName(), "classify", options, volumes, finished)


def structure_of(parameters: Any, look: InputLook) -> str:
    """The segment or label that is meant: the chosen one, else the first; "" for a scan."""
    if parameters.structure in look.structures:
        return parameters.structure
    return next(iter(look.structures), "")


def report_job(result: Any, scans: Scans, folder: str, told: Callable[[list[str]], None]) -> Job:
    """The job that writes a result's report into a folder; `told` is given the names of the files."""
    kept = answer_of(result)
    searched = kept.pop("searched")

    def volumes() -> dict[str, Any]:
        source = part(result, INPUT)
        if source is None:
            raise RuntimeError("what this result was made from is gone; there is nothing to show it on")
        structure, modality = (result.GetAttribute(name) or "" for name in (STRUCTURE, CHOSEN))
        found = {"volume": volume_of(source, structure, scans, modality)}
        shown = part(result, MAP)
        if shown is not None:
            found["map"] = volume_from_node(shown)
        return found

    options = {
        "folder": folder,
        "stem": free_stem(folder, result.GetName(), REPORT),
        "searched": searched,
        "result": kept,
    }
    name = f"report of {result.GetName()}"
    return Job(name, "report_classification", options, volumes, lambda values: told(values["files"]))
