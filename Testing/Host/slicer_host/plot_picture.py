"""Draws a chart node by matplotlib, in place of Slicer's VTK chart: same series, labels and axes, another look."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer


def plot_picture(chart: Any, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 of every series of the vtkMRMLPlotChartNode."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for index in range(chart.GetNumberOfPlotSeriesNodes()):
        _draw(axes, chart.GetNthPlotSeriesNode(index))
    if chart.GetTitleVisibility():
        axes.set_title(chart.GetTitle() or "")
    axes.set_xlabel(chart.GetXAxisTitle() or "")
    axes.set_ylabel(chart.GetYAxisTitle() or "")
    if not chart.GetXAxisRangeAuto():
        axes.set_xlim(*chart.GetXAxisRange())
    if not chart.GetYAxisRangeAuto():
        axes.set_ylim(*chart.GetYAxisRange())
    axes.grid(chart.GetGridVisibility())
    if chart.GetLegendVisibility() and chart.GetNumberOfPlotSeriesNodes():
        axes.legend()
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[:height, :width, :3])


def _draw(axes: Any, series: Any) -> None:
    table = series.GetTableNode()
    if table is None or not series.GetYColumnName():
        return
    y = slicer.util.arrayFromTableColumn(table, series.GetYColumnName())
    x = np.arange(len(y))
    if series.GetXColumnName() and series.GetPlotType() in (series.PlotTypeScatter, series.PlotTypeScatterBar):
        x = slicer.util.arrayFromTableColumn(table, series.GetXColumnName())
    if series.GetPlotType() in (series.PlotTypeBar, series.PlotTypeScatterBar):
        axes.bar(x, y, color=series.GetColor(), label=series.GetName())
    else:
        line = "-" if series.GetLineStyle() != series.LineStyleNone else ""
        marker = "o" if series.GetMarkerStyle() != series.MarkerStyleNone else ""
        axes.plot(x, y, line, marker=marker, color=series.GetColor(), label=series.GetName())
