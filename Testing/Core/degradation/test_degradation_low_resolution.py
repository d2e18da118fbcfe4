"""Coarse voxels and back: places are kept to a hundredth of a voxel, the coarse scan of what came back is the same."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.degradation import axis_lowering, consistent, expected_residual, fine_size, lifted, lowered
from DiffusionCore.degradation.grid import apply_matrix
from DiffusionCore.degradation.low_resolution import KINDS
from DiffusionCore.errors import UsageError

FACTORS = (1.5, 2.0, 3.0, 3.7, 4.0)


def blob(size: int, centre: float, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((np.arange(size) - centre) / width) ** 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", [96, 85])
def test_a_ramp_and_a_blob_stay_in_place_to_a_hundredth_of_a_voxel(kind: str, factor: float, size: int) -> None:
    axis = axis_lowering(size, factor, kind)
    x = np.arange(size, dtype=float)
    inside = slice(size // 3, -size // 3)
    coarse = axis.lower @ x
    places = (np.arange(len(coarse)) - (len(coarse) - 1) / 2) * factor + (size - 1) / 2
    middle = slice(len(coarse) // 3, -(len(coarse) // 3))
    # the mirrored ends of a ramp are a kink, whose ringing under a cut-off spectrum dies out inwards
    np.testing.assert_allclose(coarse[middle], places[middle], atol=0.1 if kind == "kspace" else 0.01)
    centre = size / 2 + 0.3
    there = axis.lift @ (axis.lower @ blob(size, centre, 2.0 * factor))
    assert abs(np.sum(there * x) / np.sum(there) - centre) < 0.01
    assert np.abs((axis.lift @ coarse - x)[inside]).max() < (0.2 if kind == "kspace" else 0.02)


@pytest.mark.parametrize("shape", [(7,), (5, 7), (4, 5, 7)])
def test_a_matrix_along_any_axis_is_that_of_einsum(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for axis, size in enumerate(shape):
        matrix = np.random.default_rng(1).normal(size=(3, size))
        letters = "abc"[: len(shape)]
        wanted = np.einsum(f"z{letters[axis]},{letters}->{letters.replace(letters[axis], 'z')}", matrix, x)
        got = apply_matrix(matrix, x, axis)
        assert got.dtype == np.float32 and got.flags.c_contiguous
        np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_stays_one(kind: str) -> None:
    axis = axis_lowering(50, 2.3, kind)
    np.testing.assert_allclose(axis.lower.sum(1), 1, atol=1e-9)
    np.testing.assert_allclose(axis.lift.sum(1), 1, atol=1e-9)


def test_new_index_0_lies_half_a_new_voxel_inside_the_old_edge() -> None:
    """Of ×2, old index -0.5 + 0.5 / 2 = -0.25: on a ramp, a cubic spline reads that very value there, mirrored ends aside."""
    axis = axis_lowering(40, 2.0, "spline")
    there = axis.lift @ np.arange(20.0)
    assert there[20] == pytest.approx(20 / 2 - 0.25, abs=1e-3)


def test_cutting_k_space_keeps_what_is_below_the_new_nyquist_frequency_exactly() -> None:
    axis = axis_lowering(48, 2.0, "kspace")
    slow = np.cos(np.pi * 11 * (np.arange(48) + 0.5) / 48)
    fast = np.cos(np.pi * 30 * (np.arange(48) + 0.5) / 48)
    np.testing.assert_allclose(axis.lift @ axis.lower @ slow, slow, atol=1e-12)
    np.testing.assert_allclose(axis.lower @ fast, 0, atol=1e-12)
    np.testing.assert_allclose(axis.lower @ axis.lift, np.eye(24), atol=1e-12)


@pytest.mark.parametrize("kind", ["kspace", "profile"])
def test_what_comes_back_agrees_with_the_coarse_scan(kind: str) -> None:
    axis = axis_lowering(48, 2.0, kind)
    np.testing.assert_allclose(axis.lower @ axis.lift, np.eye(24), atol=0.01)


def test_a_softened_coarse_scan_is_blurred_and_lifted_as_if_it_were_not() -> None:
    sharp, soft = (axis_lowering(48, 2.0, "kspace", softening=fwhm) for fwhm in (0.0, 1.2))
    np.testing.assert_array_equal(sharp.lift, soft.lift)
    step = np.repeat([0.0, 1.0], 24)
    assert np.abs(np.diff(soft.lower @ step)).max() < 0.8 * np.abs(np.diff(sharp.lower @ step)).max()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [2.0, 3.7])
def test_after_the_projection_the_result_made_coarse_again_is_the_scan(kind: str, factor: float) -> None:
    rng = np.random.default_rng(0)
    axes = [axis_lowering(30, factor, kind), None, axis_lowering(24, 2.0, kind)]
    y = lowered(rng.normal(size=(30, 3, 24)).astype(np.float32), axes)
    x = rng.normal(size=(30, 3, 24)).astype(np.float32)
    np.testing.assert_allclose(lowered(consistent(x, y, axes), axes), y, atol=2e-4)
    half = consistent(x, y, axes, weight=0.5)
    np.testing.assert_allclose(lowered(half, axes) - y, 0.5 * (lowered(x, axes) - y), atol=2e-4)


def test_the_projection_moves_by_as_little_as_it_can() -> None:
    """What is already consistent is not touched, and the move has no part that lowering does not see."""
    rng = np.random.default_rng(1)
    axes = [axis_lowering(24, 2.0, "profile")] * 2
    x = rng.normal(size=(24, 24)).astype(np.float32)
    np.testing.assert_allclose(consistent(x, lowered(x, axes), axes), x, atol=1e-5)
    move = consistent(x, np.zeros((12, 12), np.float32), axes) - x
    projector = np.linalg.pinv(axes[0].lower) @ axes[0].lower
    np.testing.assert_allclose(projector @ move @ projector.T, move, atol=1e-4)


def test_the_expected_residual_is_that_of_scans_with_that_covariance() -> None:
    rng = np.random.default_rng(2)
    size, correlation = 40, 4.0
    covariance = np.exp(-np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / correlation)
    lines = 0.3 * np.linalg.cholesky(covariance) @ rng.normal(size=(size, 20_000))
    axes = [axis_lowering(size, 4.0, "profile"), None]
    x = lines.astype(np.float32)
    y = lifted(lowered(x, axes), axes)
    expected, level = expected_residual(y, axes, 0.3, correlation)
    np.testing.assert_allclose((x - y).std(axis=1), expected[:, 0], rtol=0.03)
    assert level == pytest.approx(np.median(expected), rel=1e-6)


def test_more_is_expected_between_slices_for_larger_factors_and_where_there_is_more_to_see() -> None:
    y = np.zeros((48, 4, 4), np.float32)
    scales = [expected_residual(y, [axis_lowering(48, f, "profile"), None, None], 1.0, 4.0)[1] for f in (2, 4, 6)]
    assert scales[0] < scales[1] < scales[2]
    one = expected_residual(y, [axis_lowering(48, 4, "profile"), None, None], 1.0, 4.0)[0][:, 0, 0]
    assert one[20] == pytest.approx(one[24], rel=1e-3)  # the same place between slices
    y[24:] = 1
    edges = expected_residual(y, [axis_lowering(48, 4, "profile"), None, None], 0.02, 4.0, content=2.0)[0][:, 0, 0]
    assert edges[24] > 5 * edges[8]


@pytest.mark.parametrize(("coarse", "factor", "fine"), [(10, 2, 20), (7, 1.5, 11), (5, 3.7, 19), (1, 4, 4)])
def test_sizes_are_rounded_half_up(coarse: int, factor: float, fine: int) -> None:
    assert fine_size(coarse, factor) == fine


@pytest.mark.parametrize("coarse", range(3, 40))
@pytest.mark.parametrize("factor", [1.3, 1.5, 1.85, 2.5, 3.7, 6.0])
def test_the_way_down_from_the_fine_size_is_the_coarse_size(coarse: int, factor: float) -> None:
    assert axis_lowering(fine_size(coarse, factor), factor, "spline").lower.shape[0] == coarse


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(UsageError, match="way down"):
        axis_lowering(20, 2.0, "magic")
    with pytest.raises(UsageError, match="at least 1"):
        axis_lowering(20, 0.5, "kspace")
