"""The figure of a classification: boxes and map at their place, one scale, refused endings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from matplotlib.colors import to_hex

from DiffusionCore.errors import UsageError
from DiffusionCore.report.classification import SAID, SALIENCY, draw_classification, focus, write_classification
from DiffusionCore.report.markups import box_of
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import to_canonical_axes


@dataclass(frozen=True)
class P:
    name: str
    probability: float
    low: float
    high: float


BOTH = (P("normal", 0.3, 0.2, 0.4), P("mass", 0.7, 0.6, 0.8))


@pytest.fixture
def hot(mr) -> Volume:
    """A map that is 1 in one block of the scan's grid."""
    voxels = np.zeros(mr.shape, np.float32)
    voxels[14:18, 8:12, 4:8] = 1
    return mr.with_voxels(voxels)


def test_the_planes_go_through_where_the_map_is_highest(mr, hot):
    k, j, i = focus(mr, hot)
    assert to_canonical_axes(hot).voxels[k, j, i] == 1


def test_maps_are_shown_on_one_scale_and_boxes_around_the_right_pixels(mr, hot):
    box = box_of(mr, (14, 8, 4), (4, 4, 4), "region 1")
    figure = draw_classification(mr, BOTH, hot, [box])
    shown = [axes for axes in figure.axes if axes.patches and axes.images]
    assert len(shown) == 3
    for axes in shown:
        layer = next(image for image in axes.images if image.get_cmap().name == SALIENCY)
        assert layer.get_clim() == (0, 1)
        (outline,) = axes.patches
        rows, columns = np.nonzero(np.asarray(layer.get_array()) == 1)
        assert outline.get_x() == pytest.approx(columns.min() - 0.5)
        assert outline.get_y() == pytest.approx(rows.min() - 0.5)
        assert outline.get_width() == pytest.approx(columns.max() - columns.min() + 1)
        assert outline.get_height() == pytest.approx(rows.max() - rows.min() + 1)


def test_bars_are_as_long_as_the_probabilities(mr):
    figure = draw_classification(mr, BOTH, None)
    bars = next(axes for axes in figure.axes if axes.containers)
    assert [bar.get_width() for bar in bars.patches] == [0.3, 0.7]


@pytest.mark.parametrize(("answer", "row"), [("mass", 1), ("normal", 0)])
def test_the_answer_has_the_colour_also_where_another_class_is_likelier(mr, answer, row):
    """Of two classes a threshold on the card decides, which need not be one half."""
    figure = draw_classification(mr, BOTH, None, answer=answer)
    bars = next(axes for axes in figure.axes if axes.containers)
    coloured = [to_hex(bar.get_facecolor()) == SAID.lower() for bar in bars.patches]
    assert coloured == [n == row for n in range(2)]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["normal", "mass"]


def test_without_an_answer_the_reason_is_shown(mr):
    figure = draw_classification(mr, (), None, note="unlike training")
    assert any("unlike training" in text.get_text() for axes in figure.axes for text in axes.texts)


def test_films_are_no_figures(mr, tmp_path):
    with pytest.raises(UsageError, match=r"\.png"):
        write_classification(tmp_path / "a.gif", mr, BOTH, None)
    assert write_classification(tmp_path / "a.png", mr, BOTH, None).stat().st_size > 1000
