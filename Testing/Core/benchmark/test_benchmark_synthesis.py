"""The synthesis benchmark: what is judged by whom, gates, upscalers beside interpolation, and a whole small run."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy.stats import t

from DiffusionCore.__main__ import main
from DiffusionCore.benchmark.synthesis.arms import Timed, blocks_of, draw, load_arms
from DiffusionCore.benchmark.synthesis.gates import verdicts
from DiffusionCore.benchmark.synthesis.judge import Figures, Judge
from DiffusionCore.benchmark.synthesis.real import RealImages, read_real
from DiffusionCore.benchmark.synthesis.report import one_above_the_other
from DiffusionCore.benchmark.synthesis.results import ArmResult, difference
from DiffusionCore.benchmark.synthesis.run import run_synthesis_benchmark, sets_of
from DiffusionCore.benchmark.synthesis.upscaling import upscaling_rows
from DiffusionCore.errors import InputError, ModelError, UsageError
from DiffusionCore.models import load_model
from DiffusionCore.progress import silent

SIZE = 64


def rings(heights: np.ndarray, seed: int) -> np.ndarray:
    """(n, SIZE, SIZE): rings whose radius falls with the height, of a random place, thickness and brightness."""
    rng = np.random.default_rng(seed)
    j, i = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE - 0.5
    dj, di, width, dark = rng.uniform([-0.04, -0.04, 0.05, 0.3], [0.04, 0.04, 0.1, 0.6], (len(heights), 4)).T[
        ..., None, None
    ]
    radius, outer = np.hypot(j - dj, i - di), (0.44 - 0.3 * heights)[:, None, None]
    return ((radius < outer) * (dark + (1 - dark) * (radius > outer - width))).astype(np.float32)


def people(prefix: str, count: int, each: int, seed: int) -> RealImages:
    heights = np.tile(np.linspace(0.36, 0.84, each), count)
    return RealImages(rings(heights, seed), heights, tuple(f"{prefix}{n}" for n in range(count) for _ in range(each)))


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(people("a", 10, 8, 0), people("b", 4, 8, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stacks of 60 × 56 slices in the layout of the data folder."""
    root = tmp_path_factory.mktemp("data")
    (root / "mr" / "slices2d").mkdir(parents=True)
    with (root / "mr" / "slices2d" / "brain_t1_axial2d.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("stack", "index", "subject", "z_fraction"))
        for split, count, seed in (("train", 6, 0), ("test", 4, 1)):
            real = people(split, count, 8, seed)
            stack = (200 * real.images[:, 2:-2, 4:-4]).astype(np.uint8)
            name = f"brain_t1_axial2d_{split}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(stack.transpose(2, 1, 0), np.eye(4)), root / "mr" / "slices2d" / name)
            writer.writerows(
                (name, k, subject, height)
                for k, (subject, height) in enumerate(zip(real.subjects, real.heights, strict=True))
            )
    return root


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, make_synthesis) -> list[Path]:
    """A cascade 32 to 64, and a single stage of 64."""
    root = tmp_path_factory.mktemp("models")
    label = [{"name": "z_fraction", "low": 0.36, "high": 0.84}]
    make_synthesis(root / "larger", 2, (64, 64))
    return [
        make_synthesis(root / "stages", size=(32, 32), then=["larger"], labels=label),
        make_synthesis(root / "once", size=(64, 64), labels=label),
    ]


def test_real_slices_lie_in_the_middle_of_the_canvas(folder):
    real = read_real(folder, "test", (64, 64))
    assert real.images.shape == (32, 64, 64) and real.subjects[8] == "test1"
    assert real.heights[1] == pytest.approx(0.36 + 0.48 / 7)
    assert real.images.max() == pytest.approx(1)
    assert np.all(real.images[:, :2] == 0) and np.all(real.images[:, :, :4] == 0)


def test_missing_slices_are_said(tmp_path):
    with pytest.raises(InputError, match=r"test\.nii\.gz is not in the data folder"):
        read_real(tmp_path, "test", (64, 64))
    place = tmp_path / "mr" / "slices2d"
    place.mkdir(parents=True)
    (place / "brain_t1_axial2d_test.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match=r"axial2d\.csv is not in the data folder"):
        read_real(tmp_path, "test", (64, 64))


def test_the_heights_of_new_subjects_are_seen(judge):
    real = people("c", 3, 8, 2)
    assert judge(real.images, real.heights).height_r > 0.95


def test_new_subjects_are_judged_better_than_noise_and_copies_are_found(judge):
    real = people("c", 5, 8, 2)
    good = judge(real.images, real.heights)
    noise = judge(np.random.default_rng(0).random((40, SIZE, SIZE)).astype(np.float32))
    copies = judge(judge.train.images[:40, :, ::-1])
    assert good.kernel < noise.kernel and good.precision > 0.5 > noise.precision
    assert good.height_r > 0.95 and np.isnan(noise.height_r)
    assert good.memorised < 0.5 and copies.memorised == 1.0
    assert copies.inception_score > 2


def test_images_that_are_all_alike_have_no_recall_and_no_diversity(judge):
    same = judge(np.repeat(judge.test.images[:1], 40, axis=0))
    assert (
        same.recall < 0.1 and same.pairwise == pytest.approx(0, abs=1e-3) and same.ms_ssim == pytest.approx(1, abs=1e-3)
    )


def figures(**changes: float) -> Figures:
    usual = dict.fromkeys(Figures.__dataclass_fields__, 0.5)
    return Figures(**{**usual, **changes})


def test_intervals_over_sampling_seeds():
    result = ArmResult("a", "a", True, tuple(figures(kernel=value) for value in (1.0, 2.0, 3.0)))
    assert result.mean("kernel") == 2
    assert result.half_width("kernel") == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    assert ArmResult("a", "a", True, (figures(),)).cell("kernel") == "0.5"
    assert ArmResult("real", "real", False, result.figures, real=True).cell("kernel") == "2"
    copied = ArmResult("a", "a", True, tuple(figures(memorised=share) for share in (0.04, 0.05, 0.06)))
    assert copied.cell("memorised") == "5% ± 2%"


def test_arms_differ_by_as_much_as_their_seeds_allow():
    """Welch: (2, 4, 6) and (1, 2, 3) have standard errors of 2 / √3 and 1 / √3, and 2.94 degrees of freedom."""
    a, b = (
        ArmResult(x, x, True, tuple(figures(kernel=k * f) for k in (1.0, 2.0, 3.0))) for x, f in (("a", 2), ("b", 1))
    )
    found = difference(a, b, "kernel")
    half = t.ppf(0.975, (4 / 3 + 1 / 3) ** 2 / ((4 / 3) ** 2 / 2 + (1 / 3) ** 2 / 2)) * np.sqrt(5 / 3)
    assert (found.estimate, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half))
    assert str(found) == f"+2 [−{half - 2:.2g}, +{half + 2:.2g}]"
    one = ArmResult("c", "c", True, (figures(kernel=5.0, height_r=float("nan")),))
    assert str(difference(one, a, "kernel")) == "+1" and str(difference(one, a, "height_r")) == "–"


def test_gates_hold_or_not():
    good = figures(kernel=0.1, precision=0.6, recall=0.4, memorised=0.05, height_r=0.95)
    bad = figures(kernel=0.3, precision=0.6, recall=0.2, memorised=0.2, height_r=0.5)
    floor = ArmResult("real", "real", False, (good,), real=True)
    single = ArmResult("once", "once", False, (figures(kernel=0.2),), hours=1.0)
    arms = [
        ArmResult("good", "", True, (good,), alone=Timed(20.0), hours=1.5, clock="processor"),
        ArmResult("bad", "", True, (bad,), alone=Timed(40.0)),
        single,
    ]
    found = verdicts(arms, floor)
    assert [verdict.holds for verdict in found] == [True] * 5 + [False] * 5
    assert found[0].gate == "kernel distance below once's (trained 1.5 h by processor, against 1 h by wall)"
    assert found[0].measured.startswith("−0.1; kernel 0.1 against 0.2 (real images 0.1); Fréchet")


def test_images_are_drawn_once(models, tmp_path):
    (arm, _) = load_arms(models)
    first = draw(arm, 5, 0, tmp_path, silent(), steps=2)
    again = draw(arm, 5, 0, tmp_path, silent(), steps=2)
    assert np.array_equal(first.images, again.images) and first.timed == again.timed
    assert first.asked.tolist() == pytest.approx(np.linspace(0.36, 0.84, 5).tolist())
    assert len(list(tmp_path.glob("*.npz"))) == 1
    draw(arm, 5, 1, tmp_path, silent(), steps=2)
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_seconds_beside_other_work_stand_in_brackets():
    assert [str(Timed(2.0, others)) for others in (None, 0.1, 0.9)] == ["2", "2", "(2)"]


def test_an_arm_says_by_which_clock_it_was_trained(models):
    (arm, _) = load_arms(models)
    assert arm.clock == "wall"
    card = arm.stages[1].card.model_copy(update={"recipe": {"config": {"trainer": {"clock": "processor"}}}})
    assert replace(arm, stages=(arm.stages[0], replace(arm.stages[1], card=card))).clock == "processor and wall"


def test_a_run_that_was_stopped_goes_on_at_the_block_it_was_stopped_in(models, tmp_path, monkeypatch):
    monkeypatch.setattr("DiffusionCore.benchmark.synthesis.arms.BLOCK", 4)
    (arm, _) = load_arms(models)
    whole = draw(arm, 10, 0, tmp_path, silent(), steps=2)
    blocks = blocks_of(arm, 10, 0, tmp_path, steps=2)
    assert [(block.first, block.end) for block in blocks] == [(0, 4), (4, 8), (8, 10)]
    first, last = blocks[0].place.stat().st_mtime_ns, blocks[2].place
    last.unlink()
    again = draw(arm, 10, 0, tmp_path, silent(), steps=2)
    assert np.array_equal(whole.images, again.images)
    assert blocks[0].place.stat().st_mtime_ns == first and last.is_file()
    one = draw(arm, 10, 0, tmp_path / "other", silent(), steps=2).images
    assert np.array_equal(whole.images, one)


def test_real_images_are_judged_in_sets_as_large_as_the_drawn_ones():
    real = people("c", 4, 8, 0)
    sets = sets_of(real, 15)
    assert [len(each.images) for each in sets] == [16, 16]
    assert all(set(each.subjects) == set(real.subjects) for each in sets)
    assert sorted(np.concatenate([each.heights for each in sets])) == sorted(real.heights)
    assert len(sets_of(real, 100)) == 1


def test_on_a_sheet_each_image_stands_above_its_own():
    images, below = np.arange(10), np.arange(10) + 100
    assert one_above_the_other(images, below) == [*range(8), *range(100, 108), 8, 9, 108, 109]


def test_the_nearest_training_images_are_shown_as_they_are_or_mirrored(judge):
    copies = np.stack([judge.train.images[3], judge.train.images[5][:, ::-1]])
    found = judge.memorisation(copies)
    assert np.array_equal(judge.neighbours(found.which), copies)


def test_models_of_different_sizes_are_not_compared(models, tiny_cascade):
    with pytest.raises(ModelError, match="different sizes"):
        load_arms([models[0], tiny_cascade])


def test_models_of_one_name_are_not_compared(models):
    with pytest.raises(ModelError, match="two of the models are called 'once'"):
        load_arms([models[1], models[1]])


def test_a_better_interpolation_scores_better(models):
    rows = upscaling_rows(load_model(models[0].parent / "larger"), people("c", 2, 2, 0), silent())
    methods = {row.method: row for row in rows}
    assert {"nearest", "bilinear", "bicubic"} < methods.keys() and len(rows) == 5
    less = methods["nearest"].psnr.estimate - methods["bicubic"].psnr.estimate
    assert less < 0 and methods["nearest"].gain.estimate == pytest.approx(less)
    assert methods["nearest"].gain.label == "range of 2 subjects" and methods["bicubic"].gain.estimate == 0
    assert all(row.step == "32 to 64" for row in rows)


def test_a_whole_small_run_writes_tables_and_pictures(models, folder, tmp_path):
    found = run_synthesis_benchmark(tmp_path, folder, models, quick=True)
    assert [result.name for result in found.results] == ["stages", "once"]
    pictures = {f"synthesis-{arm}{what}.png" for arm in ("stages", "once") for what in ("", "-nearest")}
    assert {path.name for path in found.files} == {"synthesis.md", "synthesis.csv", "synthesis-nearest.csv", *pictures}
    tmp_path = tmp_path / "quick"
    text = (tmp_path / "synthesis.md").read_text()
    assert "**real**" in text and "bicubic" in text and "random-conv" in text and "| once: single stage" in text
    assert "## Less stages: cascade" in text
    with (tmp_path / "synthesis.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == ["real", "stages", "once"]


def test_the_command_takes_the_installed_model_by_default(
    models, folder, tmp_path, tmp_path_factory, monkeypatch, capsys
):
    empty = tmp_path_factory.mktemp("bundled")
    monkeypatch.setattr("DiffusionCore.models.registry.bundled_folder", lambda: empty)
    monkeypatch.setenv("DIFFUSIONCORE_MODELS", str(models[0].parent))
    words = ["benchmark", "synthesis", str(tmp_path), "--data", str(folder), "--quick"]
    assert main([*words, "--count", "3"]) == UsageError.exit_code
    assert "--count must be 5 or more" in capsys.readouterr().err
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == []  # gates are about cascades; the first by name is none
    assert (tmp_path / "quick" / "synthesis-once.png").is_file()
