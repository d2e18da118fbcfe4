"""What values mean to a model, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.volume import Volume
from DiffusionCore.volume.intensity import (
    Normalisation,
    cast_like,
    ct_padding_mask,
    is_constant,
    normalisation_for,
    percentile_above_zero,
)


def test_normalisation_by_hand() -> None:
    normalisation = Normalisation(offset=100.0, scale=50.0)
    x = np.array([100, 150, 0], np.int16)
    normalised = normalisation.apply(x)
    assert normalised.dtype == np.float32
    np.testing.assert_array_equal(normalised, [0, 1, -2])
    np.testing.assert_array_equal(normalisation.invert(normalised), x)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "uint8"])
def test_every_integer_survives_there_and_back(dtype: str) -> None:
    limits = np.iinfo(dtype)
    x = np.arange(limits.min, limits.max + 1, dtype=dtype)
    for normalisation in (Normalisation(0, 1000), Normalisation(0, 487.3), Normalisation(-31.7, 0.37)):
        np.testing.assert_array_equal(cast_like(normalisation.invert(normalisation.apply(x)), dtype), x)


@pytest.mark.parametrize(("offset", "scale"), [(0, 0), (0, -1), (0, np.nan), (np.inf, 1)])
def test_normalisation_that_cannot_be_undone_is_refused(offset: float, scale: float) -> None:
    with pytest.raises(UsageError, match="above 0"):
        Normalisation(offset, scale)


def test_mr_is_scaled_by_its_bright_tissue_and_ct_by_1000_hu() -> None:
    voxels = np.zeros((10, 10, 20), np.int16)
    voxels[5:] = np.arange(1000).reshape(5, 10, 20)  # 0 to 999; the zeros do not count
    scale = np.percentile(np.arange(1, 1000), 99.5)
    assert normalisation_for(Volume(voxels, np.eye(4), "MR"), "p99.5") == Normalisation(0, scale)
    assert normalisation_for(Volume(voxels, np.eye(4), "CT"), "hu") == Normalisation(0, 1000)
    with pytest.raises(UsageError, match=r"p99\.5 or hu"):
        normalisation_for(Volume(voxels, np.eye(4)), "z")
    with pytest.raises(InputError, match="no voxel of the scan is above 0"):
        normalisation_for(Volume(voxels * 0, np.eye(4)), "p99.5")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("percent", [0, 0.1, 50, 99.5, 100])
def test_percentile_is_numpy_s_for_every_type(dtype: str, percent: float) -> None:
    rng = np.random.default_rng(3)
    high = 120 if dtype == "int8" else 250
    voxels = rng.integers(0 if dtype[0] == "u" else -100, high, (7, 9, 11)).astype(dtype)
    numbers = voxels.view(np.uint8) if dtype == "bool" else voxels  # of truths NumPy has no percentile
    assert percentile_above_zero(voxels, percent) == pytest.approx(
        np.percentile(numbers[numbers > 0], percent), rel=1e-12
    )
    assert percentile_above_zero(np.zeros((2, 2, 2), dtype), percent) is None
    assert percentile_above_zero(voxels[:, ::2, ::3], percent) is not None  # views are no problem


def test_cast_rounds_and_clips() -> None:
    values = np.array([-1e9, -1.5, -0.5, 0.49, 0.5, 1.5, 2.6, 1e9], np.float32)
    np.testing.assert_array_equal(cast_like(values, np.int16), [-32768, -2, 0, 0, 0, 2, 3, 32767])
    np.testing.assert_array_equal(cast_like(values, np.uint8), [0, 0, 0, 0, 0, 2, 3, 255])
    assert cast_like(values, np.float32) is values
    np.testing.assert_array_equal(cast_like(np.array([0.2, 0.7]), bool), [False, True])


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("given", ["float32", "float64"])
def test_cast_to_wide_integers_never_wraps(dtype: str, given: str) -> None:
    # The largest int32 is 2**31 - 1, which float32 rounds up to 2**31: cast as it is, that would be negative.
    low, high = cast_like(np.array([-1e30, 1e30], given), dtype)
    assert low == np.iinfo(dtype).min
    assert np.iinfo(dtype).max * 0.999999 < high <= np.iinfo(dtype).max


def test_cast_between_integers_clips() -> None:
    np.testing.assert_array_equal(cast_like(np.array([-5, 300], np.int16), np.uint8), [0, 255])
    np.testing.assert_array_equal(cast_like(np.array([70000], np.uint32), np.int16), [32767])


def disc(radius: float, size: int = 64) -> np.ndarray:
    y, x = np.indices((size, size)) - (size - 1) / 2
    return np.hypot(x, y) < radius


@pytest.mark.parametrize("filling", [-3024, -2048, -2000, -1024])
def test_padding_is_what_lies_outside_the_reconstruction_circle(filling: int) -> None:
    rng = np.random.default_rng(0)
    inside = disc(31)
    air = np.maximum(rng.normal(-1000, 12, (5, 64, 64)), -1024).round()  # some of it is clipped to -1024 exactly
    tissue = rng.normal(40, 12, (5, 64, 64)).round()
    voxels = np.where(inside, np.where(disc(20), tissue, air), filling).astype(np.int16)
    assert np.any(voxels[:, inside] == -1024)
    mask = ct_padding_mask(voxels)
    if filling < -1024:
        np.testing.assert_array_equal(mask, np.broadcast_to(~inside, voxels.shape))
        return
    # -1024 is ambiguous: where the circle nearly touches the edge, and where clipped air touches the rim.
    assert np.mean(mask[:, ~inside]) > 0.97
    assert np.mean(mask[:, inside]) < 0.003


def test_air_in_the_body_and_noisy_air_are_no_padding() -> None:
    rng = np.random.default_rng(0)
    voxels = np.maximum(rng.normal(-1000, 20, (3, 64, 64)), -1024).round().astype(np.int16)
    assert 0.05 < np.mean(voxels == -1024) < 0.2
    assert not ct_padding_mask(voxels).any()
    body = np.full((3, 64, 64), 40, np.int16)
    body[:, disc(10)] = -1024  # bowel gas without any noise, far from the edge
    assert not ct_padding_mask(body).any()


def test_mr_and_label_values_have_no_padding() -> None:
    assert not ct_padding_mask(np.zeros((2, 8, 8), np.uint8)).any()
    assert not ct_padding_mask(np.full((2, 8, 8), -500.0)).any()


def test_scan_that_is_all_padding() -> None:
    assert ct_padding_mask(np.full((2, 8, 8), -2000, np.int16)).all()


def test_constant_images() -> None:
    assert is_constant(np.full((2, 2, 2), 7))
    assert not is_constant(np.arange(8).reshape(2, 2, 2))
