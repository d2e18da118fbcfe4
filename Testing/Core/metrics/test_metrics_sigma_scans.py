"""Blind noise level on real scans (training and validation subjects) with noise of a known level added."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.degradation import rician
from DiffusionCore.metrics import data_range, estimate_sigma
from DiffusionCore.volume import Volume, read_volume
from DiffusionCore.volume.geometry import crop

# The scans' own noise in percent of p99.5: the quietest tissue's deviation (index.csv), which holds a little anatomy.
MR = {
    "mr/brain_t1/ds002748_sub-01_T1w.nii.gz": 1.3,
    "mr/brain_t1/ds002748_sub-26_T1w.nii.gz": 1.1,
    "mr/brain_t1/ds002748_sub-32_T1w.nii.gz": 1.3,
    "mr/brain_multi/openms_p07_T1.nii.gz": 1.8,
    "mr/brain_2dthick/openmsL_p04_T1W.nii.gz": 0.9,
}
CT = {
    "ct/rider_pilot_0117_chest.nii.gz": 13.5,
    "ct/acrin_flt_001_headvault.nii.gz": 4.9,
    "ct/sts_010_extremity.nii.gz": 9.0,
    "ct/slice2d_tcga_17_z028.nii.gz": 10.2,
}


def scan(root: Path, name: str, modality: str) -> Volume:
    """At most the middle 40 slices, which is what the test has time for."""
    whole = read_volume(root / name, modality=modality)
    first = max(0, (whole.shape[0] - 40) // 2)
    return crop(whole, (slice(first, min(first + 40, whole.shape[0])), slice(None), slice(None)))


@pytest.mark.parametrize("percent", [3, 9])
@pytest.mark.parametrize("name", MR)
def test_added_noise_on_heads_within_15_percent(shared_data: Path, name: str, percent: int) -> None:
    head = scan(shared_data, name, "MR")
    unit = data_range(head.voxels, "MR") / 100
    noisy = rician(head.voxels, np.random.default_rng(percent), percent * unit).voxels
    for background in (noisy, noisy * (head.voxels > 0)):
        found = estimate_sigma(background, "MR", head.spacing)
        assert found.sigma / unit == pytest.approx(np.hypot(percent, MR[name]), rel=0.15)
        assert found.reliable


@pytest.mark.parametrize("percent", [0, 1, 2])
@pytest.mark.parametrize("name", MR)
def test_weak_noise_is_bracketed(shared_data: Path, name: str, percent: int) -> None:
    head = scan(shared_data, name, "MR")
    unit = data_range(head.voxels, "MR") / 100
    noisy = rician(head.voxels, np.random.default_rng(percent), percent * unit).voxels if percent else head.voxels
    found = estimate_sigma(noisy, "MR", head.spacing)
    assert found.lower <= found.sigma <= found.upper
    assert 0.95 * percent <= found.upper / unit
    assert found.upper / unit < 1.6 * np.hypot(percent, MR[name])
    if percent == 0:
        assert found.correlated
        assert "upper bound" in found.reason


@pytest.mark.parametrize("name", list(MR)[:2])
def test_zero_filled_heads_within_20_percent(shared_data: Path, name: str) -> None:
    head = scan(shared_data, name, "MR")
    clean = head.voxels.astype(np.float32)
    unit = data_range(clean, "MR") / 100
    rng = np.random.default_rng(7)
    noise = rng.standard_normal(clean.shape) + 1j * rng.standard_normal(clean.shape)
    keep = np.ones(clean.shape[1:], dtype=bool)
    for axis, n in enumerate(keep.shape):
        keep &= (np.abs(np.fft.fftfreq(n)) <= 1 / 3).reshape((-1, 1) if axis == 0 else (1, -1))
    low, noise = np.fft.ifft2(np.fft.fft2(clean) * keep), np.fft.ifft2(np.fft.fft2(noise) * keep)
    noisy = np.abs(low + noise * (3 * unit / np.sqrt(np.mean(np.abs(noise) ** 2) / 2))).astype(np.float32)
    found = estimate_sigma(noisy * (clean > 0), "MR", head.spacing)
    assert found.correlated
    assert found.sigma / unit == pytest.approx(np.hypot(3, MR[name]), rel=0.2)
    assert found.lower / unit < 2.5


@pytest.mark.parametrize("width", [0.6, 1.0])
@pytest.mark.parametrize("name", CT)
def test_correlated_noise_on_ct_within_20_percent(shared_data: Path, name: str, width: float) -> None:
    from scipy.ndimage import gaussian_filter

    body = scan(shared_data, name, "CT")
    rng = np.random.default_rng(11)
    noise = gaussian_filter(rng.standard_normal(body.shape, dtype=np.float32), (0, width, width))
    noisy = body.voxels + noise * np.float32(20 / noise.std())
    found = estimate_sigma(noisy, "CT", body.spacing)
    assert found.correlated
    assert found.sigma == pytest.approx(np.hypot(20, CT[name]), rel=0.2)


@pytest.mark.parametrize("name", CT)
def test_ct_as_it_comes_is_near_the_index(shared_data: Path, name: str) -> None:
    body = scan(shared_data, name, "CT")
    found = estimate_sigma(body.voxels, "CT", body.spacing)
    assert found.correlated
    assert found.reliable
    assert found.sigma == pytest.approx(CT[name], rel=0.25)  # the index's figure comes from smaller windows
