"""Validation: the same crops with the same noise each time, and figures taken in tissue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.examples import make_source
from DiffusionCore.training.network import make_denoiser
from DiffusionCore.training.readers import read_scans
from DiffusionCore.training.validation import relative_error, restore, to_psnr, validation_items


@pytest.fixture(scope="module")
def setting(world):
    """Configuration and validation scans: two crops a scan at two levels."""
    config = load_config(world / "tiny.yaml", ["validation.crops=2", "validation.levels=[0.05, 0.1]"])
    return config, read_scans(config.data, "val")


def items(config, scans) -> list[dict]:
    return validation_items(config, make_source(config, scans))


def test_crops_and_noise_are_the_same_each_time(setting):
    first, second = items(*setting), items(*setting)
    assert [(item["name"], item["level"]) for item in first] == [
        (name, level) for name in ("head4.nii.gz", "head5.nii.gz") for _ in range(2) for level in (0.05, 0.1)
    ]
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one["x"], other["x"]) and torch.equal(one["y"], other["y"])
        assert one["x"].shape == (1, 1, 8, 8, 8) and float(one["sigma"].max()) == pytest.approx(one["level"])


def test_levels_share_a_crop_and_not_its_noise(setting):
    low, high = items(*setting)[:2]
    assert torch.equal(low["x"], high["x"])
    noise = [((item["y"] - item["x"]) / item["level"])[item["tissue"]] for item in (low, high)]
    assert abs(float(torch.corrcoef(torch.stack(noise))[0, 1])) < 0.2


def test_a_crop_without_tissue_is_left_out(setting):
    config, scans = setting
    empty = replace(scans[0], voxels=scans[0].voxels * (np.arange(len(scans[0].voxels)) >= 10)[:, None, None])
    names = [item["name"] for item in items(config, [empty, scans[1]])]
    assert names.count("head4.nii.gz") < names.count("head5.nii.gz") == 4


def test_psnr_by_hand():
    target = torch.zeros(2, 2)
    image = torch.tensor([[0.1, 0.1], [0.1, 0.1]])
    assert float(to_psnr(relative_error(image, target, None).mean().item())) == pytest.approx(20)
    assert float(to_psnr(0.0)) == 200


def test_ct_is_clipped_to_the_window_whose_width_is_the_data_range():
    window = (-0.16, 0.24)
    error = relative_error(torch.tensor([3.0, 0.04, -1.0]), torch.tensor([0.5, 0.0, -0.2]), window)
    assert error.tolist() == pytest.approx([0, 0.01, 0], abs=1e-9)


def test_one_step_is_the_answer_to_zeros_at_the_end_of_the_process(setting):
    config, _ = setting
    denoiser, process = make_denoiser(config)
    y, sigma = torch.rand(1, 1, 8, 8, 8), torch.full((1, 1, 8, 8, 8), 0.1)
    with torch.no_grad():
        answer = denoiser(torch.zeros_like(y), torch.tensor([process.steps]), y, sigma)
        expected = denoiser.from_state(answer, y, sigma)
        assert torch.allclose(restore(denoiser, process, y, sigma, 1), expected, atol=1e-6)
        assert torch.equal(restore(denoiser, process, y, sigma, 4), restore(denoiser, process, y, sigma, 4))
