"""Values at another grid's voxels stay at their place in the patient."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from DiffusionCore.errors import UsageError
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import to_canonical_axes, to_ras
from DiffusionCore.volume.regrid import box_grid, cube_grid, onto_grid

OBLIQUE = np.array([[-0.9, 0.3, 0.1, 20.0], [0.2, 1.1, -0.4, -7.0], [0.1, 0.2, 1.9, 3.0], [0, 0, 0, 1]])
LPS = np.diag([-1.0, -1.0, 1.0])


def ramp(shape=(12, 14, 16), matrix=OBLIQUE) -> Volume:
    """Every voxel's value is 2 R - 3 A + S of its place, mm."""
    k, j, i = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return Volume(to_ras(matrix, np.stack((i, j, k), axis=-1)) @ [2.0, -3.0, 1.0], matrix, "MR")


@pytest.mark.parametrize("order", [1, 3])
def test_a_ramp_stays_in_place_on_a_turned_grid(order):
    grid = cube_grid(to_ras(OBLIQUE, [7.5, 6.5, 5.5]), LPS, 0.8, (4, 4, 5))
    found = onto_grid(ramp(), (4, 4, 5), grid, order=order)
    k, j, i = np.meshgrid(np.arange(4), np.arange(4), np.arange(5), indexing="ij")
    wanted = to_ras(grid, np.stack((i, j, k), axis=-1)) @ [2.0, -3.0, 1.0]
    np.testing.assert_allclose(found.voxels, wanted, atol=0.02 if order == 3 else 1e-9)


def test_the_same_grid_gives_the_same_values():
    scan = ramp()
    np.testing.assert_allclose(onto_grid(scan, scan.shape, scan.ijk_to_ras).voxels, scan.voxels, atol=1e-9)


def test_other_axes_of_the_same_grid_only_permute():
    scan = ramp()
    turned = to_canonical_axes(scan)
    np.testing.assert_allclose(onto_grid(scan, turned.shape, turned.ijk_to_ras).voxels, turned.voxels, atol=1e-9)


def test_outside_the_box_is_outside():
    block = Volume(np.ones((4, 4, 4), np.uint8), np.eye(4), "LABEL")
    grid = np.eye(4)
    grid[:3, 3] = -2.0
    found = onto_grid(block, (8, 8, 8), grid, outside=7)
    assert (found.voxels[2:6, 2:6, 2:6] == 1).all()
    assert found.voxels.sum() == 64 + 7 * (512 - 64)


def test_a_coarse_map_fills_the_box_of_the_fine_grid():
    """2 × 2 × 2 voxels over 8 × 8 × 8: each value is at the middle of its octant, and nothing is outside."""
    coarse = box_grid(np.eye(4), (8, 8, 8), (2, 2, 2))
    np.testing.assert_allclose(to_ras(coarse, [[0, 0, 0], [1, 1, 1]]), [[1.5] * 3, [5.5] * 3])
    map_of = Volume(np.arange(8.0).reshape(2, 2, 2), coarse)
    found = onto_grid(map_of, (8, 8, 8), np.eye(4), outside=np.nan, antialias=False).voxels
    assert np.isfinite(found).all()
    assert found[0, 0, 0] == 0
    assert found[7, 7, 7] == 7
    assert found.mean() == pytest.approx(3.5)


def test_labels_keep_their_type():
    labels = Volume(np.arange(27, dtype=np.uint8).reshape(3, 3, 3), np.eye(4), "LABEL")
    found = onto_grid(labels, (3, 3, 3), np.diag([1.01, 1.01, 1.01, 1]), order=0)
    assert found.voxels.dtype == np.uint8
    assert np.array_equal(found.voxels, labels.voxels)


def test_larger_voxels_are_blurred_first():
    """A checkerboard of ±1 disappears in voxels three times as large, where nearest values would show stripes."""
    board = (np.indices((24, 24, 24)).sum(axis=0) % 2 * 2 - 1).astype(np.float32)
    grid = box_grid(np.eye(4), (24, 24, 24), (8, 8, 8))
    assert np.abs(onto_grid(Volume(board, np.eye(4)), (8, 8, 8), grid).voxels).max() < 0.02


@pytest.mark.parametrize(("shape", "order"), [((2, 2), 1), ((0, 2, 2), 1), ((2, 2, 2), 4)])
def test_impossible_grids_are_refused(shape, order):
    with pytest.raises(UsageError):
        onto_grid(ramp(), shape, np.eye(4), order=order)


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("spacing", [0.7, 2.5])
def test_a_part_of_a_grid_has_the_values_that_the_whole_has_there(order, spacing):
    """Of a scan that lies over a corner of the grid, and of a field in a corner of the scan."""
    noise = Volume(np.random.default_rng(0).normal(size=(20, 22, 24)), OBLIQUE, "MR")
    grid = cube_grid(to_ras(OBLIQUE, [20, 18, 3]), LPS, spacing, (16, 16, 16))
    whole = onto_grid(noise, (16, 16, 16), grid, order=order, outside=9.0).voxels
    assert 0 < np.mean(whole == 9.0) < 1
    moved = grid.copy()
    moved[:3, 3] = to_ras(grid, [5, 4, 3])  # i, j, k
    part = onto_grid(noise, (4, 5, 6), moved, order=order, outside=9.0).voxels
    np.testing.assert_allclose(part, whole[3:7, 4:9, 5:11], atol=1e-9)


def test_of_a_large_scan_only_the_field_and_what_is_blurred_into_it_is_worked_on(monkeypatch):
    seen, original = [], ndimage.gaussian_filter

    def noted(voxels: np.ndarray, *given: object, **named: object) -> np.ndarray:
        seen.append(voxels.size)
        return original(voxels, *given, **named)

    monkeypatch.setattr("scipy.ndimage.gaussian_filter", noted)
    scan = Volume(np.zeros((60, 60, 60), np.int16), np.eye(4), "MR")
    onto_grid(scan, (4, 4, 4), cube_grid([30, 30, 30], LPS, 2.0, (4, 4, 4)))
    assert 0 < seen[0] < scan.voxels.size / 20
