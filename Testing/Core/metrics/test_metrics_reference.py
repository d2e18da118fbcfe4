"""PSNR, MAE, RMSE and SNR in dB by their definitions, by hand and against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import mae, mse, psnr, rmse, snr_db, windowed


def test_hand_made_two_by_two() -> None:
    reference = np.array([[0.0, 4.0], [0.0, 0.0]])
    x = np.array([[3.0, 4.0], [0.0, -1.0]])
    assert mae(x, reference) == 1.0
    assert mse(x, reference) == 2.5
    assert rmse(x, reference) == pytest.approx(np.sqrt(2.5))
    assert psnr(x, reference, data_range=5.0) == pytest.approx(10.0)  # 25 / 2.5
    assert snr_db(x, reference) == pytest.approx(10 * np.log10(16 / 10))


def test_noise_of_a_tenth_of_the_range_is_20_db() -> None:
    reference = np.zeros((4, 5, 6))
    x = reference + 0.1 * np.where(np.indices(reference.shape).sum(0) % 2, 1, -1)
    assert psnr(x, reference, 1.0) == pytest.approx(20.0)
    assert psnr(x, reference, 10.0) == pytest.approx(40.0)


def test_only_the_mask_counts() -> None:
    reference = np.zeros((2, 3, 4))
    x = reference.copy()
    x[0] = 2
    mask = np.zeros(x.shape, dtype=bool)
    mask[1] = True
    mask[0, 0, 0] = True  # 13 voxels, one of them 2 off
    assert mae(x, reference, mask) == pytest.approx(2 / 13)
    assert mse(x, reference, mask) == pytest.approx(4 / 13)
    assert psnr(x, reference, 2.0, mask) == pytest.approx(10 * np.log10(13))


def test_equal_scans_are_infinitely_good() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    assert psnr(x, x, 1.0) == float("inf")
    assert snr_db(x, x) == float("inf")
    assert rmse(x, x) == 0


def test_psnr_equals_scikit_image() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(0)
    reference = rng.random((5, 20, 21))
    x = reference + 0.05 * rng.standard_normal(reference.shape)
    assert psnr(x, reference, 1.0) == pytest.approx(skimage.peak_signal_noise_ratio(reference, x, data_range=1.0))
    assert mse(x, reference) == pytest.approx(skimage.mean_squared_error(reference, x))


def test_integers_do_not_wrap() -> None:
    reference = np.array([[250, 0]], dtype=np.uint8)
    x = np.array([[0, 250]], dtype=np.uint8)
    assert mae(x, reference) == 250
    assert mse(x, reference) == 62500


def test_windowing_clips_to_what_is_seen() -> None:
    hu = np.array([[-1000.0, -160.0, 40.0, 240.0, 3000.0]])
    np.testing.assert_array_equal(windowed(hu, (-160.0, 240.0)), [[-160, -160, 40, 240, 240]])


def test_what_cannot_be_compared_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="one shape"):
        mae(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(UsageError, match="mask is empty"):
        mae(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 2), dtype=bool))
    with pytest.raises(UsageError, match="data range"):
        psnr(np.zeros((2, 2)), np.ones((2, 2)), 0.0)
