"""What is told of a scan before anything is done to it, and how long that would take."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.models import load_model
from DiffusionCore.progress import silent
from DiffusionCore.tasks.estimate import estimate
from DiffusionCore.tasks.inspect_scan import inspect_volume
from DiffusionCore.tasks.options import EnhanceOptions
from DiffusionCore.volume import Volume


@pytest.fixture(scope="module")
def model(tiny_models):
    return load_model(tiny_models / "tiny-mr")


def test_modality_noise_and_model(mr, model):
    found = inspect_volume(mr, EnhanceOptions(), silent(), loaded=model)
    assert found.problem is None
    assert found.facts["modality"] == "MR"
    assert found.facts["model"] == "tiny-mr 1"
    assert found.facts["noise"]["sigma"] == found.noise.sigma
    assert "plan" not in found.facts


def test_noise_measured_before_is_not_measured_again(mr, model):
    before = inspect_volume(mr, EnhanceOptions(), silent(), loaded=model).noise
    assert inspect_volume(mr, EnhanceOptions(), silent(), loaded=model, noise=before).noise is before


def test_what_would_be_refused_is_told_with_what_is_known(mr, model):
    found = inspect_volume(Volume(mr.voxels, mr.ijk_to_ras, "OTHER"), EnhanceOptions(), silent(), loaded=model)
    assert found.problem.exit_code == 7
    assert found.facts["values"] == [float(mr.voxels.min()), float(mr.voxels.max())]


@pytest.mark.parametrize(("options", "passes"), [({}, 1), ({"steps": 8}, 8), ({"preset": "careful"}, 32)])
def test_seconds_are_the_rate_times_voxels_times_passes(model, options, passes):
    expected = estimate((24, 32, 32), model, EnhanceOptions(device="cpu", **options), seconds_per_voxel=1e-6)
    assert expected.network_passes == passes
    assert expected.seconds == pytest.approx(24 * 32 * 32 * passes * 1e-6)
    assert expected.device == "cpu"


def test_an_unknown_rate_is_measured(model):
    expected = estimate((24, 32, 32), model, EnhanceOptions(device="cpu"))
    assert 0 < expected.seconds_per_voxel < 1e-3
    assert np.isclose(expected.seconds, expected.seconds_per_voxel * 24 * 32 * 32)
