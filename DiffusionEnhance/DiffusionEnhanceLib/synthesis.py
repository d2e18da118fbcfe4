"""Images made from noise: the job, and its result as a volume or as a sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from slicer import util

from DiffusionCore.slicerbridge import layouts
from DiffusionCore.slicerbridge.nodes import node_from_volume, remove_node
from DiffusionCore.slicerbridge.panel import Job
from DiffusionCore.slicerbridge.results import SYNTHETIC, keep_report
from DiffusionCore.slicerbridge.sequences import new_sequence
from DiffusionCore.volume import Volume

from .choices import synthesis_options


def synthesis_job(parameters: Any, model: str, done: Callable[[Any, Mapping[str, Any]], None]) -> Job:
    """The job that makes the images that a parameter node asks for."""
    as_sequence, seed = parameters.keepAs == "sequence", int(parameters.seed)
    name = f"{model} seed {seed}"

    def finished(values: Mapping[str, Any]) -> None:
        images = separate(values["volumes"]) if as_sequence else list(values["volumes"])
        node = sequence_of(name, images) if as_sequence else volumes_of(name, images)
        keep_report(node, values)
        done(node, values)

    count = int(parameters.count)
    title = f"{count} {'image' if count == 1 else 'images'} of {model}"
    return Job(title, "synthesize", synthesis_options(parameters, model), dict, finished)


def separate(volumes: list[Volume]) -> list[Volume]:
    """Each image as a volume of its own: the slices of a stack, which all lie in the place of the first; 3D images too."""
    if len(volumes) > 1:
        return volumes
    stack = volumes[0]
    return [replace(stack, voxels=np.ascontiguousarray(stack.voxels[k : k + 1])) for k in range(len(stack.voxels))]


def volumes_of(name: str, volumes: list[Volume]) -> Any:
    """The volume node of a stack of images; of several 3D images the first one's, the others beside it."""
    nodes = []
    for number, volume in enumerate(volumes, start=1):
        node = node_from_volume(volume, name if len(volumes) == 1 else f"{name} image {number}")
        node.SetAttribute(SYNTHETIC, "1")
        nodes.append(node)
    return nodes[0]


def sequence_of(name: str, images: list[Volume]) -> Any:
    """The volume node that plays images from a new sequence."""
    frames = []
    for number, image in enumerate(images, start=1):
        frame = node_from_volume(image, f"{name} {number}")
        frame.SetAttribute(SYNTHETIC, "1")
        frames.append(frame)
    proxy = new_sequence(name, frames, "image")
    proxy.SetAttribute(SYNTHETIC, "1")
    for frame in frames:
        remove_node(frame)
    return proxy


def show_synthetic(node: Any) -> None:
    """Show an image made from noise in the user's own slice views."""
    layouts.restore_layout()
    util.setSliceViewerLayers(background=node, fit=True)
