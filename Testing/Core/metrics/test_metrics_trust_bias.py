"""Means and volumes before and after: a known change is found, of the right size and in the right part."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from DiffusionCore.degradation import rician
from DiffusionCore.metrics.noise_estimate import NoiseEstimate
from DiffusionCore.metrics.trust_bias import tissue_thresholds, volume_bias
from DiffusionCore.volume import Volume

RAS = np.eye(4)
NOISE = NoiseEstimate(1.0, "gaussian")
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def ct(voxels: np.ndarray, place: np.ndarray = RAS) -> Volume:
    return Volume(np.asarray(voxels, np.float32), place, "CT")


def body() -> np.ndarray:
    hu = np.full((40, 40, 40), -1000.0)
    hu[4:36, 4:36, 4:36] = 50
    return hu


def test_nothing_changed_is_nothing_found():
    found = volume_bias(ct(body()), ct(body()), NOISE)
    assert found.mean.change == 0
    assert [amount.percent for amount in found.volumes[:2]] == [0, 0]


def test_volumes_are_in_ml_and_thresholds_in_hu():
    tissue = volume_bias(ct(body()), ct(body()), NOISE).volumes[1]
    assert tissue.name == "soft tissue and denser (above -30 HU)"
    # The outermost of the 32 voxels have a third of air in their average, which lies below the threshold.
    assert tissue.before == pytest.approx(30**3 / 1000)


@pytest.mark.parametrize(("place", "part"), [(RAS, "right anterior superior"), (LPS, "left posterior superior")])
def test_the_part_that_changed_most_is_named_by_the_patient(place, part):
    changed = body()
    changed[26:36, 26:36, 26:36] += 30
    found = volume_bias(ct(body(), place), ct(changed, place), NOISE)
    assert found.mean.part == part
    assert found.mean.part_after - found.mean.part_before > 4 * found.mean.change
    assert found.mean.change > 0


def test_a_shrunken_structure_is_its_share_of_the_volume():
    before, after = body(), body()
    before[10:20, 10:20, 10:20] = 1000
    after[10:19, 10:20, 10:20] = 1000
    bone = volume_bias(ct(before), ct(after), NOISE).volumes[2]
    assert bone.before == pytest.approx(1.0, rel=0.75)
    assert bone.percent == pytest.approx(-8.5, abs=2)


def test_a_rician_bias_that_was_rightly_taken_out_is_no_change():
    truth = np.full((30, 40, 40), 200.0, np.float32)
    truth[:, :20] = 600
    noisy = rician(truth, np.random.default_rng(0), 50.0).voxels
    place = np.eye(4)
    found = volume_bias(Volume(noisy, place, "MR"), Volume(truth, place, "MR"), NoiseEstimate(50.0, "rician"))
    assert found.mean.change == pytest.approx(0, abs=1)
    assert noisy[:, 20:].mean() - 200 > 5


def test_three_tissues_are_parted_between_their_peaks():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(level, 8, 5000) for level in (100, 200, 300)])
    first, second = tissue_thresholds(values.reshape(15, 25, 40), 20)
    assert 110 < first < 190
    assert 210 < second < 290


def test_one_tissue_has_no_thresholds():
    assert tissue_thresholds(np.full((10, 20, 20), 5.0), 1) == ()


def test_noise_alone_changes_no_volume_even_at_a_threshold_on_the_flank_of_a_tissue():
    rng = np.random.default_rng(0)
    truth = gaussian_filter(rng.normal(0, 400, (40, 40, 40)), 3) - 20
    noisy = truth + rng.normal(0, 40, truth.shape)
    found = volume_bias(ct(noisy), ct(truth), NoiseEstimate(40.0, "gaussian"))
    plain = np.mean(uniform_filter(noisy, 3) > -30) / np.mean(uniform_filter(truth, 3) > -30)
    assert found.volumes[1].percent == pytest.approx(0, abs=1)
    assert abs(100 * (1 / plain - 1)) > 2
