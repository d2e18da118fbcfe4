"""SSIM against scikit-image and against cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import ssim, structural_similarity


def pair(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(len(shape))
    reference = rng.random(shape)
    return reference + 0.2 * rng.standard_normal(shape), reference


@pytest.mark.parametrize("shape", [(31, 26), (11, 11), (19, 23, 17), (11, 12, 40)])
def test_equals_scikit_image(shape: tuple[int, ...]) -> None:
    skimage = pytest.importorskip("skimage.metrics")
    x, reference = pair(shape)
    mask = np.random.default_rng(3).random(shape) > 0.7
    expected, similarity = skimage.structural_similarity(
        x, reference, data_range=1.0, gaussian_weights=True, use_sample_covariance=False, full=True
    )
    assert ssim(x, reference, 1.0) == pytest.approx(expected, abs=1e-6)
    assert ssim(x, reference, 1.0, mask) == pytest.approx(similarity[mask].mean(), abs=1e-6)


def test_slice_by_slice_is_the_mean_of_the_slices() -> None:
    x, reference = pair((3, 20, 24))
    slices = [ssim(a, b, 1.0) for a, b in zip(x, reference, strict=True)]
    assert ssim(x, reference, 1.0) == pytest.approx(np.mean(slices), abs=1e-12)  # too few slices for 3D
    x, reference = pair((12, 20, 24))
    slices = [ssim(a, b, 1.0) for a, b in zip(x, reference, strict=True)]
    assert ssim(x, reference, 1.0, dimensions=2) == pytest.approx(np.mean(slices), abs=1e-12)


def test_working_in_slabs_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, reference = pair((37, 15, 16))
    mask = np.random.default_rng(5).random(x.shape) > 0.5
    whole = ssim(x, reference, 1.0), ssim(x, reference, 1.0, mask)
    monkeypatch.setattr(structural_similarity, "_CHUNK", 1)  # the thinnest slabs
    assert ssim(x, reference, 1.0) == pytest.approx(whole[0], abs=1e-12)
    assert ssim(x, reference, 1.0, mask) == pytest.approx(whole[1], abs=1e-12)


def test_two_constant_images_by_hand() -> None:
    # Without variance SSIM is (2ab + c1)/(a² + b² + c1), c1 = (0.01·L)².
    a, b, c1 = 0.5, 0.7, 1e-4
    expected = (2 * a * b + c1) / (a * a + b * b + c1)
    assert ssim(np.full((12, 12), a), np.full((12, 12), b), 1.0) == pytest.approx(expected, rel=1e-9)


def test_equal_images_score_one_and_it_is_symmetric() -> None:
    x, reference = pair((16, 18))
    assert ssim(x, x, 1.0) == pytest.approx(1.0)
    assert ssim(x, reference, 1.0) == pytest.approx(ssim(reference, x, 1.0))


def test_too_small_is_said() -> None:
    with pytest.raises(UsageError, match="11 x 11"):
        ssim(np.zeros((20, 10)), np.zeros((20, 10)), 1.0)
    with pytest.raises(UsageError, match="does not fit"):
        ssim(np.zeros((10, 20, 20)), np.zeros((10, 20, 20)), 1.0, dimensions=3)
