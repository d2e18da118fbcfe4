"""Figures of sets of images, against closed forms, hand-made cases and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.metrics import distribution as d
from DiffusionCore.metrics.embedding import fit_projection, inception_features, random_convolution_features


def normal(n: int, dims: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """Samples whose mean and covariance are exactly `shift` and `scale`²."""
    x = np.random.default_rng(seed).standard_normal((n, dims))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False)).T)
    return scale * x + shift


def test_frechet_of_two_gaussians_in_closed_form():
    a, b = normal(200, 3, 0), normal(300, 3, 1, shift=2.0, scale=3.0)
    assert d.frechet_distance(a, b) == pytest.approx(3 * 2.0**2 + 3 * (3.0 - 1.0) ** 2)
    assert d.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert d.frechet_distance(a, b) == pytest.approx(d.frechet_distance(b, a))


def test_frechet_of_covariances_that_do_not_commute_is_torchmetrics():
    import torch
    from torchmetrics.image.fid import _compute_fid

    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((50, 4)) @ rng.standard_normal((4, 4)) for _ in range(2))
    tensors = [torch.from_numpy(part) for x in (a, b) for part in (x.mean(axis=0), np.cov(x, rowvar=False))]
    assert d.frechet_distance(a, b) == pytest.approx(float(_compute_fid(*tensors)), rel=1e-6)


def test_too_few_images_for_a_frechet_distance_are_refused():
    with pytest.raises(InputError, match="needs more images than 4"):
        d.frechet_distance(np.zeros((4, 4)), np.zeros((9, 4)))


def test_kernel_distance_by_hand_and_by_torchmetrics():
    a, b = np.array([[0.0], [1.0]]), np.array([[2.0], [2.0]])
    # kernels: k(0,1) = 1; k(2,2) = 125; k(0,2) = 1, k(1,2) = 27
    assert d.kernel_distance(a, b) == pytest.approx(1 + 125 - 2 * 14)
    import torch
    from torchmetrics.image.kid import poly_mmd

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 5)), rng.standard_normal((20, 5)) + 0.5
    assert d.kernel_distance(x, y) == pytest.approx(float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y))))


def test_kernel_distance_of_one_distribution_is_about_zero_on_average():
    rng = np.random.default_rng(3)
    found = [d.kernel_distance(*rng.standard_normal((2, 30, 4))) for _ in range(200)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(200)


def test_precision_and_recall_of_a_set_that_left_half_out():
    """Two clusters of real images, made images in one of them alone: all precise, half recalled."""
    rng = np.random.default_rng(0)
    near, far = rng.uniform(0, 1, (40, 2)), rng.uniform(10, 11, (40, 2))
    found = d.precision_recall(np.concatenate([near, far]), rng.uniform(0.2, 0.8, (80, 2)))
    assert found.precision == 1.0
    assert 0.2 <= found.recall <= 0.5
    assert d.precision_recall(near, far).precision == 0


def test_memorised_images_are_found():
    rng = np.random.default_rng(0)
    train, test, new = (rng.standard_normal((60, 8)) for _ in range(3))
    copied = d.memorisation(train, test, train[:10] + 1e-3)
    assert copied.share == 1.0 and copied.which.tolist() == list(range(10))
    assert d.memorisation(train, test, new).share <= 0.2
    assert d.memorisation(train, test, test).share == pytest.approx(0.05)


def test_mean_pairwise_distance_of_a_triangle():
    assert d.mean_pairwise_distance(np.array([[0, 0], [3, 0], [0, 4]])) == pytest.approx((3 + 4 + 5) / 3)


def test_inception_score_is_one_to_the_number_of_classes():
    assert d.inception_score(np.eye(4)) == pytest.approx(4)
    assert d.inception_score(np.full((9, 4), 0.25)) == pytest.approx(1)
    with pytest.raises(InputError, match="of sum 1"):
        d.inception_score(np.ones((2, 3)))


def test_entropy_of_known_histograms():
    flat, halves = np.full((8, 8), 0.3), np.repeat([0.1, 0.9], 32).reshape(8, 8)
    assert d.grey_entropy(np.stack([flat])) == 0
    assert d.grey_entropy(np.stack([flat, halves])) == pytest.approx(0.5)
    assert d.grey_entropy(np.linspace(0, 1, 256).reshape(1, 16, 16)) == pytest.approx(8)


def shapes(n: int, size: int, seed: int) -> np.ndarray:
    """Discs of random place and radius."""
    rng = np.random.default_rng(seed)
    j, i = np.mgrid[:size, :size] / size
    centre, radius = rng.uniform(0.3, 0.7, (n, 2, 1, 1)), rng.uniform(0.1, 0.3, (n, 1, 1))
    return ((j - centre[:, 0]) ** 2 + (i - centre[:, 1]) ** 2 < radius**2).astype(np.float32)


@pytest.mark.parametrize("size", [64, 192])
def test_diversity_is_one_for_copies_and_less_for_others(size):
    images = shapes(4, size, 0)
    assert d.ms_ssim_diversity(np.repeat(images[:1], 3, axis=0), pairs=3) == pytest.approx(1, abs=1e-5)
    assert d.ms_ssim_diversity(images, pairs=6) < 0.95


def test_the_embedding_is_fixed_and_tells_blurred_images_from_sharp_ones():
    from scipy.ndimage import gaussian_filter

    real, other = shapes(80, 64, 0), shapes(80, 64, 1)
    features = random_convolution_features(real)
    assert features.shape == (80, 2 * (16 + 32 + 64 + 64 + 64) + 64 * 16)
    assert np.array_equal(features, random_convolution_features(real, batch=80)) or np.allclose(
        features, random_convolution_features(real, batch=80), atol=1e-5
    )
    project = fit_projection(features, 16)
    assert project(features).mean(axis=0) == pytest.approx(0, abs=1e-6)
    assert project(features)[:, 0].std(ddof=1) == pytest.approx(1)
    floor = d.kernel_distance(project(features), project(random_convolution_features(other)))
    blurred = gaussian_filter(other, (0, 2, 2))
    assert d.kernel_distance(project(features), project(random_convolution_features(blurred))) > 3 * abs(floor)


def test_images_too_small_for_the_embedding_are_refused():
    with pytest.raises(InputError, match="64 pixels or more"):
        random_convolution_features(np.zeros((3, 32, 32)))


def test_inception_needs_its_file_and_its_network(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        inception_features(np.zeros((1, 64, 64)), tmp_path / "none.pth")
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"")
    pytest.importorskip("torchmetrics")
    try:
        import torch_fidelity  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match="pip install torch-fidelity"):
            inception_features(np.zeros((1, 64, 64)), weights)
