"""Everything about a result in one place, in words, the same each time."""

from __future__ import annotations

import json

import numpy as np
import pytest

from DiffusionCore.degradation import rician
from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import Trust, trust
from DiffusionCore.metrics.noise_estimate import NoiseEstimate
from DiffusionCore.metrics.trust_bias import Amount, Bias
from DiffusionCore.metrics.trust_uncertainty import Sureness
from DiffusionCore.metrics.trust_words import bias_findings, range_findings, structure_findings, uncertainty_findings
from DiffusionCore.volume import Volume

NOISE = NoiseEstimate(20.0, "rician")
PLACE = np.array([[-1.0, 0, 0, 30], [0, 1, 0, -20], [0, 0, 2, 5], [0, 0, 0, 1]])


def volume(voxels: np.ndarray) -> Volume:
    return Volume(np.asarray(voxels), PLACE, "MR")


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    voxels = np.full((24, 48, 48), 500, np.float32)
    voxels[:, :20] = 300
    return voxels


@pytest.fixture(scope="module")
def noisy(clean) -> np.ndarray:
    return rician(clean, np.random.default_rng(0), 20.0).voxels


@pytest.fixture(scope="module")
def erased(clean) -> Trust:
    """A lesion of 4 sigma at (k 12, j 30, i 24) is in the scan and not in the result."""
    k, j, i = np.indices(clean.shape)
    lesion = 80 * ((k - 12) ** 2 + (j - 30) ** 2 + (i - 24) ** 2 <= 9)
    scan = rician(clean + lesion.astype(np.float32), np.random.default_rng(0), 20.0).voxels
    return trust(volume(scan), volume(clean), NOISE, out_of_range=())


def test_a_good_result_has_nothing_against_it(clean, noisy):
    found = trust(volume(noisy), volume(clean), NOISE, out_of_range=())
    assert not found.alarm
    assert found.words[0].startswith("what was removed looks like noise")
    assert found.words[-1] == "the scan is like those that the model was trained on"


def test_an_erased_lesion_is_named_with_its_place(erased):
    assert erased.alarm
    place = erased.places[0]
    # RAS of (i 24, j 30, k 12): 30 - 24, 30 - 20, 24 + 5.
    np.testing.assert_allclose(place.ras, (6, 10, 29), atol=3)
    assert place.score < -6
    assert any("lost something that the scan showed" in sentence and "mm³" in sentence for sentence in erased.words)


def test_the_map_stands_on_the_scans_grid(erased):
    np.testing.assert_array_equal(erased.structure.ijk_to_ras, PLACE)
    assert erased.structure.voxels.dtype == np.float32
    assert erased.structure.modality == "OTHER"


def test_the_same_input_gives_the_same_bytes(clean, noisy):
    found = [trust(volume(noisy), volume(clean), NOISE) for _ in range(2)]
    assert found[0].structure.voxels.tobytes() == found[1].structure.voxels.tobytes()
    assert json.dumps(found[0].as_dict()) == json.dumps(found[1].as_dict())


def test_at_half_strength_the_same_is_seen(clean, noisy):
    half = noisy + np.float32(0.5) * (clean - noisy)
    full = trust(volume(noisy), volume(clean), NOISE)
    found = trust(volume(noisy), volume(half), NOISE, strength=0.5)
    np.testing.assert_allclose(found.structure.voxels, full.structure.voxels, atol=1e-2)


def test_strength_0_removed_nothing_that_could_be_judged(noisy):
    found = trust(volume(noisy), volume(noisy), NOISE, strength=0.0)
    assert not found.structure.voxels.any()
    assert found.words[0] == "too little was removed to judge what it was"


def test_it_is_ready_for_json(erased):
    content = json.loads(json.dumps(erased.as_dict()))
    assert content["alarm"] is True
    assert set(content["alarms"]) <= set(content["words"])


def test_grids_must_be_the_same(clean):
    with pytest.raises(UsageError, match="voxels"):
        trust(volume(clean), volume(clean[:10]), NOISE)


def test_flagged_tissue_over_5_percent_is_an_alarm():
    assert not structure_findings(0.049, 0.8, True, (), "HU")[0].alarm
    assert structure_findings(0.051, 0.8, True, (), "HU")[0].alarm
    assert structure_findings(0.051, 0.8, True, (), "HU")[0].sentence.endswith(
        "5.1 % of the tissue shows structure in it (an alarm from 5 %)"
    )


def test_uncertainty_says_whether_it_was_calibrated():
    sure, unsure = (uncertainty_findings(Sureness(12.3, 40.0, known), "HU")[0].sentence for known in (True, False))
    assert sure == (
        "half of the tissue is known to ±12.3 HU, all but 1 % of it to ±40 HU "
        "(90 % interval, calibrated on the model's validation subjects)"
    )
    assert "not calibrated" in unsure


def test_what_is_out_of_range_is_an_alarm_each():
    assert [finding.alarm for finding in range_findings(["spacing", "noise"])] == [True, True]


def test_a_change_too_small_to_be_one_is_not_told_to_its_digits():
    mean = Amount("mean in tissue", "grey levels", 150.0, 149.7)
    volumes = (Amount("all tissue", "mL", 1077.0, 1076.99), Amount("bright tissue", "mL", 562.0, 565.0))
    said = [finding.sentence for finding in bias_findings(Bias(mean, volumes))]
    assert said[1] == "all tissue: 1077 mL before, 1077 mL after (under 0.01 %)"
    assert said[2] == "bright tissue: 562 mL before, 565 mL after (+0.53 %)"
