"""What is familiar to a classifier: features by hand, false alarms as asked for, foreign images noticed with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.familiarity import error_rates, fit_familiarity, foreign_images
from DiffusionCore.metrics.simple_features import GREY_FEATURES, SHAPE_FEATURES, features_of, shape_features


def named(mask: np.ndarray) -> dict[str, float]:
    return dict(zip(SHAPE_FEATURES, shape_features(mask), strict=True))


def block(*extent: int, shape=(12, 12, 12)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[tuple(slice(4, 4 + n) for n in extent)] = 255
    return mask


def test_features_of_a_block_by_hand():
    found = named(block(2, 3, 4))
    assert found["volume"] == pytest.approx(np.log(24))
    assert found["surface"] == pytest.approx(np.log(2 * (2 * 3 + 3 * 4 + 2 * 4)))
    assert found["surface per volume"] == pytest.approx(52 / 24)
    assert [found[f"extent {axis}"] for axis in "kji"] == pytest.approx(np.log([2, 3, 4]))
    assert found["share of its box"] == 1
    assert found["parts"] == 0
    assert found["touches the border"] == 0


def test_two_blocks_are_two_parts_and_a_border_is_noticed():
    mask = block(2, 2, 2)
    mask[0, 0, 0] = 1
    assert named(mask)["parts"] == pytest.approx(np.log(2))
    assert named(mask)["touches the border"] == pytest.approx(3 / 6)


@pytest.mark.parametrize("kind", ["labelmap", "volume"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_images_have_finite_features(kind, value):
    assert np.isfinite(features_of(np.full((2, 6, 6, 6), value), kind)).all()


def test_neighbours_of_a_ramp_agree_along_it():
    ramp = np.broadcast_to(np.arange(8.0)[:, None, None], (8, 8, 8))
    found = dict(zip(GREY_FEATURES, features_of(ramp[None], "volume")[0], strict=True))
    assert found["likeness of neighbours along k"] == pytest.approx(1)
    assert found["mean gradient"] == pytest.approx(1)


def textures(count: int, seed: int) -> np.ndarray:
    """Tissue of a made-up organ: smooth fields of like brightness with some noise."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.normal(size=(count, 12, 12, 12)), (0, 2, 2, 2))
    return 0.5 + fields / fields.std() * rng.uniform(0.08, 0.12, (count, 1, 1, 1)) + rng.normal(0, 0.02, fields.shape)


@pytest.fixture(scope="module")
def familiar():
    return fit_familiarity(textures(200, 0), textures(200, 1), "volume", false_alarms=0.05)


def test_false_alarms_are_as_rare_as_asked_for(familiar):
    assert error_rates(familiar, textures(400, 2), "volume").false_alarms == pytest.approx(0.05, abs=0.04)


def test_foreign_images_are_noticed(familiar):
    misses = error_rates(familiar, textures(50, 3), "volume").misses
    assert set(misses) == set(foreign_images(textures(2, 3), "volume"))
    for what in ("noise", "air", "grey values of another scale", "voxels in another order", "blurred away"):
        assert misses[what] == 0, what


def test_the_reason_names_what_is_off(familiar):
    assert "mean is" in familiar.reason(features_of(textures(1, 4) + 0.5, "volume")[0])


def test_shapes_other_than_the_trained_ones_are_noticed():
    rng = np.random.default_rng(0)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, 16)] * 3, indexing="ij")
    radii = rng.uniform(0.25, 0.4, (80, 2, 1, 1, 1))
    plates = ((z / radii[:, 0]) ** 2 / 0.2 + y**2 / 0.5 + (x / radii[:, 1]) ** 2 / 4 < 1).astype(np.uint8)
    familiar = fit_familiarity(plates[:50], plates[50:], "labelmap")
    found = error_rates(familiar, plates[50:], "labelmap")
    assert found.misses["boxes"] < 0.2
    assert found.misses["everything but the structure"] == 0


def test_too_few_images_are_refused():
    with pytest.raises(UsageError, match="at least ten"):
        fit_familiarity(textures(4, 0), textures(20, 1), "volume")
