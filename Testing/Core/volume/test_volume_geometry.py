"""Every voxel keeps its place in the patient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from DiffusionCore.errors import UsageError
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import (
    box_slices,
    centre,
    crop,
    direction_cosines,
    in_order_of,
    is_left_handed,
    mask_slices,
    orientation_code,
    shear,
    to_canonical_axes,
    to_ijk,
    to_ras,
)

# i runs to the left (0.5 mm), j to superior (2 mm), k to posterior (3 mm).
SAGITTAL = np.array([[-0.5, 0, 0, 10], [0, 0, -3.0, 20], [0, 2.0, 0, 30], [0, 0, 0, 1]])
SKEWED = np.array([[1, 0, 0, 0], [0, 1, 0.75, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])  # k leans by tan = 3/4: cosine 0.6


def places() -> Volume:
    """A (4, 5, 6) volume whose every voxel value is unique: 100 k + 10 j + i."""
    k, j, i = np.indices((4, 5, 6))
    return Volume((100 * k + 10 * j + i).astype(np.int16), SAGITTAL, "MR")


def test_shear_is_the_cosine_of_the_leaning_axes() -> None:
    assert shear(SAGITTAL) == 0
    assert shear(SKEWED) == pytest.approx(0.6)


def test_handedness_flips_with_one_axis() -> None:
    assert not is_left_handed(np.eye(4))
    assert is_left_handed(np.diag([-1.0, 1, 1, 1]))
    assert not is_left_handed(np.diag([-1.0, -1, 1, 1]))


def test_direction_cosines_have_length_one() -> None:
    np.testing.assert_array_equal(direction_cosines(SAGITTAL), [[-1, 0, 0], [0, 0, -1], [0, 1, 0]])
    np.testing.assert_allclose(direction_cosines(SKEWED)[:, 2], (0, 0.6, 0.8))


def test_places_by_hand_and_back() -> None:
    np.testing.assert_array_equal(to_ras(SAGITTAL, (2, 3, 1)), (10 - 1, 20 - 3, 30 + 6))
    np.testing.assert_allclose(to_ijk(SAGITTAL, (9, 17, 36)), (2, 3, 1))
    np.testing.assert_allclose(centre(places()), (10 - 0.5 * 2.5, 20 - 3 * 1.5, 30 + 2 * 2))


def test_crop_keeps_every_voxel_at_its_place() -> None:
    whole = places()
    part = crop(whole, (slice(1, 3), slice(2, None), slice(-3, -1)))
    assert part.shape == (2, 3, 2)
    np.testing.assert_array_equal(part.voxels, whole.voxels[1:3, 2:, -3:-1])
    np.testing.assert_array_equal(to_ras(part.ijk_to_ras, (0, 0, 0)), to_ras(SAGITTAL, (3, 2, 1)))
    assert np.shares_memory(part.voxels, whole.voxels)


def test_crop_to_nothing_is_refused() -> None:
    for wrong in ((slice(4, 9), slice(None), slice(None)), (slice(None), slice(3, 3), slice(None))):
        with pytest.raises(UsageError, match="takes nothing"):
            crop(places(), wrong)
    with pytest.raises(UsageError, match="a slice for each"):
        crop(places(), (slice(None),))


def test_box_takes_the_voxels_it_touches() -> None:
    # Along i, voxel n covers 10 - 0.5 n ± 0.25 mm of R; along j 30 + 2 n ± 1 of S; along k 20 - 3 n ± 1.5 of A.
    assert box_slices(places(), (8.8, 15.6, 33.1), (9.2, 18.4, 36.9)) == (slice(1, 2), slice(2, 4), slice(2, 3))
    assert box_slices(places(), (-999, -999, -999), (999, 999, 999)) == (slice(0, 4), slice(0, 5), slice(0, 6))
    # A box from edge to edge of one voxel takes no neighbour.
    assert box_slices(places(), (8.75, 15.5, 33.0), (9.25, 18.5, 35.0)) == (slice(1, 2), slice(2, 3), slice(2, 3))
    with pytest.raises(UsageError, match="outside the scan"):
        box_slices(places(), (100, 0, 0), (110, 10, 10))


def test_box_of_an_oblique_scan_holds_all_its_corners() -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    volume = Volume(np.zeros((10, 40, 40), np.uint8), turn)
    slices = box_slices(volume, (0, 20, 2), (5, 25, 4))
    part = crop(volume, slices)
    for corner in np.array(np.meshgrid((0, 5), (20, 25), (2, 4))).reshape(3, -1).T:
        ijk = to_ijk(part.ijk_to_ras, corner)
        assert np.all(ijk >= -0.5) and np.all(ijk <= np.array(part.shape[::-1]) - 0.5)


def test_bounding_box_of_a_mask_with_margin() -> None:
    mask = np.zeros((10, 10, 10), bool)
    mask[2, 3:5, 9] = True
    assert mask_slices(mask) == (slice(2, 3), slice(3, 5), slice(9, 10))
    assert mask_slices(mask, margin=3) == (slice(0, 6), slice(0, 8), slice(6, 10))
    with pytest.raises(UsageError, match="empty"):
        mask_slices(np.zeros((2, 2, 2), bool))


def test_orientation_code_names_where_axes_run() -> None:
    assert orientation_code(np.eye(4)) == "RAS"
    assert orientation_code(SAGITTAL) == "LSP"


def test_canonical_axes_show_left_where_it_is() -> None:
    whole = places()
    turned = to_canonical_axes(whole)
    assert orientation_code(turned.ijk_to_ras) == "RAS"
    assert sorted(turned.shape) == sorted(whole.shape)
    rng = np.random.default_rng(0)
    for i, j, k in zip(rng.integers(0, 6, 20), rng.integers(0, 5, 20), rng.integers(0, 4, 20), strict=True):
        x, y, z = np.rint(to_ijk(turned.ijk_to_ras, to_ras(SAGITTAL, (i, j, k)))).astype(int)
        assert turned.voxels[z, y, x] == whole.voxels[k, j, i]


def test_canonical_axes_of_a_canonical_scan_change_nothing() -> None:
    volume = Volume(places().voxels, np.diag([0.5, 0.7, 2, 1]), "MR")
    turned = to_canonical_axes(volume)
    np.testing.assert_array_equal(turned.voxels, volume.voxels)
    np.testing.assert_array_equal(turned.ijk_to_ras, volume.ijk_to_ras)


@given(st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3), st.floats(-80, 80), st.floats(-80, 80))
def test_another_order_of_the_same_voxels_is_undone(
    order: list[int], flips: tuple[bool, ...], about_z: float, about_x: float
) -> None:
    turned = Rotation.from_euler("zx", (about_z, about_x), degrees=True).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = turned * (0.5, 0.75, 2)
    scan = Volume(places().voxels, matrix, "MR")
    voxels, other = scan.voxels.transpose(order), np.eye(4)
    axes = [2 - axis for axis in reversed(order)]  # (i, j, k) of what were (k, j, i)
    other[:3, :3] = matrix[:3, axes]
    other[:3, 3] = matrix[:3, 3]
    for axis, flip in enumerate(flips):
        if flip:
            voxels = np.flip(voxels, 2 - axis)
            other[:3, 3] += other[:3, axis] * (voxels.shape[2 - axis] - 1)
            other[:3, axis] *= -1
    back = in_order_of(Volume(voxels, other, "MR"), scan)
    np.testing.assert_array_equal(back.voxels, scan.voxels)
    np.testing.assert_allclose(back.ijk_to_ras, matrix, atol=1e-9)


def test_a_grid_in_the_same_order_already_stays_as_it_is() -> None:
    scan = places()
    oblique = np.eye(4)
    oblique[:3, :3] = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    for matrix in (oblique, np.diag([1.0, 2, 3, 1]), SKEWED):
        other = Volume(scan.voxels, matrix, "MR")
        assert in_order_of(other, Volume(scan.voxels, np.eye(4), "MR")) is other
