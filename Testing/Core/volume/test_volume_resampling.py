"""Resampling keeps the physical box, and what is in it at its place."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.volume import Volume
from DiffusionCore.volume.geometry import centre, resample, to_ijk, to_ras

OBLIQUE = np.array([[0.8, -0.9, 0.1, 5], [0.6, 1.2, 0.0, -7], [0.0, 0.0, 3.0, 11], [0, 0, 0, 1.0]])


def world(volume: Volume) -> np.ndarray:
    """(K, J, I, 3): the RAS place of every voxel."""
    k, j, i = np.indices(volume.shape)
    return to_ras(volume.ijk_to_ras, np.stack([i, j, k], axis=-1))


@pytest.mark.parametrize("factor", [2.0, 4.0, 0.5, 3.0, 1.5, 0.75])
def test_new_index_zero_lies_where_the_box_begins(factor: float) -> None:
    volume = Volume(np.zeros((12, 12, 12), np.float32), OBLIQUE)
    result = resample(volume, np.array(volume.spacing) / factor)
    assert result.shape == (12 * factor,) * 3
    first = np.full(3, -0.5 + 0.5 / factor)
    np.testing.assert_allclose(result.ijk_to_ras[:3, 3], to_ras(OBLIQUE, first), atol=1e-12)
    np.testing.assert_allclose(result.spacing, np.array(volume.spacing) / factor, rtol=1e-12)


def test_size_is_rounded_with_exact_spacing_and_the_box_s_centre() -> None:
    volume = Volume(np.zeros((10, 11, 13), np.float32), OBLIQUE)
    result = resample(volume, 0.7)
    assert result.shape == tuple(np.rint(np.array(volume.shape) * volume.spacing / 0.7))
    np.testing.assert_allclose(result.spacing, (0.7, 0.7, 0.7), rtol=1e-12)
    np.testing.assert_allclose(centre(result), centre(volume), atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("spacing", [(1.5, 0.75, 0.5), (3.0, 0.6, 1.1), (6.0, 3.0, 2.0)])
def test_linear_ramp_stays_in_place(order: int, spacing: tuple[float, float, float]) -> None:
    # The value is the place along a slanted line in the patient; wherever it is asked, it must be so.
    slope = np.array([0.3, -0.5, 0.4])
    empty = Volume(np.zeros((40, 40, 40), np.float64), OBLIQUE)
    ramp = empty.with_voxels(world(empty) @ slope)
    result = resample(ramp, spacing, order)
    # Mirrored at the faces the ramp has a kink there, whose ringing dies within some voxels.
    inside = np.all(np.abs(to_ijk(OBLIQUE, world(result)) - 19.5) < 8, axis=-1)
    assert inside.any()
    np.testing.assert_allclose(result.voxels[inside], (world(result) @ slope)[inside], atol=0.01)


@pytest.mark.parametrize("spacing", [0.5, 0.8, 1.6, 2.0, (3.0, 0.6, 1.1)])
def test_gaussian_blob_stays_in_place(spacing: float | tuple[float, float, float]) -> None:
    empty = Volume(np.zeros((41, 40, 39), np.float64), np.diag([1, 1, 1, 1.0]))
    place = np.array([18.3, 20.6, 19.9])
    blob = empty.with_voxels(np.exp(-np.sum((world(empty) - place) ** 2, axis=-1) / (2 * 3.0**2)))
    result = resample(blob, spacing)
    mass = result.voxels / result.voxels.sum()
    np.testing.assert_allclose(np.einsum("kji,kjix->x", mass, world(result)), place, atol=0.01)


def test_same_as_scipy_s_zoom_in_grid_mode() -> None:
    voxels = np.random.default_rng(0).normal(size=(7, 8, 9))
    for order in (1, 3, 5):
        result = resample(Volume(voxels, np.eye(4)), 0.5, order).voxels
        expected = ndimage.zoom(voxels, 2, order=order, grid_mode=True, mode="reflect")
        np.testing.assert_allclose(result, expected, atol=1e-7)  # scipy ends the splines' recursion near 1e-8


def test_larger_voxels_are_blurred_before_so_that_nothing_aliases() -> None:
    # The finest stripes there are, at twice the spacing: without a blur they would turn into a constant of ±1.
    stripes = np.broadcast_to((-1.0) ** np.arange(64), (4, 4, 64))
    result = resample(Volume(stripes, np.eye(4)), (1, 1, 2.4)).voxels
    assert np.abs(result[:, :, 2:-2]).max() < 0.05
    # Noise of one voxel loses about what averaging over the new voxel would take.
    noise = np.random.default_rng(0).normal(size=(48, 48, 48))
    assert resample(Volume(noise, np.eye(4)), 2.0).voxels.std() < 0.5


def test_mean_is_kept() -> None:
    voxels = np.random.default_rng(0).normal(100, 5, (12, 14, 16))
    for spacing in (0.5, 2.0):
        assert resample(Volume(voxels, np.eye(4)), spacing).voxels.mean() == pytest.approx(voxels.mean(), abs=0.1)


def test_label_maps_get_no_new_values() -> None:
    labels = np.random.default_rng(0).integers(0, 5, (9, 9, 9)).astype(np.uint8)
    volume = Volume(labels, np.eye(4), "LABEL")
    doubled = resample(volume, 0.5)
    assert doubled.voxels.dtype == np.uint8
    np.testing.assert_array_equal(doubled.voxels, labels.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    assert set(np.unique(resample(volume, 0.7).voxels)) <= set(range(5))


def test_same_spacing_changes_no_voxel() -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (5, 6, 7)).astype(np.int16)
    result = resample(Volume(voxels, OBLIQUE, "CT"), Volume(voxels, OBLIQUE).spacing)
    np.testing.assert_array_equal(result.voxels, voxels)
    np.testing.assert_allclose(result.ijk_to_ras, OBLIQUE, atol=1e-12)


def test_one_slice_stays_one_slice() -> None:
    result = resample(Volume(np.ones((1, 8, 8), np.float32), np.diag([1, 1, 5.0, 1])), (5.0, 0.5, 0.5))
    assert result.shape == (1, 16, 16)
    np.testing.assert_allclose(result.voxels, 1, atol=1e-6)


@pytest.mark.parametrize("spacing", [0, -1, np.nan, np.inf])
def test_spacing_must_be_a_length(spacing: float) -> None:
    with pytest.raises(UsageError, match="above 0 mm"):
        resample(Volume(np.zeros((2, 2, 2)), np.eye(4)), spacing)


def test_order_must_be_a_spline_s() -> None:
    with pytest.raises(UsageError, match="0 to 5"):
        resample(Volume(np.zeros((2, 2, 2)), np.eye(4)), 1, order=6)


def test_a_grid_that_no_memory_holds_is_told_before_it_is_made() -> None:
    volume = Volume(np.ones((4, 5, 6), np.int16), np.eye(4), "MR")
    with pytest.raises(InputError, match="at the new spacing: its 6000000×5000000×4000000 voxels"):
        resample(volume, 1e-6)


def test_a_spacing_wider_than_the_scan_gives_its_mean_in_no_memory() -> None:
    voxels = np.random.default_rng(0).normal(100, 10, (6, 7, 8)).astype(np.float32)
    found = resample(Volume(voxels, np.eye(4), "MR"), 1e9)
    assert found.shape == (1, 1, 1)
    assert float(found.voxels[0, 0, 0]) == pytest.approx(voxels.mean(), abs=0.5)
