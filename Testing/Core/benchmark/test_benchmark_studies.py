"""What the study compares with, and S0's table: on two tiny subjects with models of a few channels."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from DiffusionCore.benchmark.conditioning.rivals import GRID, nonlocal_means, regression, tuned_parameters
from DiffusionCore.benchmark.conditioning.slices import StudySlices, Window
from DiffusionCore.benchmark.denoise.cases import MR_S0, S0_INPUT_PSNR, TEST_CASES
from DiffusionCore.benchmark.denoise.s0 import run_s0_table
from DiffusionCore.diffusion import make_process
from DiffusionCore.errors import ModelError
from DiffusionCore.models import Card, load_model, save_model
from DiffusionCore.models.card import DiffusionSpec, NetworkSpec, Range, ValidRanges
from DiffusionCore.networks import DenoiserConfig, build_denoiser, unet_config
from DiffusionCore.volume import Volume, write_volume


@pytest.fixture
def study() -> StudySlices:
    """Two slices with a step edge, scored as a whole."""
    clean = np.full((2, 32, 40), 0.3, np.float32)
    clean[:, 8:, 20:] = 0.8
    region = (slice(0, 32), slice(0, 40))
    return StudySlices(clean, (Window("a", 0, region), Window("b", 1, region)), 0.0)


def save(folder: Path, preset: str, state: str, schedule: str, **network: object) -> Path:
    process = make_process(schedule, 20)
    prediction = "epsilon" if state == "image" else "v"
    config = unet_config(preset, channels=(2, 4), attention_levels=(), embedding=8, **network)
    denoiser = build_denoiser(
        DenoiserConfig(network=config, state=state, prediction=prediction), process.signal, process.noise
    )
    card = Card(
        name=folder.name,
        task="enhance",
        modality="MR",
        summary="For a test.",
        network=NetworkSpec(unet={**vars(config)}, state=state, prediction=prediction),
        diffusion=DiffusionSpec(process=schedule, steps=20),
        normalisation="p99.5",
        valid=ValidRanges(
            sigma_normalised=Range(low=0, high=1),
            spacing_mm=Range(low=0, high=9),
            slice_spacing_mm=Range(low=0, high=9),
        ),
    )
    save_model(folder, card, denoiser)
    return folder


def rms(image: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(image, dtype=np.float64))))


@pytest.mark.parametrize("kind", ["gaussian", "rician"])
def test_nonlocal_means_removes_noise_slice_by_slice(study: StudySlices, kind: str) -> None:
    noisy = study.noisy(0.1, kind, 0)
    filtered = nonlocal_means(noisy, 0.1, kind, (0.8, 5, 9))
    assert rms(filtered - study.clean) < 0.5 * rms(noisy - study.clean)
    alone = nonlocal_means(noisy[1:], 0.1, kind, (0.8, 5, 9))
    assert np.allclose(filtered[1], alone[0])


def test_tuning_takes_the_grid_s_best(study: StudySlices) -> None:
    best = tuned_parameters(study, 0.1, "gaussian", 0)
    assert all(value in values for value, values in zip(best, GRID, strict=True))
    noisy = study.noisy(0.1, "gaussian", 0)
    poor = nonlocal_means(noisy, 0.1, "gaussian", (GRID[0][0], GRID[1][0], GRID[2][0]))
    good = nonlocal_means(noisy, 0.1, "gaussian", best)
    assert rms(good - study.clean) <= rms(poor - study.clean)


def test_an_untrained_residual_model_gives_its_prior_in_one_step(study: StudySlices, tmp_path: Path) -> None:
    model = load_model(save(tmp_path / "regression", "fast-2d", "residual", "cosine_zero_snr"))
    noisy = study.noisy(0.1, "gaussian", 0)
    restored = regression(model, noisy, 0.1, "cpu", "float32")
    assert restored.shape == noisy.shape
    assert rms(restored - study.clean) < rms(noisy - study.clean)  # the Wiener estimate


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """The two test heads' files, each an ellipsoid in air."""
    root = tmp_path / "data"
    k, j, i = np.mgrid[:16, :24, :24]
    ball = ((k - 8) / 7) ** 2 + ((j - 12) / 10) ** 2 + ((i - 12) / 9) ** 2 < 1
    for case in TEST_CASES:
        if case.table == MR_S0:
            path = root / case.file
            path.parent.mkdir(parents=True, exist_ok=True)
            voxels = (ball * (600 + 100 * np.sin(k + 2 * j))).astype(np.int16)
            write_volume(Volume(voxels, np.eye(4), "MR"), path)
    return root


def test_s0_s_table_starts_at_28_4_db_and_names_every_subject(heads: Path, tmp_path: Path) -> None:
    s0 = save(tmp_path / "s0", "reference-quarter", "image", "linear")
    ours = save(tmp_path / "ours", "fast", "residual", "cosine_zero_snr")
    rows, paths = run_s0_table(tmp_path / "out", heads, s0, ours=ours, steps=2, quick=True, device="cpu")
    subjects = {case.subject for case in TEST_CASES if case.table == MR_S0}
    assert {row.subject for row in rows} == subjects
    start = [row for row in rows if row.method == "before"]
    assert [row.psnr for row in start] == pytest.approx([S0_INPUT_PSNR] * len(subjects), abs=0.02)
    assert {row.method for row in rows} == {"before", "NLM (scikit-image)", "S0's network, DDIM 2", "ours, one step"}
    with paths[1].open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    text = paths[0].read_text(encoding="utf-8")
    assert "28.4 dB" in text and "+0.00" in text


def test_s0_s_table_refuses_another_kind_of_model(heads: Path, tmp_path: Path) -> None:
    with torch.no_grad():
        ours = save(tmp_path / "ours", "fast", "residual", "cosine_zero_snr")
    with pytest.raises(ModelError, match="image's diffusion"):
        run_s0_table(tmp_path / "out", heads, ours)
