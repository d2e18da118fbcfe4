"""The measurements themselves do what they say, on scans of a few voxels; how long they take is nobody's concern."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from DiffusionCore.benchmark.speed import comparisons, jobs, network
from DiffusionCore.benchmark.speed.process import resident_peak, run_job, run_python
from DiffusionCore.diffusion import make_process
from DiffusionCore.errors import ModelError, UsageError
from DiffusionCore.networks import DenoiserConfig, build_denoiser, unet_config
from DiffusionCore.volume import read_volume

on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="memory of other processes is read from /proc"
)


@pytest.fixture
def random_network(monkeypatch: pytest.MonkeyPatch):
    """A narrow network whose answer is not zero, in the place of every model."""
    process = make_process("cosine_zero_snr")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        config = DenoiserConfig(network=unet_config("fast", channels=(2, 3)))
        denoiser = build_denoiser(config, process.signal, process.noise).eval().requires_grad_(False)
        for parameter in denoiser.network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    for module in (network, comparisons):
        monkeypatch.setattr(module, "network", lambda model, channels: (denoiser, process))
    return denoiser


def test_a_process_is_timed_and_heard() -> None:
    run = run_python(["-c", "print('done')"])
    assert run.output.strip() == "done"
    assert run.seconds > 0


def test_a_process_that_fails_says_so_in_its_own_words() -> None:
    with pytest.raises(ModelError, match=r"^no such model$"):
        run_python(["-c", "import sys; print('diffusioncore: no such model', file=sys.stderr); sys.exit(4)"])
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_python(["-c", "1 / 0"])


@on_linux
def test_the_peak_is_the_child_s_own_not_its_parent_s() -> None:
    held = np.ones(40_000_000)  # 320 MB here
    small = run_python(["-c", "import time; time.sleep(0.2)"]).peak_bytes
    large = run_python(["-c", "import time; held = bytearray(b'1') * 200_000_000; time.sleep(0.2)"]).peak_bytes
    assert resident_peak() >= held.nbytes
    assert small < 100_000_000
    assert 200_000_000 < large < 300_000_000


def test_a_job_runs_in_a_process_of_its_own_and_gives_a_record() -> None:
    record = run_job("machine", {})
    assert record["cores"] >= 1 and record["torch"]


def test_the_command_line_starts_without_bfloat16() -> None:
    run = run_python(["-m", "DiffusionCore.benchmark.speed.float32", "--help"])
    assert "usage: diffusioncore" in run.output


def test_the_head_has_the_size_asked_for_and_int16_values(tmp_path: Path) -> None:
    pytest.importorskip("nilearn")
    path = tmp_path / "head.nii.gz"
    jobs.write_head(str(path), (12, 18, 16))
    head = read_volume(path)
    assert head.shape == (12, 18, 16)
    assert head.voxels.dtype == np.int16
    # the box of the head stays: 189 × 233 × 197 mm
    assert np.multiply(head.shape, head.spacing) == pytest.approx((189, 233, 197), rel=1e-4)
    assert 800 < np.percentile(head.voxels[head.voxels > 0], 99.5) < 1200


def test_a_pass_counts_two_flop_a_multiply_accumulate(random_network) -> None:
    run = network.network_pass((8, 12, 16), dtype="float32", repeats=1, gemm_size=16)
    assert run.gflop == pytest.approx(2 * random_network.macs_per_voxel * 8 * 12 * 16 / 1e9)
    assert run.plan == "the whole scan at once" and run.work_factor == 1
    assert run.voxels == 8 * 12 * 16
    assert run.dtype == "float32"


def test_a_wider_network_is_made_from_its_channels() -> None:
    denoiser, _ = network.network(None, (4, 6))
    assert denoiser.config.channels == (4, 6)
    with pytest.raises(ModelError):
        network.network("nobody", None)


def test_ours_is_the_same_in_slabs_and_monai_s_is_not(random_network) -> None:
    pytest.importorskip("monai")
    pytest.importorskip("nilearn")
    shape = (40, 24, 24)
    run = comparisons.sliding_window(shape, shape, roi=16, repeats=1)
    assert run.our_plan.startswith("slabs")
    assert run.our_difference <= 1e-5
    assert run.monai_difference > 1e-3


def test_gemm_rates_are_positive_and_bfloat16_only_where_it_is() -> None:
    rates = network.gemm(size=32, repeats=1)
    assert rates.float32 > 0
    assert (rates.bfloat16 is not None) == jobs.machine().bfloat16


def test_without_a_gpu_there_is_no_figure_of_one() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    found = network.on_gpu((8, 8, 8), (1,))
    assert found.name == "" and found.seconds == {}


def test_jobs_are_a_closed_list_that_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert jobs.main(["gemm", '{"size": 8, "repeats": 1}']) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"float32", "bfloat16"}
    assert jobs.main(["network_pass", '{"shape": [8, 8, 8], "model": "nobody"}']) == ModelError.exit_code


def test_the_processor_is_named_without_its_machine(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Example 9000\n")
    assert jobs.cpu_name(info) == "Example 9000"


def test_a_2d_model_is_no_model_to_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        name = "flat"

    class Flat:
        card = Card()
        denoiser = type("D", (), {"spatial_dims": 2, "state": "image"})()

    monkeypatch.setattr("DiffusionCore.models.load_model", lambda name: Flat())
    with pytest.raises(UsageError, match="fast family"):
        network.network("flat", None)
