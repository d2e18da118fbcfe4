"""CT noise for training: projected noise is kept and placed right; shaped noise has the spectrum of a kernel."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.training.config import DegradationConfig
from DiffusionCore.training.ct_noise import NoiseBank, kernel_mix, make_banks, shaped_ct_noise
from DiffusionCore.training.readers import Scan


def disc(size: int = 48) -> Scan:
    """Water disc in air, two slices, HU / 1000."""
    j, i = np.indices((size, size)) - (size - 1) / 2
    hu = np.where(np.hypot(j, i) < 0.4 * size, 0, -1000).astype(np.int16)
    voxels = np.stack([hu, hu])
    return Scan("disc", voxels, 0.0, 1000.0, (5.0, 1.0, 1.0), np.argwhere(voxels > -500).astype(np.int16), -1.0)


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> tuple[DegradationConfig, NoiseBank]:
    cache = tmp_path_factory.mktemp("cache")
    config = DegradationConfig(target="ct_low_dose", cache=cache, kernels=("standard", "sharp"))
    return config, make_banks([disc()], config)[0]


def test_projected_noise_has_unit_deviation_in_soft_tissue_and_is_told_where_it_differs(kept):
    _, bank = kept
    soft = disc().voxels[0] == 0
    assert bank.unit.shape == (2, 2, 48, 48)
    assert float(bank.unit[:, :, soft].astype(np.float32).std()) == pytest.approx(1.0, rel=0.15)
    assert float(np.median(bank.relative[0][soft])) == pytest.approx(1.0, rel=1e-2)
    assert float(bank.relative[0][0, 0]) < 0.9  # at the edge of the disc's air, where paths are short


def test_projected_noise_is_computed_once(kept):
    config, bank = kept
    files = {path: path.stat().st_mtime_ns for path in config.cache.iterdir()}
    again = make_banks([disc()], config)[0]
    assert np.array_equal(again.unit, bank.unit)
    assert {path: path.stat().st_mtime_ns for path in config.cache.iterdir()} == files
    assert len(files) == 1


def test_a_draw_is_reproducible_and_new_for_each_patch_and_slice(kept):
    _, bank = kept
    mix = np.array([1.0, 0.0])
    one, other, again = (bank.draw((0, 4, 4), (2, 32, 32), mix, np.random.default_rng(n)) for n in (1, 2, 1))
    assert np.array_equal(one[0], again[0])
    assert np.array_equal(one[1], again[1])
    assert abs(np.corrcoef(one[0].ravel(), other[0].ravel())[0, 1]) < 0.3
    assert abs(np.corrcoef(one[0][0].ravel(), one[0][1].ravel())[0, 1]) < 0.3


def test_mixtures_of_kernels_keep_the_variance():
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert np.linalg.norm(kernel_mix(3, rng)) == pytest.approx(1.0)


def test_shaped_noise_has_unit_variance_and_independent_slices():
    config, rng = DegradationConfig(target="ct_low_dose", varying=0.0), np.random.default_rng(0)
    for _ in range(6):
        noise, relative = shaped_ct_noise((4, 64, 64), config, rng)
        assert float(noise.std()) == pytest.approx(1.0, rel=0.15)
        assert (relative == 1).all()
        assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.15
