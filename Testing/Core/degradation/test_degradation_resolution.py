"""Every down-sampling on one grid: the physical box stays, and nothing in it moves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from DiffusionCore.degradation import (
    aligned_grid,
    downsample_kspace,
    gaussian_blur,
    spline_downsample,
    thick_slices,
    upsample_kspace,
)
from DiffusionCore.errors import UsageError

SIZE = 48


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def along_axis_0(kind: str, x: np.ndarray, factor: float):
    if kind == "kspace":
        return downsample_kspace(x, rng(), (factor, 1, 1))
    if kind == "spline":
        return spline_downsample(x, rng(), (factor, 1, 1))
    return thick_slices(x, rng(), axis=0, spacing_mm=1.0, thickness_mm=factor, profile=kind)


KINDS = ["kspace", "spline", "gaussian", "rect", "sinc"]
FACTORS = [2, 3, 4, 1.5, 2.5, 2.7]


def first(value):
    return value[0] if isinstance(value, list) else value


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_gaussian_blob_stays_in_place(kind, factor):
    k, j, i = np.indices((SIZE, 9, 7), dtype=float)
    centre = 22.3
    blob = np.exp(-((k - centre) ** 2) / (2 * 4.0**2) - (j - 4) ** 2 / 4 - (i - 3) ** 2 / 4)
    result = along_axis_0(kind, blob, factor)
    assert result.voxels.shape[1:] == (9, 7)
    position = first(result.record["origin_index"]) + first(result.record["factor"]) * np.arange(len(result.voxels))
    mass = result.voxels.sum(axis=(1, 2), dtype=np.float64)
    assert (mass @ position) / mass.sum() == pytest.approx(centre, abs=0.01)
    json.dumps(result.record)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("kind", ["spline", "gaussian", "rect", "sinc"])
def test_a_linear_ramp_stays_in_place(kind, factor):
    ramp = np.broadcast_to(np.arange(SIZE, dtype=np.float32)[:, None, None], (SIZE, 4, 4))
    result = along_axis_0(kind, ramp, factor)
    position = first(result.record["origin_index"]) + first(result.record["factor"]) * np.arange(len(result.voxels))
    inner = (position > 14) & (position < SIZE - 15)
    assert inner.sum() >= 4
    np.testing.assert_allclose(result.voxels[inner, 2, 2], position[inner], atol=0.01)


@pytest.mark.parametrize("factor", [2, 4, 2.5])
def test_a_ramp_stays_in_place_in_k_space_where_it_has_no_jump(factor):
    # k-space is periodic, so the ramp goes up and comes down again, rounded at its turns.
    size = 240
    up_and_down = np.abs((np.arange(size) - 60.25) % size - size / 2)
    smooth = np.fft.ifft(np.fft.fft(up_and_down) * np.exp(-((np.fft.fftfreq(size) / 0.05) ** 2))).real
    x = np.broadcast_to(smooth[:, None], (size, 3))
    result = downsample_kspace(x, rng(), (factor, 1))
    position = result.record["origin_index"][0] + factor * np.arange(len(result.voxels))
    rising = (position > 80) & (position < 160)
    expected = np.interp(position, np.arange(size), smooth)
    np.testing.assert_allclose(result.voxels[rising, 1], expected[rising], atol=0.01)
    slope = np.polyfit(position[rising], result.voxels[rising, 1], 1)[0]
    assert abs(slope) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("size", "factor", "origin", "new"), [(8, 2, 0.5, 4), (9, 3, 1.0, 3), (6, 0.5, -0.25, 12)])
def test_new_index_0_lies_half_a_new_voxel_inside_the_box(size, factor, origin, new):
    grid = aligned_grid(size, factor)
    assert (grid.size, grid.origin) == (new, origin)


def test_a_size_that_does_not_divide_keeps_spacing_and_centre():
    grid = aligned_grid(10, 3)
    assert grid.size == 3 and grid.factor == 3
    assert grid.positions.mean() == 4.5
    assert aligned_grid(11, 2).size == 6  # 5.5 is rounded up
    assert aligned_grid(3, 8).positions.tolist() == [1.0]


def test_splines_are_scipys_zoom_with_grid_mode():
    from scipy.ndimage import zoom

    x = rng().random((12, 16, 20), dtype=np.float32)
    ours = spline_downsample(x, rng(), (2, 4, 1)).voxels
    np.testing.assert_allclose(ours, zoom(x, (0.5, 0.25, 1), order=3, mode="reflect", grid_mode=True), atol=1e-5)


def test_a_slice_is_down_sampled_in_two_axes():
    x = rng().random((12, 16), dtype=np.float32)
    assert spline_downsample(x, rng(), 2).voxels.shape == (6, 8)
    assert downsample_kspace(x, rng(), 2).voxels.shape == (6, 8)
    assert thick_slices(x, rng(), axis=-1, spacing_mm=1.0, thickness_mm=4.0).voxels.shape == (12, 4)


def test_the_blur_has_the_width_asked_for_and_keeps_the_sum():
    x = np.zeros((61, 61), np.float32)
    x[30, 30] = 1
    spacing = (0.5, 2.0)
    result = gaussian_blur(x, rng(), fwhm_mm=(3.0, 9.0), spacing_mm=spacing).voxels.astype(np.float64)
    assert result.sum() == pytest.approx(1, abs=1e-5)
    for axis, fwhm in enumerate((3.0, 9.0)):
        z = (np.arange(61) - 30) * spacing[axis]
        line = result.sum(axis=1 - axis)
        assert np.sqrt(line @ z**2) == pytest.approx(fwhm / 2.3548, rel=0.01)
    np.testing.assert_array_equal(gaussian_blur(x, rng(), 0.0).voxels, x)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: spline_downsample(x, rng(), 0.5),
        lambda x: spline_downsample(x, rng(), (2, 2, 2)),
        lambda x: spline_downsample(x, rng(), 2, order=6),
        lambda x: spline_downsample(x, rng(), np.nan),
        lambda x: downsample_kspace(x, rng(), 0.9),
        lambda x: downsample_kspace(x, rng(), 2, sigma=-1),
        lambda x: upsample_kspace(x, 2, (16,)),
        lambda x: thick_slices(x, rng(), axis=2, spacing_mm=1.0, thickness_mm=3.0),
        lambda x: thick_slices(x, rng(), axis=0, spacing_mm=1.0, thickness_mm=0.0),
        lambda x: thick_slices(x, rng(), axis=0, spacing_mm=1.0, thickness_mm=2.0, gap_mm=-1.5),
        lambda x: thick_slices(x, rng(), axis=0, spacing_mm=1.0, thickness_mm=3.0, profile="triangle"),
        lambda x: gaussian_blur(x, rng(), -1.0),
        lambda x: gaussian_blur(x, rng(), 1.0, spacing_mm=0.0),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        wrong(np.ones((8, 8), np.float32))
