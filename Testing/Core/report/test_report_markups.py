"""Boxes as Slicer markups: right places, a rotation as orientation, a strict file, and back again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from DiffusionCore.errors import InputError, OutputError
from DiffusionCore.report.markups import Box, box_of, markups_of, read_markups, write_markups
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import to_ras

TURN = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])


def grid(matrix: np.ndarray, shape=(10, 12, 14)) -> Volume:
    full = np.eye(4)
    full[:3, :3] = matrix
    full[:3, 3] = 20.0, -7.0, 3.0
    return Volume(np.zeros(shape), full)


def corners(box: Box) -> np.ndarray:
    signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1)
    return (np.array(box.centre)[:, None] + box.axes @ (np.array(box.size)[:, None] * signs)).T


@pytest.mark.parametrize(
    "matrix", [TURN * [1.0, 2.0, 3.0], TURN * [-1.0, -2.0, 3.0], TURN * [-1.0, 2.0, 3.0]], ids=["turned", "LPS", "left"]
)
def test_a_box_reaches_to_the_outer_faces_of_its_voxels(matrix):
    volume = grid(matrix)
    box = box_of(volume, (2, 3, 4), (4, 5, 6), "region 1")
    assert sorted(box.size) == [6.0, 10.0, 12.0]
    assert np.linalg.det(box.axes) == pytest.approx(1)
    faces = np.array(np.meshgrid((3.5, 9.5), (2.5, 7.5), (1.5, 5.5))).reshape(3, -1).T
    wanted = to_ras(volume.ijk_to_ras, faces)
    for corner in corners(box):
        assert np.linalg.norm(wanted - corner, axis=1).min() < 1e-9


def test_the_file_is_lps_and_comes_back_as_ras(tmp_path):
    box = box_of(grid(TURN), (0, 0, 0), (4, 4, 4), "region 1", "weight 0.41")
    path = write_markups(tmp_path / "r.mrk.json", [box])
    content = json.loads(path.read_text())
    (markup,) = content["markups"]
    assert content["@schema"].endswith("markups-schema-v1.0.3.json#")
    assert (markup["type"], markup["coordinateSystem"], markup["coordinateUnits"]) == ("ROI", "LPS", "mm")
    np.testing.assert_allclose(np.array(markup["center"]) * [-1, -1, 1], box.centre)
    np.testing.assert_allclose(np.diag([-1, -1, 1]) @ np.reshape(markup["orientation"], (3, 3)), box.axes)
    (back,) = read_markups(path)
    assert (back.label, back.description) == ("region 1", "weight 0.41")
    np.testing.assert_allclose(back.centre, box.centre)
    np.testing.assert_allclose(back.axes, box.axes)


def test_a_sheared_grid_gets_the_nearest_box_around_the_same_middle():
    sheared = grid(np.array([[1.0, 0, 0], [0, 1.0, 0.2], [0, 0, 1.0]]))
    box = box_of(sheared, (0, 0, 0), (10, 12, 14), "all")
    np.testing.assert_allclose(box.centre, to_ras(sheared.ijk_to_ras, [6.5, 5.5, 4.5]))
    np.testing.assert_allclose(box.axes.T @ box.axes, np.eye(3), atol=1e-12)


def box(**changes: object) -> Box:
    return Box(**{"label": "a", "centre": (0.0, 0.0, 0.0), "axes": np.eye(3), "size": (1.0, 1.0, 1.0), **changes})


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": ""},
        {"axes": np.diag([1.0, 1.0, -1.0])},
        {"axes": 2 * np.eye(3)},
        {"size": (1.0, 0.0, 1.0)},
        {"centre": (0.0, np.nan, 0.0)},
    ],
)
def test_what_slicer_could_not_show_is_not_written(wrong):
    with pytest.raises(ValidationError):
        markups_of([box(**wrong)])


def test_other_files_are_refused(tmp_path):
    path = write_markups(tmp_path / "r.mrk.json", [box()])
    content = json.loads(path.read_text())
    content["markups"][0]["colour"] = "red"
    (tmp_path / "other.mrk.json").write_text(json.dumps(content))
    for name in ("other.mrk.json",):
        with pytest.raises(InputError, match="ROI markups"):
            read_markups(tmp_path / name)


def test_an_existing_file_is_kept(tmp_path):
    path = Path(write_markups(tmp_path / "r.mrk.json", [box()]))
    with pytest.raises(OutputError, match="exists already"):
        write_markups(path, [box(label="b")])
    assert read_markups(path)[0].label == "a"
