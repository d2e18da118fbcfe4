"""The disc's figures against discs whose noise, blur and mean are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from DiffusionCore.benchmark.denoise.phantom import disc_mean, disc_mtf50, disc_noise, find_disc
from DiffusionCore.errors import InputError

FINE = 6


def disc(blur: float, holes: bool = False) -> np.ndarray:
    """Two slices with a disc of radius 27.3 pixels at 90 HU in air, blurred by `blur` pixels and averaged to pixels."""
    j, i = np.indices((88 * FINE, 88 * FINE)) / FINE - 43.7
    inside = (np.hypot(j, i) < 27.3).astype(float)
    if holes:
        inside[np.hypot(j - 13, i) < 5] = 0
    smooth = gaussian_filter(inside, blur * FINE).reshape(88, FINE, 88, FINE).mean(axis=(1, 3))
    return np.repeat((smooth * 1090 - 1000)[None], 2, axis=0)


@pytest.mark.parametrize("blur", [0.8, 1.3, 2.0])
def test_mtf50_is_that_of_the_blur(blur: float) -> None:
    frequency = np.linspace(1e-6, 0.5, 5001)
    transfer = np.exp(-2 * (np.pi * blur * frequency) ** 2) * np.sinc(frequency)  # blur, then the pixel's box
    expected = frequency[np.argmax(transfer < 0.5)] / 0.45
    scan = disc(blur)
    assert disc_mtf50(scan, find_disc(scan, (44, 44)), 0.45) == pytest.approx(expected, rel=0.02)


def test_mtf50_holds_under_noise_and_beside_holes() -> None:
    quiet = disc(1.3, holes=True)
    found = find_disc(quiet, (44, 44))
    noisy = quiet + 20 * np.random.default_rng(0).standard_normal(quiet.shape)
    assert disc_mtf50(noisy, found, 0.45) == pytest.approx(disc_mtf50(disc(1.3), found, 0.45), rel=0.03)


def test_noise_is_the_added_noise_whatever_slow_shading_lies_under_it() -> None:
    quiet = disc(0.8, holes=True)
    found = find_disc(quiet, (44, 44))
    j, i = (np.indices((88, 88)) - 44) / 27
    shading = 12 * (j**2 + i**2) + 5 * i
    noisy = quiet + shading + 20 * np.random.default_rng(1).standard_normal(quiet.shape)
    assert disc_noise(noisy, found) == pytest.approx(20, rel=0.03)
    assert disc_noise(quiet + shading, found) < 0.1


def test_mean_is_of_the_material_alone() -> None:
    quiet = disc(0.8, holes=True)
    found = find_disc(quiet, (44, 44))
    assert not found.flat[:, 57, 44].any()
    assert disc_mean(quiet, found) == pytest.approx(90, abs=0.1)
    assert disc_mean(quiet + 3, found) - disc_mean(quiet, found) == pytest.approx(3)


def test_a_slice_where_the_disc_is_not_whole_is_left_out() -> None:
    quiet = disc(0.8)
    quiet = np.concatenate([quiet, quiet[:1], np.full_like(quiet[:1], 90.0)])
    quiet[2, 44:, 20:70] = 90.0  # joined to something else
    assert list(find_disc(quiet, (44, 44)).slices) == [0, 1]


def test_no_disc_is_said() -> None:
    with pytest.raises(InputError, match="no disc"):
        find_disc(np.full((2, 60, 60), -1000.0), (30, 30))
