"""The thickness of slices, from the scan itself: known profiles on a texture that is as rough along all axes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from DiffusionCore.degradation import thick_slices
from DiffusionCore.metrics.slice_width import estimate_slice_width


def texture() -> np.ndarray:
    """(96, 96, 96), mean 1, with the falling spectrum of anatomy."""
    noise = np.random.default_rng(0).normal(size=(96, 96, 96))
    mixed = sum(width * gaussian_filter(noise, width) * width**1.5 for width in (1, 2, 4))
    return (1 + 0.2 * mixed / mixed.std()).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("thickness", [2.8, 4.0, 5.2])
def test_the_width_is_found_to_a_fifth(axis: int, thickness: float) -> None:
    x = thick_slices(texture(), None, axis=axis, spacing_mm=1, thickness_mm=thickness, gap_mm=4 - thickness).voxels
    spacing = [4.0 if a == axis else 1.0 for a in range(3)]
    assert estimate_slice_width(x, spacing, axis) == pytest.approx(thickness, rel=0.2)


def test_noise_that_is_known_is_taken_out() -> None:
    x = thick_slices(texture(), None, axis=0, spacing_mm=1, thickness_mm=4).voxels
    noisy = x + np.random.default_rng(1).normal(0, 0.03, x.shape)
    clean = estimate_slice_width(x, (4, 1, 1), 0)
    assert estimate_slice_width(noisy, (4, 1, 1), 0, sigma=0.03) == pytest.approx(clean, rel=0.1)


@pytest.mark.parametrize(
    ("shape", "spacing"), [((24, 96, 96), (1, 1, 1)), ((4, 96, 96), (4, 1, 1)), ((24, 8, 8), (4, 1, 1))]
)
def test_none_where_it_cannot_be_told(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> None:
    assert estimate_slice_width(np.ones(shape, np.float32), spacing, 0) is None
