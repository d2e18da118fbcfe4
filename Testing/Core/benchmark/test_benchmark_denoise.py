"""A whole run on small scans: figures by hand, tables, intervals, gates, resuming."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.benchmark.denoise.case_inputs import CaseInput
from DiffusionCore.benchmark.denoise.cases import CT_DOSE, MR_ORIGIN, MR_S0, REAL, TEST_CASES, Case
from DiffusionCore.benchmark.denoise.forecast import SCORE_PACE, seconds_left
from DiffusionCore.benchmark.denoise.gates import verdicts
from DiffusionCore.benchmark.denoise.markdown import markdown
from DiffusionCore.benchmark.denoise.results import Row, levels_of, rows_of
from DiffusionCore.benchmark.denoise.run import first_of_each, measure, run_denoise_benchmark, tune_rivals
from DiffusionCore.benchmark.denoise.scores import ceiling, scores, spectrum_error, tuning_score
from DiffusionCore.benchmark.rivals import Method, NoisyScan, Output, read_tuned, rival
from DiffusionCore.errors import Cancelled, UsageError
from DiffusionCore.progress import Progress
from DiffusionCore.volume import Volume, write_volume

SHAPE = (16, 24, 24)


@dataclass
class Halving:
    """Ours, for a test that knows the truth: takes away a share of the noise."""

    share: float
    truth: np.ndarray | None = None
    calls: int = 0

    def __call__(self, scan: NoisyScan) -> np.ndarray:
        self.calls += 1
        from scipy.ndimage import uniform_filter

        smooth = uniform_filter(scan.voxels, 3) if self.truth is None else self.truth
        return scan.voxels + np.float32(self.share) * (smooth - scan.voxels)


def method(name: str, run=None, kind: str = "rival", **fields) -> Method:
    return Method(
        name=name, title=name, run=run or Halving(0.5), distribution="", module="", licence="", kind=kind, **fields
    )


def a_case(table: str = MR_ORIGIN, subject: str = "a", modality: str = "MR", **fields) -> Case:
    kind = "rician" if modality == "MR" else "low_dose"
    return Case(table, subject, f"{subject}.nii.gz", modality, **{"kind": kind, "level": 0.05, "own": 0.01, **fields})


def given(case: Case, sigma: float = 0.05, own: float = 0.01) -> CaseInput:
    rng = np.random.default_rng(len(case.subject))
    target = rng.random(SHAPE, dtype=np.float32) * (1 if case.modality == "MR" else 0.2)
    noisy = target + np.float32(sigma) * rng.standard_normal(SHAPE, dtype=np.float32)
    tissue = np.ones(SHAPE, bool)
    return CaseInput(case, NoisyScan(noisy, sigma, case.modality), target, tissue, 1.0, own)


def rows_for(case: Case, errors: dict[str, float], kinds: dict[str, str], **noise: float) -> list[Row]:
    """Rows of methods that are off by a constant everywhere."""
    data = given(case, **noise)
    rows = []
    for name, error in errors.items():
        output = Output(data.target + np.float32(error), 2.0)
        rows += rows_of(data, method(name, kind=kinds.get(name, "rival")), output)
    return rows


def test_scores_of_a_constant_error_are_algebra() -> None:
    target = np.full((12, 16, 16), 0.5, np.float32)
    tissue = np.zeros(target.shape, bool)
    tissue[2:10] = True
    (found,) = scores(target + np.float32(0.1), target, tissue, "MR")
    assert found.psnr == pytest.approx(20)  # error a tenth of the range
    assert found.snr_db == pytest.approx(20 * np.log10(5), abs=1e-4)
    assert found.shift == pytest.approx(10, rel=1e-5)  # percent
    assert found.errors.sums.sum() / found.errors.counts.sum() == pytest.approx(0.01, rel=1e-5)
    assert found.errors.counts.sum() == tissue.sum()


def test_ct_is_scored_in_both_windows() -> None:
    target = np.full((12, 16, 16), 0.04, np.float32)
    target[:6] = 0.9  # 900 HU: clipped in the soft window
    soft, wide = scores(target + np.float32(0.02), target, np.ones(target.shape, bool), "CT")
    assert (soft.window, wide.window) == ("[−160, 240] HU", "[−1000, 1000] HU")
    # 20 HU of 400 in half of the voxels; 20 of 2000 in all
    assert soft.psnr == pytest.approx(20 * np.log10(20) + 10 * np.log10(2), abs=1e-3)
    assert wide.psnr == pytest.approx(40, abs=1e-3)
    assert soft.shift == pytest.approx(20, rel=1e-4) and wide.shift == soft.shift


def test_no_method_that_knows_the_scan_beats_the_ceiling() -> None:
    rng = np.random.default_rng(0)
    quiet = np.full((30, 40, 40), 0.5)
    own, added = 0.02, 0.05
    target = (quiet + own * rng.standard_normal(quiet.shape)).astype(np.float32)
    noisy = target + added * rng.standard_normal(quiet.shape)
    best = quiet + own**2 / (own**2 + added**2) * (noisy - quiet)  # Wiener, with the scan known
    tissue = np.ones(quiet.shape, bool)
    (limit,) = ceiling(target, tissue, "MR", own, added)
    assert scores(best.astype(np.float32), target, tissue, "MR")[0].psnr == pytest.approx(limit, abs=0.05)


@pytest.mark.parametrize(("dose", "marked"), [(0.25, True), (0.10, False), (0.05, False)])
def test_a_quarter_of_the_dose_is_marked(dose: float, marked: bool) -> None:
    own = 0.009
    rows = rows_for(
        a_case(CT_DOSE, modality="CT", level=dose), {"x": 0.01}, {}, sigma=own * (1 / dose - 1) ** 0.5, own=own
    )
    assert [row.marked for row in rows] == [marked, marked]


def test_gain_is_paired_and_labelled_within_these_subjects() -> None:
    rows = [
        row
        for subject, worse in (("a", 0.02), ("bb", 0.04))
        for row in rows_for(a_case(subject=subject), {"theirs": worse, "mine": 0.01}, {"mine": "ours"})
    ]
    (level,) = levels_of(rows)
    theirs, mine = level.of("theirs"), level.of("mine")
    assert mine.psnr.estimate == pytest.approx(40, abs=1e-3)
    assert theirs.gain.estimate == pytest.approx(20 * np.log10(2) * 1.5, abs=1e-3)  # mean of 6.02 and 12.04
    assert theirs.gain.low == pytest.approx(theirs.gain.estimate, abs=1e-3)  # every block says the same
    assert theirs.gain.label == "within these 2 subjects"
    assert mine.gain is None


def test_from_six_subjects_on_subjects_are_resampled_and_contrasts_are_not_subjects() -> None:
    def level(subjects: list[str]):
        rows = [
            row
            for n, subject in enumerate(subjects)
            for row in rows_for(a_case(subject=subject), {"mine": 0.01 * (n + 1), "theirs": 0.1}, {"mine": "ours"})
        ]
        return levels_of(rows)[0]

    assert level(["a", "b", "c", "d", "e", "f"]).of("mine").psnr.label == "over 6 subjects"
    assert level(["a/1", "a/2", "b", "c", "d", "e"]).of("mine").psnr.label.startswith("within")


def test_a_method_that_is_not_installed_is_a_row_with_its_reason() -> None:
    data = given(a_case())
    rows = rows_of(data, method("bm4d"), Output(None, None, "not installed (pip install bm4d)"))
    rows += rows_of(data, method("mine", kind="ours"), Output(data.target + np.float32(0.01), 1.0))
    levels = levels_of(rows)
    assert levels[0].of("bm4d") is None
    assert "| bm4d | not installed (pip install bm4d) |" in markdown(levels, [], [])


def test_gates_say_what_was_measured() -> None:
    ours = {"mine": "ours"}
    errors = {"input": 0.05, "bm4d": 0.02, "nlm-skimage": 0.03, "nlm-dipy": 0.04, "mine": 0.0195}
    found = verdicts(levels_of(rows_for(a_case(), errors, ours)), [])
    held = {v.gate: (v.measured, v.holds) for v in found}
    assert held["≥ BM4D +0.3 dB"] == ("+0.22 dB", False)  # 20 log10(20 / 19.5)
    assert held["≥ NLM +2.5 dB"] == ("+3.74 dB", True)  # against the better NLM
    assert "≥ regression U-Net −0.1 dB" not in held  # it has not run
    s0 = verdicts(levels_of(rows_for(a_case(MR_S0), {"input": 0.038, "mine": 0.01}, ours)), [])
    assert {v.gate: v.holds for v in s0}["PSNR ≥ 35.1 dB"]
    assert {v.gate: v.measured for v in s0}["SNR + 6.4 dB"] == "11.6 dB"


def test_the_regression_network_meets_ours_of_the_same_hours() -> None:
    data = given(a_case())

    def row(name: str, error: float, kind: str, hours: float) -> list[Row]:
        made = method(name, kind=kind, hours=hours, steps=1)
        return rows_of(data, made, Output(data.target + np.float32(error), 1.0))

    regression, long = row("regression-unet", 0.02, "learned", 1.0), row("mine", 0.01, "ours", 4.0)
    (gate,) = verdicts(levels_of([*regression, *long]), [])
    assert gate.gate == "≥ regression U-Net (4.0 h of training against 1.0): −0.1 dB"
    (gate,) = verdicts(levels_of([*regression, *long, *row("mine-1h", 0.019, "ours", 1.05)]), [])
    assert (gate.gate, gate.measured) == ("≥ regression U-Net, both trained 1.0 h: −0.1 dB", "+0.45 dB")


def test_a_marked_level_is_marked_among_the_gates() -> None:
    rows = rows_for(a_case(), {"bm4d": 0.02, "mine": 0.01}, {"mine": "ours"}, sigma=0.02, own=0.01)
    assert [v.level for v in verdicts(levels_of(rows), [])] == ["5% †"]


def test_seconds_beside_other_work_are_left_out_or_in_brackets() -> None:
    data = given(a_case())
    slow = rows_of(data, method("mine", kind="ours"), Output(data.target, 9.0, others=1.0))
    other = given(a_case(subject="bb"))
    fast = rows_of(other, method("mine", kind="ours"), Output(other.target, 2.0, others=0.0))
    (both,) = levels_of([*slow, *fast])
    assert (both.summaries[0].seconds, both.summaries[0].disturbed) == (2.0, False)
    alone = levels_of(slow)
    assert "| (9) |" in markdown(alone, [], [])


def test_a_sample_is_asked_to_lie_three_decibels_under_the_mean() -> None:
    data = given(a_case())
    off = np.float32(0.02) * np.random.default_rng(7).standard_normal((2, *SHAPE), dtype=np.float32)
    rows = rows_of(data, method("mine", kind="ours", steps=1), Output(data.target + off[0], 1.0))
    rows += rows_of(data, method("mine-8", kind="ours", steps=8), Output(data.target + off[0] + off[1], 1.0))
    held = {v.gate: v.holds for v in verdicts(levels_of(rows), [])}
    assert held["natural: 3.0 ± 0.3 dB under one step"]
    assert not held["natural: spectrum nearer than one step's"]


def test_spectrum_error_is_the_power_that_is_missing() -> None:
    target = np.random.default_rng(0).standard_normal((6, 64, 64), dtype=np.float32)
    tissue = np.ones(target.shape, bool)
    assert spectrum_error(target, target, tissue) == 0
    # half the amplitude is a quarter of the power at every frequency
    assert spectrum_error(target / 2, target, tissue) == pytest.approx(75, abs=0.1)


def test_marked_doses_are_not_asked() -> None:
    rows = rows_for(
        a_case(CT_DOSE, modality="CT"), {"bm4d": 0.02, "mine": 0.01}, {"mine": "ours"}, sigma=0.01, own=0.01
    )
    assert verdicts(levels_of(rows), []) == []


def head(seed: int) -> Volume:
    k, j, i = np.indices((20, 32, 32)) - np.array([10, 16, 16])[:, None, None, None]
    voxels = np.where((j / 13) ** 2 + (i / 11) ** 2 + (k / 30) ** 2 < 1, 300, 0) + np.where(
        np.hypot(j - 3, i) < 5, 80, 0
    )
    voxels = voxels + np.where(voxels > 0, 3 * np.random.default_rng(seed).standard_normal(voxels.shape), 0)
    return Volume(voxels.astype(np.int16), np.eye(4), "MR")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(("a", "b", "real")):
        write_volume(head(seed), folder / f"{name}.nii.gz")
    return folder


CASES = [
    *(a_case(subject=s, level=level) for level in (0.05, 0.09) for s in ("a", "b")),
    Case(REAL, "real", "real.nii.gz", "MR", "real"),
]


def test_a_run_writes_tables_and_plots_and_a_rerun_computes_nothing(data: Path, tmp_path: Path) -> None:
    counting = Halving(0.7)
    methods = [method("mine", counting, kind="ours", steps=1), method("mine-4", counting, kind="ours", steps=4)]
    settings = {"rivals": [rival("gaussian"), rival("median")], "cases": CASES}
    found = run_denoise_benchmark(tmp_path, data, methods, **settings)
    assert counting.calls == 2 * len(CASES)
    names = {path.name for path in found.files}
    stem = "denoise-mr-training-origin"
    assert {"denoise.md", "denoise.csv", f"{stem}-noise.png", f"{stem}-seconds.png", f"{stem}-steps.png"} <= names
    assert all(path.stat().st_size > 0 for path in found.files)
    report = (tmp_path / "denoise.md").read_text(encoding="utf-8")
    assert "**mine**" in report and "within these 2 subjects" in report and "| Gaussian |" in report
    with (tmp_path / "denoise.csv").open(newline="", encoding="utf-8") as stream:
        table = list(csv.DictReader(stream))
    assert len(table) == 4 * 5  # four cases; input, two rivals, two of ours
    by_method = {row["method"]: float(row["psnr"]) for row in table if row["subject"] == "a" and row["level"] == "9%"}
    assert by_method["mine"] > by_method["input"]
    assert (tmp_path / "cache" / ".gitignore").read_text() == "*\n"

    again = run_denoise_benchmark(tmp_path, data, methods, **settings)
    assert counting.calls == 2 * len(CASES)
    assert [r.scores.psnr for r in again.rows] == [r.scores.psnr for r in found.rows]


def test_parts_have_files_of_their_own_and_serve_the_whole(data: Path, tmp_path: Path) -> None:
    counting = Halving(0.7)
    mine = [method("mine", counting, kind="ours", steps=1)]
    said: list[str] = []
    progress = Progress(sink=lambda event: said.append(event.message))
    part = run_denoise_benchmark(tmp_path, data, mine, rivals=[], cases=CASES, parts=["real"], progress=progress)
    assert {"denoise-real.md", "denoise-real-without-truth.csv"} == {path.name for path in part.files}
    assert any("1 scans: about" in words and "idle cores" in words for words in said)
    assert counting.calls == 1
    run_denoise_benchmark(tmp_path, data, mine, rivals=[], cases=CASES)
    assert counting.calls == len(CASES)
    with pytest.raises(UsageError, match="mr-average"):
        run_denoise_benchmark(tmp_path, data, mine, rivals=[], cases=CASES, parts=["pet"])


def test_a_forecast_counts_what_is_not_kept(data: Path, tmp_path: Path) -> None:
    million = method("slow", pace=100.0)
    case = CASES[0]
    size = (20, 32, 32)
    voxels = np.prod(size) / 1e6
    left = [seconds_left(case, [million], data, size, tmp_path, [])]
    measure([million], [case], data, tuned=tmp_path / "no.yaml", cache=tmp_path, size={"MR": size})
    left.append(seconds_left(case, [million], data, size, tmp_path, []))
    assert left == pytest.approx([voxels * (100 + SCORE_PACE), voxels * SCORE_PACE])


def test_real_noise_is_asked_for_structure(data: Path, tmp_path: Path) -> None:
    found = run_denoise_benchmark(
        tmp_path, data, [method("mine", Halving(0.5), kind="ours")], rivals=[], cases=CASES[-1:]
    )
    assert [gate.gate for gate in found.gates] == ["noise − 60 %", "residual structure in under 5 % of tissue"]


def test_methods_meet_only_cases_of_their_modality(data: Path, tmp_path: Path) -> None:
    found = run_denoise_benchmark(tmp_path, data, [method("for-ct", modalities=("CT",))], rivals=[], cases=CASES[:1])
    assert {row.method.name for row in found.rows} == {"input"}


def test_two_methods_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="mine"):
        run_denoise_benchmark(tmp_path, tmp_path, [method("mine"), method("mine")], rivals=[], cases=[])


def test_a_run_can_be_cancelled(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run_denoise_benchmark(tmp_path, data, [], rivals=[], cases=CASES[:1], progress=Progress(cancelled=lambda: True))


def test_tuning_chooses_on_its_cases_and_the_run_uses_it(data: Path, tmp_path: Path) -> None:
    cases = [a_case("tuning", s, level=level) for level in (0.02, 0.15) for s in ("a", "b")]
    found = tune_rivals(
        tmp_path / "tuned.yaml", data, rivals=[rival("gaussian")], cases=cases, size={"MR": (12, 24, 24)}
    )
    low, high = (t.parameters["width"] for t in found)
    assert low < high  # more noise asks for more smoothing
    assert read_tuned(tmp_path / "tuned.yaml")[0].parameters == {"width": low}


def test_tuning_score_of_ct_is_the_mean_of_both_windows() -> None:
    from DiffusionCore.benchmark.rivals import ValidationPair

    target = np.full((12, 16, 16), 0.04, np.float32)
    pair = ValidationPair(NoisyScan(target, 0.02, "CT"), target, np.ones(target.shape, bool))
    # 20 HU: 26.02 dB of 400, 40 dB of 2000
    assert tuning_score(target + np.float32(0.02), pair) == pytest.approx((20 * np.log10(20) + 40) / 2, abs=1e-3)


def test_quick_takes_one_of_each_table_and_level() -> None:
    quick = first_of_each(TEST_CASES)
    assert len(quick) == len({(c.table, c.modality, c.label) for c in TEST_CASES})
    assert {c.table for c in quick} == {c.table for c in TEST_CASES}
