"""The jobs of one press of Apply: the input, each frame of its sequence, and the volumes that wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import slicer

from DiffusionCore.slicerbridge.nodes import node_from_volume, remove_node, volume_from_node
from DiffusionCore.slicerbridge.panel import Job
from DiffusionCore.slicerbridge.recognise import image_changed_at, look_at
from DiffusionCore.slicerbridge.results import keep_parts, keep_result, mark_as_of
from DiffusionCore.slicerbridge.scans import CHANGED, GONE, Scans, box_of, region_within
from DiffusionCore.slicerbridge.sequences import FRAME, add_frame, browser_of, frames_of, play, result_sequence
from DiffusionCore.volume.geometry import crop

from .choices import enhance_options, superres_options
from .task_group import task_of
from .waiting import queue_of

DONE = {"enhance": "enhanced", "super_resolve": "super-resolved"}
NO_SEQUENCE = "the scan is not played from its sequence any more; its result was thrown away"
WORDS = {"uncertainty": "uncertainty", "residual": "residual structure"}


def jobs_of(parameters: Any, scans: Scans, done: Callable[[Any, Mapping[str, Any]], None]) -> list[Job]:
    """The jobs that a parameter node asks for; `done` is called with each result's node and the task's answer."""
    found = []
    first = parameters.inputVolume
    for node in [first, *(one for one in queue_of(parameters) if one is not first)]:
        if node is first and parameters.allFrames and browser_of(node) is not None:
            found += frame_jobs(parameters, scans, done)
        else:
            found.append(scan_job(parameters, node, scans, done))
    return found


def options_of(parameters: Any) -> dict[str, Any]:
    """The options of the task that works on scans."""
    return superres_options(parameters) if task_of(parameters) == "super_resolve" else enhance_options(parameters)


def within(volume: Any, box: Any, task: str, options: dict[str, Any]) -> Any:
    """The scan that is given to the task with a box: enhancement is told the region, so that what is inside has
    the values of the whole result; super-resolution takes the part alone."""
    region = region_within(volume, box)
    if region is None:
        return volume
    if task == "super_resolve":
        return crop(volume, tuple(slice(*ends) for ends in region))
    options["region"] = region
    return volume


def scan_job(parameters: Any, node: Any, scans: Scans, done: Callable[..., None]) -> Job:
    """One volume node; the box and the reference count for the panel's input alone."""
    own = node is parameters.inputVolume
    roi = parameters.roi if own else None
    reference = parameters.referenceVolume if own else None
    task, options = task_of(parameters), options_of(parameters)
    modality = options.pop("modality", "") if own else ""
    options.pop("modality", None)
    seen = 0

    def volumes() -> dict[str, Any]:
        nonlocal seen
        if node.GetScene() is None:
            raise RuntimeError(GONE)
        seen = image_changed_at(node)  # when its turn comes: what was changed before is what is worked on
        found = {"volume": within(scans.volume(node, modality), box_of(roi), task, options)}
        if reference is not None:
            found["reference"] = volume_from_node(reference)
        return found

    def finished(values: Mapping[str, Any]) -> None:
        if node.GetScene() is None:
            raise RuntimeError(GONE)
        if image_changed_at(node) != seen:
            values = {**values, "warnings": [*values.get("warnings", ()), CHANGED]}
        done(keep_result(f"{node.GetName()} {DONE[task]}", node, values, WORDS), values)

    return Job(node.GetName(), task, options, volumes, finished)


def frame_jobs(parameters: Any, scans: Scans, done: Callable[..., None]) -> list[Job]:
    """Every frame of the input's sequence as a scan of its own. The results become a sequence, which plays from the
    first of them on; the figures are the first frame's. A reference that is a sequence of as many frames is compared
    frame by frame, another with each of them."""
    node, reference = parameters.inputVolume, parameters.referenceVolume
    frames = frames_of(node)
    truths = [] if reference is None else frames_of(reference)
    if len(truths) != len(frames):
        truths = [reference] * len(frames)
    task, options = task_of(parameters), options_of(parameters)
    name = f"{node.GetName()} {DONE[task]}"
    made: dict[str, Any] = {}
    box, modality = box_of(parameters.roi), options.pop("modality", "")  # all frames have the box of now

    def job(number: int, frame: Any) -> Job:
        def volumes() -> dict[str, Any]:
            if node.GetScene() is None:
                raise RuntimeError(GONE)
            stated = modality or look_at(node).modality
            found = {"volume": within(scans.volume(frame, stated), box, task, own)}
            if truths[number] is not None:
                found["reference"] = volume_from_node(truths[number])
            return found

        def finished(values: Mapping[str, Any]) -> None:
            if node.GetScene() is None:
                raise RuntimeError(GONE)
            if browser_of(node) is None:
                raise RuntimeError(NO_SEQUENCE)
            first = "sequence" not in made
            if first:
                made["sequence"] = result_sequence(slicer.mrmlScene.GenerateUniqueName(name), node)
                made["number"] = str(number)
            temporary = node_from_volume(values["volume"], f"{name} {number}")
            temporary.SetAttribute(FRAME, made["number"])  # what plays them takes a frame's attributes for its own
            mark_as_of(temporary, node)
            add_frame(made["sequence"], node, number, temporary)
            remove_node(temporary)
            if first:
                proxy = play(made["sequence"], node, name)
                done(keep_parts(proxy, node, values, WORDS), values)

        own = dict(options)
        return Job(f"{node.GetName()} frame {number + 1} of {len(frames)}", task, own, volumes, finished)

    return [job(number, frame) for number, frame in enumerate(frames)]
