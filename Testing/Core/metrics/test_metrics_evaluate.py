"""The tables that the `evaluate` command prints, by each modality's conventions."""

from __future__ import annotations

import sys
from subprocess import run

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import body_mask, data_range, evaluate, evaluate_without_reference, psnr, ssim, tissue_mask
from DiffusionCore.volume import Volume

SHAPE = (14, 96, 96)


def volume(voxels: np.ndarray, modality: str, spacing: float = 1.0) -> Volume:
    return Volume(voxels, np.diag([spacing, spacing, spacing, 1.0]), modality)


def mr_pair(sigma: float = 10.0) -> tuple[Volume, Volume]:
    _, j, i = np.mgrid[tuple(slice(n) for n in SHAPE)]
    clean = np.where(np.hypot(j - 48, i - 48) < 40, 200.0, 0.0) + np.where(np.hypot(j - 48, i - 48) < 20, 100.0, 0.0)
    noise = sigma * np.random.default_rng(0).standard_normal(SHAPE)
    return volume(np.abs(clean + noise).astype(np.float32), "MR"), volume(clean.astype(np.float32), "MR")


def ct_pair() -> tuple[Volume, Volume]:
    _, j, i = np.mgrid[tuple(slice(n) for n in SHAPE)]
    hu = np.where(np.hypot(j - 48, i - 48) < 40, 40.0, -1000.0)
    hu[:, 40:50, 40:50] = 900
    noisy = hu + 20 * np.random.default_rng(1).standard_normal(SHAPE)
    return volume(np.round(noisy).astype(np.int16), "CT"), volume(hu.astype(np.int16), "CT")


def test_mr_is_measured_in_tissue_with_p995_as_range() -> None:
    noisy, clean = mr_pair()
    found = evaluate(noisy, clean)
    (row,) = found.rows
    tissue, span = tissue_mask(clean.voxels, "MR"), data_range(clean.voxels, "MR")
    assert row.data_range == span == 300
    assert found.voxels == np.count_nonzero(clean.voxels > 15)
    assert row.psnr == psnr(noisy.voxels, clean.voxels, span, tissue)
    assert row.psnr == pytest.approx(20 * np.log10(300 / 10), abs=0.1)
    assert row.ssim == ssim(noisy.voxels, clean.voxels, span, tissue)
    assert row.rmse == pytest.approx(10, rel=0.02)
    assert found.as_dict()["PSNR, dB"] == row.psnr


def test_ct_is_measured_in_the_body_in_two_windows() -> None:
    noisy, clean = ct_pair()
    found = evaluate(noisy, clean)
    soft, wide = found.rows
    body = body_mask(clean.voxels)
    assert (soft.window, soft.data_range, wide.window, wide.data_range) == ((-160, 240), 400, (-1000, 1000), 2000)
    assert wide.psnr == pytest.approx(20 * np.log10(2000 / 20), abs=0.1)
    clipped = [np.clip(v.voxels.astype(float), -160, 240) for v in (noisy, clean)]
    assert soft.psnr == pytest.approx(psnr(*clipped, 400.0, body))  # bone's noise is outside the window
    power = np.mean((clean.voxels[body].astype(float) + 1000) ** 2)
    assert wide.snr_db == pytest.approx(10 * np.log10(power / 400), abs=0.1)
    assert "SSIM (-160 to 240 HU)" in found.as_dict()


def test_a_mask_and_a_range_can_be_given() -> None:
    noisy, clean = ct_pair()
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, 44:52, 60:70] = True
    found = evaluate(noisy, clean, mask=mask, data_range=1000.0)
    (row,) = found.rows
    assert found.where == "the given mask"
    assert found.voxels == mask.sum()
    assert row.psnr == pytest.approx(psnr(noisy.voxels, clean.voxels, 1000.0, mask))


def test_equal_scans_and_other_grids() -> None:
    noisy, clean = mr_pair()
    (row,) = evaluate(clean, clean).rows
    assert (row.psnr, row.ssim, row.mae) == (float("inf"), pytest.approx(1), 0)
    with pytest.raises(UsageError, match="resample"):
        evaluate(noisy, volume(clean.voxels[:5], "MR"))
    with pytest.raises(UsageError, match="voxels"):
        evaluate_without_reference(noisy, volume(clean.voxels[:5], "MR"))


def test_slices_too_small_for_ssim_have_the_other_figures() -> None:
    noisy, clean = mr_pair()
    crop = np.s_[:, 40:48, 40:48]
    found = evaluate(volume(noisy.voxels[crop], "MR"), volume(clean.voxels[crop], "MR")).as_dict()
    assert "SSIM" not in found
    assert found["RMSE, grey levels"] > 0


def test_without_a_reference_noise_falls_and_no_psnr_is_given() -> None:
    noisy, _ = mr_pair(16.0)
    better, _ = mr_pair(4.0)
    found = evaluate_without_reference(noisy, better)
    assert found.noise_before.sigma == pytest.approx(16, rel=0.1)
    assert found.noise_after.sigma == pytest.approx(4, rel=0.1)
    assert found.after.cnr > 3 * found.before.cnr
    table = found.as_dict()
    assert not any(name.startswith(("PSNR", "SSIM")) for name in table)
    assert "doing nothing would score best" in table["note"]
    assert all(value == value for value in table.values())


def test_coarser_grain_has_a_lower_mean_frequency() -> None:
    noisy, clean = mr_pair(16.0)
    coarse = uniform_filter(noisy.voxels - clean.voxels, (1, 2, 2))
    found = evaluate_without_reference(noisy, volume(clean.voxels + coarse, "MR"))
    # of white noise it is that of the square: 0.383 a voxel
    spacing = noisy.spacing[1]
    assert found.grain_before == pytest.approx(0.383 / spacing, rel=0.05)
    assert found.grain_after < 0.75 * found.grain_before
    assert found.as_dict()["mean noise frequency after, 1/mm"] == found.grain_after


def test_mean_shift_is_over_tissue() -> None:
    noisy, _ = mr_pair()
    raised = volume(noisy.voxels + np.float32(3), "MR")
    assert evaluate_without_reference(noisy, raised).mean_shift == pytest.approx(3, abs=1e-3)


def test_importing_the_room_imports_nothing_heavy() -> None:
    listed = "import sys, DiffusionCore.metrics; print([m for m in sys.modules if '.' not in m])"
    out = run([sys.executable, "-c", listed], capture_output=True, text=True, check=True).stdout
    for heavy in ("scipy", "skimage", "torch", "matplotlib", "SimpleITK", "nibabel", "pydicom", "lightning", "monai"):
        assert f"'{heavy}'" not in out
