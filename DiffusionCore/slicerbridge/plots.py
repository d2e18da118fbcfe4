"""Histogram and line profile of before and after, as plot nodes that a plot view shows and a scene keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
from slicer import util

from ..volume.geometry import to_ijk
from .overlays import ijk_to_ras, place_in

BEFORE_COLOUR, AFTER_COLOUR = (0.85, 0.37, 0.01), (0.11, 0.47, 0.71)  # told apart with any colour vision
BINS = 200
SAMPLED = 1 << 21  # voxels that a histogram looks at: some ten milliseconds


def histogram(before: Any, after: Any, unit: str, chart: Any = None) -> Any:
    """The chart of how often each value occurs in the scan and in the result, where both are."""
    old = _sampled(util.arrayFromVolume(before)[place_in(before, after)])
    new = _sampled(util.arrayFromVolume(after))
    edges = bin_edges(old, whole=are_whole(old))
    columns = {"value": (edges[:-1] + edges[1:]) / 2}
    for name, values in (("before", old), ("after", new)):
        columns[name] = np.histogram(values, edges)[0] / max(values.size, 1) * 100
    title = f"{after.GetName()} histogram"
    return _chart(chart, title, columns, f"value ({unit})", "share of the voxels (%)")


def are_whole(values: np.ndarray) -> bool:
    """Whether values are whole numbers, as a scanner's are, whatever type they are kept in."""
    return bool(np.array_equal(values, np.rint(values)))


def bin_edges(values: np.ndarray, *, whole: bool) -> np.ndarray:
    """Edges of about BINS bins over all but the rarest values; of whole numbers each bin holds equally many."""
    low, high = (float(end) for end in np.percentile(values, [0.1, 99.9]))
    if not whole:
        return np.linspace(low, high if high > low else low + 1, BINS + 1)
    step = max(np.ceil((high - low) / BINS), 1.0)
    count = int((high - low) // step) + 1
    return np.floor(low) - 0.5 + step * np.arange(count + 1)


def line_profile(before: Any, after: Any, unit: str, line: Sequence[Sequence[float]], chart: Any = None) -> Any:
    """The chart of the values along a line between two RAS places (mm), in the scan and in the result."""
    start, end = (np.asarray(place, float) for place in line)
    length = float(np.linalg.norm(end - start))
    step = min(np.linalg.norm(ijk_to_ras(after)[:3, :3], axis=0))
    count = int(np.clip(round(2 * length / step), 2, 2000)) + 1
    places = start + np.linspace(0, 1, count)[:, None] * (end - start)
    columns = {"distance": np.linspace(0, length, count)}
    for name, node in (("before", before), ("after", after)):
        columns[name] = values_at(node, places)
    title = f"{after.GetName()} profile"
    return _chart(chart, title, columns, "distance (mm)", f"value ({unit})")


def values_at(node: Any, places: np.ndarray) -> np.ndarray:
    """A volume node's values at RAS places (n, 3), linear between voxels; nan outside the grid."""
    from scipy.ndimage import map_coordinates

    kji = to_ijk(ijk_to_ras(node), places)[:, ::-1].T
    voxels = util.arrayFromVolume(node)
    inside = tuple(slice(max(int(np.floor(axis.min())) - 1, 0), max(int(np.ceil(axis.max())) + 2, 1)) for axis in kji)
    piece = np.asarray(voxels[inside], np.float32)
    if 0 in piece.shape:
        return np.full(len(places), np.nan)
    begin = np.array([[part.start] for part in inside], float)
    return map_coordinates(piece, kji - begin, order=1, mode="constant", cval=np.nan)


def middle_line(node: Any) -> list[list[float]]:
    """A line through the middle of a volume node from the patient's right to left, as two RAS places."""
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    y, z = (bounds[2] + bounds[3]) / 2, (bounds[4] + bounds[5]) / 2
    return [[bounds[1], y, z], [bounds[0], y, z]]


def _sampled(voxels: np.ndarray) -> np.ndarray:
    step = max(voxels.size // SAMPLED, 1)
    return np.asarray(voxels[::step] if step > 1 and len(voxels) > 4 * step else voxels, np.float32).ravel()


def _chart(chart: Any, title: str, columns: dict[str, np.ndarray], x_title: str, y_title: str) -> Any:
    """A chart with a series for each column after the first; the nodes of an earlier one are filled again."""
    scene = slicer.mrmlScene
    if chart is None or chart.GetScene() is None:
        chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", title)
    table = _table_of(chart) or scene.AddNewNodeByClass("vtkMRMLTableNode", f"{title} values")
    util.updateTableFromArray(table, [np.asarray(values, float) for values in columns.values()], list(columns))
    x_name, *names = columns
    if chart.GetNumberOfPlotSeriesNodes() != len(names):
        chart.RemoveAllPlotSeriesNodeIDs()
        for name, colour in zip(names, (BEFORE_COLOUR, AFTER_COLOUR), strict=False):
            series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", name)
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
            series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
            series.SetLineWidth(2)
            series.SetColor(*colour)
            chart.AddAndObservePlotSeriesNodeID(series.GetID())
    for number, name in enumerate(names):
        series = chart.GetNthPlotSeriesNode(number)
        series.SetXColumnName(x_name)
        series.SetYColumnName(name)
    chart.SetName(title)
    chart.SetTitle(title)
    chart.SetXAxisTitle(x_title)
    chart.SetYAxisTitle(y_title)
    chart.SetLegendVisibility(True)
    return chart


def _table_of(chart: Any) -> Any:
    if chart.GetNumberOfPlotSeriesNodes() == 0:
        return None
    return chart.GetNthPlotSeriesNode(0).GetTableNode()


def remove_chart(chart: Any) -> None:
    """Remove a chart with its series and table."""
    scene = slicer.mrmlScene
    if chart is None or chart.GetScene() is None:
        return
    table = _table_of(chart)
    series = [chart.GetNthPlotSeriesNode(number) for number in range(chart.GetNumberOfPlotSeriesNodes())]
    for node in (chart, *series, table):
        if node is not None and node.GetScene() is not None:
            scene.RemoveNode(node)
