"""Colour tables of the overlays: one that diverges from black for differences, one that rises for how uncertain."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

COUNT = 256
# Blue, black, orange: told apart with any colour vision, and dark where nothing changed, as a reading room wants it.
DIVERGING = ((0.45, 0.80, 1.0), (0.05, 0.38, 0.85), (0.0, 0.0, 0.0), (0.85, 0.35, 0.0), (1.0, 0.80, 0.40))
# Plasma (Smith & van der Walt, CC0): rises evenly in brightness.
RISING = (
    (0.050, 0.030, 0.528),
    (0.416, 0.000, 0.658),
    (0.692, 0.165, 0.564),
    (0.881, 0.392, 0.383),
    (0.988, 0.652, 0.211),
    (0.940, 0.975, 0.131),
)
DIFFERENCE_NAME, SPREAD_NAME = "DiffusionCore difference", "DiffusionCore uncertainty"


def difference_colours() -> Any:
    """The scene's colour node for differences: blue below zero, black at it, orange above."""
    return _node(DIFFERENCE_NAME, DIVERGING)


def spread_colours() -> Any:
    """The scene's colour node for uncertainty and residual structure: dark violet to yellow."""
    return _node(SPREAD_NAME, RISING)


def ramp(points: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    """(COUNT, 3) colours from 0 to 1, evenly between the points."""
    places = np.linspace(0, 1, COUNT)
    given = np.asarray(points)
    return np.stack([np.interp(places, np.linspace(0, 1, len(given)), channel) for channel in given.T], axis=1)


def _node(name: str, points: tuple[tuple[float, float, float], ...]) -> Any:
    scene = slicer.mrmlScene
    found = scene.GetFirstNodeByName(name)
    if found is not None and found.IsA("vtkMRMLColorTableNode"):
        return found
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", name)
    node.SetTypeToUser()
    node.SetNumberOfColors(COUNT)
    for number, colour in enumerate(ramp(points)):
        node.SetColor(number, f"{number}", *(float(part) for part in colour), 1.0)
    node.SetAttribute("Category", "Diffusion enhancement")
    return node
