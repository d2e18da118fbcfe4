from __future__ import annotations

import json

import numpy as np
import pytest

from DiffusionCore.degradation import (
    band_limited_noise,
    downsample_kspace,
    partial_fourier,
    rician_moments,
    upsample_kspace,
    zero_filled,
)
from DiffusionCore.errors import UsageError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def wave(order: float, size: int, positions: np.ndarray, phase: float = 0.7) -> np.ndarray:
    """`order` periods over a box of `size` voxels, at positions in voxels."""
    return np.cos(2 * np.pi * order * positions / size + phase)


@pytest.mark.parametrize(("size", "factor"), [(48, 2), (48, 4), (45, 3), (50, 2), (48, 1.5), (47, 2), (50, 3)])
def test_waves_under_the_new_nyquist_are_kept_exactly_and_those_over_it_vanish(size, factor):
    for order in range(size // 2):
        result = downsample_kspace(np.tile(wave(order, size, np.arange(size)), (3, 1)), rng(), (1, factor))
        position = result.record["origin_index"][1] + factor * np.arange(result.voxels.shape[1])
        if order < size / (2 * factor):
            np.testing.assert_allclose(result.voxels[1], wave(order, size, position), atol=2e-5)
        elif order > size / (2 * factor):
            np.testing.assert_allclose(result.voxels[1], 0, atol=2e-5)


def test_cropping_is_k_space_with_the_linear_phase_of_half_the_factor_less_one():
    x = rng().random((15, 15))
    spectrum = np.fft.fft2(x)
    order = np.fft.fftfreq(15, 1 / 15)
    kept = np.abs(order) <= 2  # 5 of 15: an odd matrix has no Nyquist line
    phase = np.exp(2j * np.pi * order * 1.0 / 15)  # (3 − 1)/2 = 1 voxel
    shifted = (spectrum * phase[:, None] * phase[None, :])[np.ix_(kept, kept)]
    explicit = np.fft.ifft2(shifted).real * 25 / 225
    np.testing.assert_allclose(downsample_kspace(x, rng(), 3).voxels, explicit, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 12), (7, 9), (8, 9, 10)])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_zero_filled_interpolation_and_cropping_undo_each_other(shape, factor):
    y = rng(1).random(shape, dtype=np.float32)
    fine = upsample_kspace(y, factor, [n * factor for n in shape])
    np.testing.assert_allclose(downsample_kspace(fine, rng(), factor).voxels, y, atol=1e-5)


def test_the_mean_is_kept_and_factor_1_changes_nothing():
    x = rng(2).random((16, 18, 20), dtype=np.float32)
    assert downsample_kspace(x, rng(), 2).voxels.mean() == pytest.approx(x.mean(), rel=1e-5)
    same = downsample_kspace(x, rng(), 1).voxels
    np.testing.assert_array_equal(same, x)
    assert same is not x
    np.testing.assert_array_equal(upsample_kspace(x, 1, x.shape), x)


def test_noise_on_the_cropped_matrix_is_white_and_rician_in_magnitude():
    x = np.full((64, 64, 16), 6.0, np.float32)
    result = downsample_kspace(x, rng(3), (2, 2, 1), sigma=2.0, magnitude=True)
    mean, variance = rician_moments(6.0, 2.0)
    assert result.voxels.mean() == pytest.approx(float(mean), rel=0.01)
    assert result.voxels.var() == pytest.approx(float(variance), rel=0.05)
    centred = result.voxels - result.voxels.mean()
    assert abs(np.mean(centred[1:] * centred[:-1])) < 0.05 * variance


@pytest.mark.parametrize("fraction", [0.5, 0.75, (0.5, 1.0)])
def test_outside_the_acquired_band_nothing_is_left_inside_all_is(fraction):
    x = rng(4).standard_normal((40, 44)).astype(np.float32)
    spectrum, before = (np.fft.fft2(v) for v in (zero_filled(x, rng(), fraction).voxels, x))
    limits = np.broadcast_to(fraction, 2)
    inside = np.ones(x.shape, bool)
    for axis, limit in enumerate(limits):
        band = (np.abs(np.fft.fftfreq(x.shape[axis])) < 0.5 * limit) | (limit == 1)
        inside &= np.expand_dims(band, 1 - axis)
    np.testing.assert_allclose(spectrum[inside], before[inside], atol=1e-3)
    np.testing.assert_allclose(spectrum[~inside], 0, atol=1e-3)


def test_band_limiting_twice_is_band_limiting_once():
    x = rng(5).random((20, 22, 24), dtype=np.float32)
    once = zero_filled(x, rng(), 0.6).voxels
    np.testing.assert_allclose(zero_filled(once, rng(), 0.6).voxels, once, atol=1e-5)
    np.testing.assert_allclose(zero_filled(x, rng(), 1.0).voxels, x, atol=1e-5)


@pytest.mark.parametrize("taper", [0.0, 0.5])
@pytest.mark.parametrize("fraction", [0.5, 0.7, 1.0])
def test_zero_filled_noise_has_the_sigma_asked_for(fraction, taper):
    draw = rng(6)
    noise = [zero_filled(np.zeros((48, 48, 48)), draw, fraction, sigma=3.0, taper=taper).voxels for _ in range(10)]
    assert np.sqrt(np.mean(np.square(noise))) == pytest.approx(3, rel=0.012)


def test_zero_filled_noise_is_correlated_as_the_sinc_of_its_band():
    x = np.zeros((200, 200, 8), np.float32)
    noise = zero_filled(x, rng(7), (0.5, 1, 1), sigma=1.0).voxels
    for lag in (1, 2, 3):
        assert np.mean(noise[lag:] * noise[:-lag]) == pytest.approx(np.sinc(0.5 * lag), abs=0.02)
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 0.02


def test_zero_filled_magnitude_background_is_rayleigh():
    noise = zero_filled(np.zeros((60, 60, 60)), rng(8), 0.6, sigma=5.0, magnitude=True).voxels
    assert noise.mean() == pytest.approx(1.2533 * 5, rel=0.01)
    assert noise.std() == pytest.approx(0.6551 * 5, rel=0.02)


def test_a_taper_lowers_the_ringing_at_an_edge():
    step = np.zeros((8, 128), np.float32)
    step[:, 32:96] = 1
    far = np.s_[:, 44:84]  # from 12 voxels off the edges on
    sharp, tapered, hann = (np.abs(zero_filled(step, rng(), (1, 0.5), taper=t).voxels - 1) for t in (0.0, 0.5, 1.0))
    assert tapered[far].max() < 0.2 * sharp[far].max()
    assert hann[:, 36:92].max() < 0.01 < 0.03 < sharp[:, 36:92].max()


def test_partial_fourier_leaves_one_side_empty():
    x = rng(9).random((32, 48), dtype=np.float32)
    whole = partial_fourier(x, rng(), 1.0, axis=1).voxels
    np.testing.assert_allclose(whole, x, atol=1e-5)
    # The real channel of a one-sided spectrum has half the weight where only one side was acquired.
    result = partial_fourier(x, rng(), 0.75, axis=-1, magnitude=False)
    ratio = (np.fft.fft2(result.voxels) / np.fft.fft2(x)).real
    order = np.fft.fftfreq(48, 1 / 48)
    np.testing.assert_allclose(ratio[:, np.abs(order) <= 11], 1, atol=1e-2)
    np.testing.assert_allclose(ratio[:, (np.abs(order) > 12) & (np.abs(order) < 24)], 0.5, atol=1e-2)
    assert result.record["axis"] == 1


def test_partial_fourier_noise_has_the_sigma_asked_for():
    noise = partial_fourier(np.zeros((64, 64, 32)), rng(10), 0.625, axis=0, sigma=2.0, magnitude=False).voxels
    assert noise.std() == pytest.approx(2, rel=0.02)


def test_k_space_degradations_are_seeded_pure_and_recorded():
    x = rng(11).random((16, 16, 16), dtype=np.float32)
    before = x.copy()
    for degrade in (
        lambda r: downsample_kspace(x, r, 2, sigma=0.1, magnitude=True),
        lambda r: zero_filled(x, r, 0.5, sigma=0.1, magnitude=True),
        lambda r: partial_fourier(x, r, 0.75, axis=0, sigma=0.1),
    ):
        first, again, other = (degrade(rng(s)) for s in (1, 1, 2))
        np.testing.assert_array_equal(first.voxels, again.voxels)
        assert not np.array_equal(first.voxels, other.voxels)
        assert first.voxels.dtype == np.float32
        json.dumps(first.record)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: zero_filled(x, rng(), 0.0),
        lambda x: zero_filled(x, rng(), 1.2),
        lambda x: zero_filled(x, rng(), (0.5, 0.5, 0.5)),
        lambda x: zero_filled(x, rng(), 0.5, taper=2.0),
        lambda x: zero_filled(x, rng(), 0.5, sigma=np.nan),
        lambda x: partial_fourier(x, rng(), 0.4, axis=0),
        lambda x: partial_fourier(x, rng(), 0.75, axis=5),
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        wrong(np.ones((8, 8), np.float32))


def test_band_limited_noise_has_variance_one_and_the_correlation_of_zero_filling():
    noise = band_limited_noise((96, 96, 96), rng(12), (0.5, 0.8, 1.0))
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(1, rel=0.02)
    for axis, fraction in enumerate((0.5, 0.8, 1.0)):
        ahead, behind = (np.take(noise, range(*ends), axis) for ends in ((1, 96), (0, 95)))
        assert np.mean(ahead * behind) == pytest.approx(np.sinc(fraction), abs=0.02)


def test_band_limited_noise_does_not_join_opposite_faces_and_a_taper_narrows_its_band():
    noise = band_limited_noise((64, 64, 64), rng(13), 0.5)
    assert abs(np.mean(noise[0] * noise[-1])) < 0.05
    tapered = band_limited_noise((64, 64, 64), rng(13), 0.5, taper=1.0)
    assert tapered.std() == pytest.approx(1, rel=0.05)
    assert np.mean(tapered[1:] * tapered[:-1]) > np.mean(noise[1:] * noise[:-1]) + 0.1
    with pytest.raises(UsageError, match="fraction must be above 0"):
        band_limited_noise((8, 8, 8), rng(), 0.0)
