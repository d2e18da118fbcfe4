"""The conditioning study: its strategies do what they say, guidance is what it is, and a stopped run goes on."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from DiffusionCore.benchmark.conditioning import study as conditioning
from DiffusionCore.benchmark.conditioning.sampling import (
    BOTH,
    CONCATENATION,
    NO_CONDITION,
    START,
    Setting,
    sample,
)
from DiffusionCore.benchmark.conditioning.scores import Scores, score
from DiffusionCore.benchmark.conditioning.settings import StudySettings
from DiffusionCore.benchmark.conditioning.slices import Window, ceiling, marked, study_slices
from DiffusionCore.benchmark.conditioning.study import planned, run_conditioning_study
from DiffusionCore.diffusion import make_process
from DiffusionCore.errors import Cancelled, InputError, ModelError, UsageError
from DiffusionCore.models import Card, save_model
from DiffusionCore.models.card import DiffusionSpec, NetworkSpec, Range, ValidRanges
from DiffusionCore.networks import DenoiserConfig, build_denoiser, unet_config
from DiffusionCore.progress import Progress
from DiffusionCore.training.examples import NO_CONDITION as NO_CONDITION_IN_TRAINING
from DiffusionCore.volume import Volume, write_volume

PROCESS = make_process("linear", 100)
SETTINGS = StudySettings(
    levels=(0.05, 0.15), guidances=(0.0, 1.0, 2.0), steps=3, ddpm_steps=4, patch=16, per_subject=2, dtype="float32"
)


class Telltale:
    """A denoiser that knows the answer: `shown` where it sees a scan, `hidden` where it is shown none."""

    def __init__(self, shown: float, hidden: float) -> None:
        self.shown, self.hidden, self.conditions, self.states, self.times = shown, hidden, [], [], []

    def __call__(self, x_t: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        self.conditions.append(y.clone())
        self.states.append(x_t.clone())
        self.times.append(int(t[0]))
        nothing = bool((y == NO_CONDITION).all())
        return torch.full_like(x_t, 2 * (self.hidden if nothing else self.shown) - 1)

    def from_state(self, x0: torch.Tensor, y: None, sigma: None) -> torch.Tensor:
        return (x0 + 1) / 2


def patches() -> torch.Tensor:
    return torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def write_model(folder: Path, drop: float, **network: object) -> Path:
    """A tiny model of S3's kind with weights that answer something."""
    config = unet_config("s3", channels=(4, 8), attention_levels=(), embedding=8, **network)
    denoiser = build_denoiser(
        DenoiserConfig(network=config, state="image", prediction="epsilon"), PROCESS.signal, PROCESS.noise
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(4)
        for parameter in denoiser.network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    card = Card(
        name="tiny-s3",
        task="enhance",
        modality="MR",
        summary="For a test.",
        network=NetworkSpec(unet={**vars(config)}, state="image", prediction="epsilon"),
        diffusion=DiffusionSpec(process="linear", steps=100),
        normalisation="p99.5",
        valid=ValidRanges(
            sigma_normalised=Range(low=0, high=1),
            spacing_mm=Range(low=0, high=9),
            slice_spacing_mm=Range(low=0, high=9),
        ),
        recipe={"config": {"degradation": {"target": "gaussian"}, "diffusion": {"drop": drop} if drop else {}}},
    )
    save_model(folder, card, denoiser)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model", 0.1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two subjects of three slices of 24×32 in either stack: an ellipse whose brightness is the subject's own."""
    root = tmp_path / "data"
    folder = root / "mr" / "slices2d"
    folder.mkdir(parents=True)
    j, i = np.mgrid[:24, :32]
    ellipse = ((j - 12) / 9) ** 2 + ((i - 16) / 13) ** 2 < 1
    lines = ["stack,index,subject,z_fraction"]
    for split, first in (("test", 1), ("val", 3)):
        stack = f"brain_t1_axial2d_{split}.nii.gz"
        voxels = np.stack([ellipse * (100.0 * (first + n // 3)) + (i % 5) * ellipse for n in range(6)])
        write_volume(Volume(voxels.astype(np.int16), np.eye(4), "MR"), folder / stack)
        lines += [f"{stack},{n},subject-{first + n // 3},0.5" for n in range(6)]
    (folder / "brain_t1_axial2d.csv").write_text("\n".join(lines) + "\n")
    index = "file,flat_mad_pct\nslices2d/brain_t1_axial2d_test.nii.gz,2.0\n"
    (root / "mr" / "index.csv").write_text(index)
    return root


def test_nothing_shown_is_what_training_shows_for_nothing() -> None:
    assert NO_CONDITION == NO_CONDITION_IN_TRAINING


def test_concatenation_starts_from_noise_at_the_end_and_sees_the_scan() -> None:
    y, denoiser = patches(), Telltale(0.8, 0.2)
    found = sample(denoiser, PROCESS, y, 0.05, Setting(CONCATENATION, 1.0, "ddim", 4), batch=3)
    assert denoiser.times == [100, 75, 50, 25]
    assert all(torch.equal(seen, y) for seen in denoiser.conditions)
    assert float(denoiser.states[0].std()) == pytest.approx(float(PROCESS.noise[-1]), rel=0.15)
    assert torch.allclose(found.image, torch.full_like(y, 0.8))
    assert found.one_step is None


def test_a_matched_start_is_the_scan_at_the_timestep_as_noisy_as_it_is() -> None:
    y, denoiser, level = patches(), Telltale(0.8, 0.2), 0.1
    found = sample(denoiser, PROCESS, y, level, Setting(START, 1.0, "ddim", 5), batch=3)
    t = denoiser.times[0]
    ratio = PROCESS.noise / PROCESS.signal
    assert ratio[t - 1] < 2 * level <= ratio[t]  # in the state 2 x - 1 noise counts twice
    assert torch.allclose(denoiser.states[0], PROCESS.pair(t)[0] * (2 * y - 1))
    assert all(bool((seen == NO_CONDITION).all()) for seen in denoiser.conditions)
    assert torch.allclose(found.image, torch.full_like(y, 0.2))
    assert torch.allclose(found.one_step, torch.full_like(y, 0.2))


def test_both_starts_there_and_sees_the_scan() -> None:
    y, denoiser = patches(), Telltale(0.8, 0.2)
    sample(denoiser, PROCESS, y, 0.1, Setting(BOTH, 1.0, "ddim", 5), batch=3)
    assert denoiser.times[0] < 100
    assert all(torch.equal(seen, y) for seen in denoiser.conditions)


@pytest.mark.parametrize(("guidance", "expected"), [(0.0, 0.3), (1.0, 0.5), (1.5, 0.6), (2.0, 0.7)])
def test_guidance_goes_from_without_to_with_and_beyond(guidance: float, expected: float) -> None:
    y, denoiser = patches(), Telltale(shown=0.5, hidden=0.3)
    setting = Setting(CONCATENATION, guidance, "ddim", 2)
    found = sample(denoiser, PROCESS, y, 0.05, setting, batch=3)
    assert torch.allclose(found.image, torch.full_like(y, expected))
    assert len(denoiser.times) == setting.passes(PROCESS, 0.05) == (2 if guidance in (0, 1) else 4)


def test_a_start_alone_has_no_guidance() -> None:
    with pytest.raises(UsageError, match="no guidance"):
        Setting(START, 2.0)


def test_a_chain_takes_no_more_steps_than_there_are_below_its_start() -> None:
    setting = Setting(BOTH, 1.0, "ddpm", 1000)
    first = setting.first_timestep(PROCESS, 0.05)
    assert 1 <= first < 100
    assert setting.visited(PROCESS, 0.05) == tuple(range(first, 0, -1))


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_a_seed_and_not_the_batch_decides_the_result(sampler: str) -> None:
    y = patches()

    class Half(Telltale):
        def __call__(self, x_t, t, y):
            return 0.5 * x_t + 0.1 * y

    setting = Setting(CONCATENATION, 2.0, sampler, 5)
    one = sample(Half(0, 0), PROCESS, y, 0.05, setting, seed=3, batch=1).image
    all_at_once = sample(Half(0, 0), PROCESS, y, 0.05, setting, seed=3, batch=3).image
    other = sample(Half(0, 0), PROCESS, y, 0.05, setting, seed=4, batch=3).image
    assert torch.allclose(one, all_at_once, atol=1e-6)
    assert not torch.allclose(one, other, atol=1e-2)


def test_without_dropout_in_training_only_the_conditional_answer_is_asked_for() -> None:
    unguided = planned(SETTINGS, guided=False)
    assert {(s.strategy, s.guidance) for s in unguided} == {(CONCATENATION, 1.0), (BOTH, 1.0)}
    guided = {(s.strategy, s.guidance) for s in planned(SETTINGS, guided=True)}
    assert (START, 1.0) in guided and (CONCATENATION, 0.0) in guided
    assert (BOTH, 0.0) not in guided  # that is START
    assert {s.guidance for s in planned(SETTINGS, guided=True) if s.sampler == "ddpm"} == {1.0}


def test_patches_are_normalised_by_their_own_subject_and_lie_in_the_slice(data: Path) -> None:
    study = study_slices(data, "test", 16, 2, seed=0)
    assert study.subjects == ("subject-1", "subject-2")
    assert len(study.windows) == 4 and study.cut(study.clean).shape == (4, 16, 16)
    assert study.clean.max() == pytest.approx(1.0, abs=0.01)  # either subject's brightest value
    assert study.own == pytest.approx(0.02)
    again = study_slices(data, "test", 16, 2, seed=0)
    assert again.windows[0].region == study.windows[0].region
    whole = study_slices(data, "test", None, 1, seed=0)
    assert whole.cut(whole.clean).shape == (2, 24, 32)


def test_what_is_not_there_or_does_not_fit_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2D slices"):
        study_slices(tmp_path, "test", 16, 1, seed=0)
    with pytest.raises(UsageError, match="patches of 64"):
        study_slices(data, "test", 64, 1, seed=0)


def test_noise_has_the_level_asked_for_and_is_the_same_again(data: Path) -> None:
    study = study_slices(data, "test", 16, 3, seed=0)
    noisy = study.noisy(0.1, "gaussian", 5)
    assert float((noisy - study.clean).std()) == pytest.approx(0.1, rel=0.05)
    assert np.array_equal(noisy, study.noisy(0.1, "gaussian", 5))
    assert not np.array_equal(noisy, study.noisy(0.1, "gaussian", 6))
    assert study.noisy(0.1, "rician", 5).min() >= 0
    with pytest.raises(UsageError, match="gaussian or rician"):
        study.noisy(0.1, "poisson", 5)


def test_figures_are_taken_in_tissue_over_all_patches_of_a_subject(data: Path) -> None:
    study = study_slices(data, "test", 16, 1, seed=0)
    study = replace(study, clean=np.ones_like(study.clean), windows=tuple(window(w) for w in study.windows))
    images = study.cut(study.clean).copy()
    images[0] += 0.1
    images[1] -= 0.01
    found = score(images, study)
    assert found.psnr == pytest.approx((20.0, 40.0), abs=1e-3)
    assert found.mae == pytest.approx((0.1, 0.01), abs=1e-6)
    assert found.mean("psnr") == pytest.approx(30.0, abs=1e-3)
    assert (found.interval("psnr").low, found.interval("psnr").high) == pytest.approx((20.0, 40.0), abs=1e-3)


def window(given: Window) -> Window:
    return replace(given, region=(slice(2, 18), slice(4, 20)))


def test_eight_subjects_have_a_bootstrap_interval_around_their_mean() -> None:
    values = (30.0, 31.0, 29.0, 30.5, 30.2, 29.5, 31.5, 30.1)
    found = Scores(values, values, values).interval("psnr")
    assert found.estimate == pytest.approx(np.mean(values))
    assert 29 < found.low < found.estimate < found.high < 31.5


def test_own_noise_marks_a_level_and_limits_what_can_be_reached() -> None:
    assert marked(0.013, 0.03) and not marked(0.013, 0.05)
    # equal noises: half of either's variance stays
    assert ceiling(0.01, 0.01) == pytest.approx(40 + 10 * np.log10(2))
    assert ceiling(0.0, 0.05) == float("inf")


def test_the_study_writes_every_strategy_guidance_and_rival(data: Path, model: Path, tmp_path: Path) -> None:
    found = run_conditioning_study(tmp_path / "out", data, model, settings=SETTINGS, device="cpu")
    assert [path.name for path in found.paths] == ["conditioning.md", "conditioning.csv", "conditioning.png"]
    text = found.paths[0].read_text(encoding="utf-8")
    for name in ("non-local means", "concatenation, guidance 0", "both, guidance 2", "start", "S3, DDPM", "S3, DDIM"):
        assert f"| {name} |" in text
    assert "In training 10% of the examples had no condition" in text
    assert "5 % †" in text and "15 % |" in text  # own noise 2 %
    assert str(tmp_path) not in text
    with found.paths[1].open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["level"] for line in lines} == {"0.05", "0.15"}
    assert all(float(line["psnr_low"]) <= float(line["psnr"]) <= float(line["psnr_high"]) for line in lines)
    zero = {r.level: r.scores for r in found.results if (r.strategy, r.guidance) == (BOTH, 0.0)}
    start = {r.level: r.scores for r in found.results if r.strategy == START and r.sampler == "ddim"}
    assert zero == start
    assert found.paths[2].read_bytes().startswith(b"\x89PNG")


def test_a_stopped_study_goes_on_where_it_was(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    original = conditioning.sample

    def counted(*arguments, **options):
        nonlocal calls
        calls += 1
        return original(*arguments, **options)

    monkeypatch.setattr(conditioning, "sample", counted)
    cache, settings = tmp_path / "cache", replace(SETTINGS, levels=(0.15,), ddpm_steps=0)
    stop = Progress(cancelled=lambda: calls >= 3)
    with pytest.raises(Cancelled):
        run_conditioning_study(tmp_path / "out", data, model, settings=settings, cache=cache, progress=stop)
    stopped = calls
    run_conditioning_study(tmp_path / "out", data, model, settings=settings, cache=cache)
    total = len(planned(settings, guided=True))
    assert calls == stopped + total - 2  # two were whole when the third was stopped
    run_conditioning_study(tmp_path / "out", data, model, settings=settings, cache=cache)
    assert calls == stopped + total - 2


def test_a_model_without_dropout_is_studied_at_guidance_1_and_this_is_said(data: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "undropped", 0.0)
    settings = replace(SETTINGS, levels=(0.15,), noise="rician")
    found = run_conditioning_study(tmp_path / "out", data, model, settings=settings)
    assert {r.guidance for r in found.results if r.strategy} == {1.0}
    text = found.paths[0].read_text(encoding="utf-8")
    assert "always there" in text
    assert "trained on gaussian noise, not on rician" in text


def test_another_kind_of_model_is_refused(data: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "one-channel", 0.0, in_channels=1)
    with pytest.raises(ModelError, match="beside the scan"):
        run_conditioning_study(tmp_path / "out", data, model, settings=SETTINGS)
