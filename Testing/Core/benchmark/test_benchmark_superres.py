"""`benchmark superres`: interpolations against their definitions, coarse scans at their place, tables, gates, pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.benchmark.rivals.learned import code_checksum
from DiffusionCore.benchmark.superres.cases import (
    CT_ALL,
    MR_ORIGIN,
    MR_OTHER,
    MR_SLICES,
    MR_SPLINE,
    MR_THICK,
    PARTS,
    REAL,
    TEST_CASES,
    Case,
    fine_voxels,
    given,
    picture_name,
)
from DiffusionCore.benchmark.superres.gates import verdicts
from DiffusionCore.benchmark.superres.goal import SpeedRow
from DiffusionCore.benchmark.superres.interpolations import CONSISTENT, INTERPOLATIONS, interpolate
from DiffusionCore.benchmark.superres.kept import place_of
from DiffusionCore.benchmark.superres.methods import INTERPOLATING, Method
from DiffusionCore.benchmark.superres.results import Table, tables_of
from DiffusionCore.benchmark.superres.run import run_superres_benchmark
from DiffusionCore.benchmark.superres.scores import Row, consistency_of, edge_rise, rows_of
from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.metrics import Blocks
from DiffusionCore.models import load_model
from DiffusionCore.progress import Progress
from DiffusionCore.volume import Volume, read_volume, write_volume
from DiffusionCore.volume.geometry import to_ras

CASES = (
    Case(MR_ORIGIN, "ball", "ball.nii.gz", "MR", "kspace", (2, 2, 2)),
    Case(MR_THICK, "ball", "ball.nii.gz", "MR", "slices", (4, 1, 1)),
    Case(REAL, "ball", "ball.nii.gz", "MR", "real", (3, 1, 1)),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a smooth ball in the dark, on an oblique grid; 41 slices, so that not all are whole coarse ones."""
    folder = tmp_path_factory.mktemp("scans")
    grid = np.meshgrid(*(np.linspace(-1, 1, n) for n in (41, 48, 50)), indexing="ij")
    radius = np.sqrt(sum(g**2 for g in grid))
    voxels = 200 / (1 + np.exp((radius - 0.6) / 0.015)) + 50 * (radius < 0.3)
    matrix = np.array([[0.8, -0.6, 0, 3], [0.6, 0.8, 0, 5], [0, 0, 1.2, -7], [0, 0, 0, 1]])
    write_volume(Volume(voxels.astype(np.float32), matrix, "MR"), folder / "ball.nii.gz")
    return folder


@pytest.mark.parametrize("name", [*INTERPOLATIONS, CONSISTENT])
def test_every_interpolation_keeps_a_blob_in_place_and_a_constant_constant(name: str, root: Path) -> None:
    scan = given(CASES[0], root)
    fine = interpolate(name, scan)
    assert fine.shape == scan.truth.shape
    total = [np.argwhere(v > 20).mean(axis=0) for v in (fine, scan.truth.voxels)]
    np.testing.assert_allclose(*total, atol=0.1)
    flat = replace(scan, coarse=scan.coarse.with_voxels(np.full(scan.coarse.shape, 7, np.float32)))
    np.testing.assert_allclose(interpolate(name, flat), 7, rtol=1e-4)


def test_interpolations_are_what_their_names_say(root: Path) -> None:
    """On a line of 0, 1, 4, 9, ... in one axis: nearest repeats; linear is in between; cubics are exact on a parabola."""
    scan = given(CASES[2], root)
    line = np.arange(12, dtype=np.float32) ** 2
    voxels = np.broadcast_to(line[:, None, None], (12, 4, 4)).copy()
    scan = replace(scan, coarse=Volume(voxels, np.eye(4), "MR"))
    middle = slice(15, 21)
    places = (np.arange(36) - 1) / 3
    results = {name: interpolate(name, scan)[:, 0, 0] for name in ("nearest", "linear", "cubic", "bspline-3")}
    np.testing.assert_allclose(results["nearest"][middle], np.rint(places[middle]) ** 2, atol=1e-3)
    linear = np.interp(places, np.arange(12), line)
    np.testing.assert_allclose(results["linear"][middle], linear[middle], atol=1e-3)
    for cubic in ("cubic", "bspline-3"):
        np.testing.assert_allclose(results[cubic][middle], places[middle] ** 2, atol=0.05)


@pytest.mark.parametrize("case", CASES[:2], ids=["kspace", "slices"])
def test_the_coarse_scan_is_where_the_fine_one_is(case: Case, root: Path) -> None:
    scan = given(case, root)
    centres = [to_ras(v.ijk_to_ras, (np.array(v.shape[::-1]) - 1) / 2) for v in (scan.truth, scan.coarse)]
    np.testing.assert_allclose(*centres, atol=1e-6)
    np.testing.assert_allclose(np.array(scan.coarse.spacing) / scan.truth.spacing, case.factors, rtol=1e-6)


def test_the_truth_is_consistent_and_its_edges_are_the_sharpest(root: Path) -> None:
    scan = given(CASES[1], root)
    assert consistency_of(scan, scan.truth.voxels) < 1e-5
    rises = {name: edge_rise(scan, interpolate(name, scan)) for name in ("linear", "bspline-3", CONSISTENT)}
    assert edge_rise(scan, scan.truth.voxels) < rises[CONSISTENT] <= rises["bspline-3"] < rises["linear"]


def test_the_blocks_of_a_row_hold_its_psnr(root: Path) -> None:
    """In CT of what the window shows, so that the interval is about the figure beside it."""
    for modality in ("MR", "CT"):
        scan = given(replace(CASES[1], modality=modality, way="voxels"), root)
        for found in rows_of(scan, INTERPOLATING[1], interpolate("linear", scan), 1.0):
            blocks = found.errors
            assert -10 * np.log10(blocks.sums.sum() / blocks.counts.sum()) == pytest.approx(found.psnr, abs=1e-3)


def test_a_subject_of_a_stack_has_its_own_slices(root: Path) -> None:
    case = replace(CASES[0], table=MR_SLICES, factors=(1, 2, 2), slices=(10, 15), slice_mm=2.8)
    scan, whole = given(case, root), read_volume(root / "ball.nii.gz")
    assert scan.truth.shape == (5, 48, 50) and scan.coarse.shape == (5, 24, 25)
    np.testing.assert_array_equal(scan.truth.voxels, whole.voxels[10:15])
    np.testing.assert_allclose(scan.coarse.spacing, (2.8, 2 * whole.spacing[1], 2 * whole.spacing[2]))
    assert fine_voxels(case, root) == 5 * 48 * 50


def test_a_run_writes_tables_and_pictures(root: Path, tmp_path: Path) -> None:
    perfect = Method("ours-1", "ours", "ours", lambda scan: interpolate(CONSISTENT, scan))
    never = Method("rival", "rival", "learned", lambda scan: pytest.fail("not able"), able=lambda case: False)
    found = run_superres_benchmark(tmp_path / "out", root, [never, perfect], cases=CASES)
    assert {path.name for path in found.files} >= {"superres.md", "superres.csv"}
    assert sum(path.suffix == ".png" for path in found.files) == 3
    page = (tmp_path / "out" / "superres.md").read_text(encoding="utf-8")
    assert "| **ours** |" in page and "| rival" not in page and "PSNR, dB, within this subject" in page
    for path in found.files:
        assert path.stat().st_size > 100
        assert path.suffix != ".png" or path.name in page
    assert {row.method for row in found.rows} == {*INTERPOLATIONS, CONSISTENT, "ours-1"}
    assert all(gate.holds for gate in found.gates if "consistency" in gate.gate)


def test_what_was_measured_is_kept_and_parts_make_the_whole(root: Path, tmp_path: Path) -> None:
    """A method runs once a scan, whatever part it is run in; other weights are another method."""
    runs = []

    def run(scan):
        runs.append(scan.case.table)
        return interpolate(CONSISTENT, scan)

    ours = Method("ours-1", "ours", "ours", run, made_of="weights")
    heard = []
    progress = Progress(lambda event: heard.append(event.message))
    part = run_superres_benchmark(tmp_path, root, [ours], cases=CASES, parts=["mr"], progress=progress)
    assert {row.case.table for row in part.rows} == {MR_ORIGIN} and (tmp_path / "superres-mr.md").is_file()
    assert any("not kept yet" in message for message in heard)
    assert runs == [MR_ORIGIN] * 2  # once on a crop, to tell how long it will take
    runs.clear()
    whole = run_superres_benchmark(tmp_path, root, [ours], cases=CASES)
    assert set(runs) == {MR_THICK, REAL}
    runs.clear()
    again = run_superres_benchmark(tmp_path, root, [ours], cases=CASES)
    assert not runs and again.gates == whole.gates
    kept = [row for row in whole.rows if row.case.table == MR_ORIGIN]
    assert kept == list(part.rows)
    for old, new in zip(part.rows, kept, strict=True):
        np.testing.assert_array_equal(old.errors.sums, new.errors.sums)
    run_superres_benchmark(tmp_path, root, [replace(ours, made_of="others")], cases=CASES[:1])
    assert runs == [MR_ORIGIN] * 2
    with pytest.raises(UsageError, match="--parts of superres are mr, mr-other"):
        run_superres_benchmark(tmp_path, root, [ours], parts=["all"])


def test_what_was_timed_beside_other_work_is_said_and_can_be_run_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    def run(scan):
        runs.append(1)
        return interpolate(CONSISTENT, scan)

    ours = Method("ours-1", "ours", "ours", run, made_of="weights")
    monkeypatch.setattr("DiffusionCore.benchmark.superres.run.Stopwatch.read", lambda watch: (7.0, 1.5))
    run_superres_benchmark(tmp_path, root, [ours], cases=CASES[:1])
    assert "(7.0)" in (tmp_path / "superres.md").read_text(encoding="utf-8")
    monkeypatch.setattr("DiffusionCore.benchmark.superres.run.Stopwatch.read", lambda watch: (3.0, 0.0))
    runs.clear()
    run_superres_benchmark(tmp_path, root, [ours], cases=CASES[:1])
    assert not runs
    run_superres_benchmark(tmp_path, root, [ours], cases=CASES[:1], retime=True)
    page = (tmp_path / "superres.md").read_text(encoding="utf-8")
    assert runs and "(7.0)" not in page and " 3.0 |" in page
    runs.clear()
    run_superres_benchmark(tmp_path, root, [ours], cases=CASES[:1], retime=True)
    assert not runs


def test_what_is_kept_depends_on_the_scan_the_case_and_the_crop(root: Path, tmp_path: Path) -> None:
    method, scan = INTERPOLATING[0], root / "ball.nii.gz"
    other = tmp_path / "other.nii.gz"
    other.write_bytes(b"another scan")
    places = {
        place_of(tmp_path, CASES[0], method, scan, None),
        place_of(tmp_path, CASES[0], method, scan, (8, 8, 8)),
        place_of(tmp_path, CASES[1], method, scan, None),
        place_of(tmp_path, CASES[0], method, other, None),
        place_of(tmp_path, CASES[0], INTERPOLATING[1], scan, None),
    }
    assert len(places) == 5


def test_parts_are_the_tables_and_the_commands_own(root: Path) -> None:
    from DiffusionCore.commands.benchmark_superres import PARTS as OFFERED

    assert tuple(PARTS) == OFFERED
    assert set(PARTS.values()) == {case.table for case in TEST_CASES}


def test_real_scans_have_a_picture_each() -> None:
    names = [picture_name(case) for case in TEST_CASES if case.table == REAL]
    assert len(set(names)) == len(names) == 2
    assert len({picture_name(case) for case in TEST_CASES if case.table == MR_ORIGIN}) == 1


def test_the_goal_of_speed_is_a_gate() -> None:
    fast, slow = (SpeedRow((64, 128, 128), seconds, {"read": 0.1}, 2**30, 2, 0.0) for seconds in (9.0, 11.0))
    assert fast.verdict.holds and not slow.verdict.holds
    assert "128×128×64" in fast.verdict.gate and "9.0 s" in fast.in_words and "1.0 GiB" in fast.in_words
    beside = replace(fast, others=1.5)
    assert "Other work took 1.5 processors" in beside.in_words and "Other" not in fast.in_words
    assert beside.verdict.measured == "9.0 s on 2 cores, beside other work"


def row(method: str, kind: str, psnr: float, table: str, subject: str = "a", **more: object) -> Row:
    """A row of one scan whose blocks all have the error of `psnr`."""
    case = replace(CASES[0], table=table, subject=subject)
    errors = Blocks(np.full(8, 10 ** (-psnr / 10)), np.ones(8))
    figures = {"window": "", "ssim": 0.9, "rise_mm": 1.0, "consistency": 0.0, "seconds": 0.0, "errors": errors}
    return Row(case, method, method, kind, psnr=psnr, **{**figures, **more})


def test_gates_are_about_means_over_subjects_and_the_worst_consistency() -> None:
    rows = [
        row("ours-1", "ours", 32.0, MR_ORIGIN, "a", consistency=0.001, hours=2.0),
        row("ours-1", "ours", 34.0, MR_ORIGIN, "b", consistency=0.02, hours=2.0),
        *(row("bspline-5", "interpolation", p, MR_ORIGIN, s) for p, s in ((31.0, "a"), (32.0, "b"))),
        *(row("u-net", "learned", p, MR_ORIGIN, s, hours=1.0) for p, s in ((33.0, "a"), (33.1, "b"))),
        row("ours-1", "ours", 30.0, CT_ALL),
        row("bspline-3", "interpolation", 28.0, CT_ALL),
    ]
    found = {(v.table, v.gate): v for v in verdicts(tables_of(rows, "ours-1"), "ours-1")}
    best = found[MR_ORIGIN, "≥ best interpolation +1.5 dB"]
    assert (best.measured, best.holds) == ("+1.50 dB [+1.50, +1.50] (bspline-5)", True)
    learned = found[MR_ORIGIN, "≥ regression U-Net −0.1 dB (2.0 h of training against 1.0)"]
    assert learned.holds and learned.measured.startswith("−0.05 dB")
    assert not found[MR_ORIGIN, "consistency ≤ 1 %"].holds
    assert found[CT_ALL, "≥ B-spline +1 dB"].measured == "+2.00 dB [+2.00, +2.00] (bspline-3)"


def test_intervals_are_within_few_subjects_and_over_many() -> None:
    """Gains are paired: what all methods find hard in one subject does not widen them."""

    def table(*subjects: str) -> Table:
        easy = [30 + 3 * number for number, _ in enumerate(subjects)]
        rows = [row("ours-1", "ours", p + 2, MR_OTHER, s) for p, s in zip(easy, subjects, strict=True)]
        rows += [row("linear", "interpolation", p, MR_OTHER, s) for p, s in zip(easy, subjects, strict=True)]
        (found,) = tables_of(rows, "ours-1")
        return found

    few, many = table("eun", "p19/T1", "p19/T2"), table(*"abcdef")
    ours, linear = many.summaries
    assert few.of("linear").psnr.label == "within these 2 subjects" and linear.psnr.label == "over 6 subjects"
    assert linear.psnr.estimate == pytest.approx(37.5) and linear.psnr.high - linear.psnr.low > 5
    assert ours.gain is None and few.of("linear").gain.estimate == pytest.approx(2)
    assert (linear.gain.low, linear.gain.high) == pytest.approx((2, 2))


def test_what_is_missing_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--model"):
        run_superres_benchmark(tmp_path, root, [], cases=CASES)
    ours = Method("ours-1", "ours", "ours", lambda scan: interpolate(CONSISTENT, scan))
    with pytest.raises(UsageError, match="two of the models have one name"):
        run_superres_benchmark(tmp_path, root, [ours, ours], cases=CASES)
    with pytest.raises(InputError, match="data folder"):
        given(TEST_CASES[0], root)


def test_ours_are_used_for_what_they_were_trained_for(make_model: Callable[..., Path], root: Path) -> None:
    from DiffusionCore.commands.benchmark_superres import our_models, superres_methods
    from DiffusionCore.models import Range
    from DiffusionCore.models.card import ResolutionSpec

    twice = ResolutionSpec(kind="kspace", axes=("all",), factor=Range(low=1.3, high=2.2))
    folder = str(make_model(root / "sr-x2", task="super_resolve", resolution=twice))
    one, _ = superres_methods(our_models([folder]), [folder], [])
    assert [one.able(case) for case in CASES[:2]] == [True, False]
    scan = given(CASES[0], root)
    assert one.run(scan).shape == scan.truth.shape
    assert one.made_of == f"{load_model(folder).card.sha256} {code_checksum()}" and one.hours(CASES[0]) is None


def test_the_command_runs_a_part(
    make_model: Callable[..., Path], root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from DiffusionCore.__main__ import main
    from DiffusionCore.models import Range
    from DiffusionCore.models.card import ResolutionSpec

    twice = ResolutionSpec(kind="kspace", axes=("all",), factor=Range(low=1.3, high=2.2))
    folder = make_model(tmp_path / "sr-x2", task="super_resolve", resolution=twice)
    for case in (case for case in TEST_CASES if case.table == MR_ORIGIN):
        (tmp_path / case.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / case.file).write_bytes((root / "ball.nii.gz").read_bytes())
    words = ["benchmark", "superres", str(tmp_path / "out"), "--data", str(tmp_path), "--model", str(folder)]
    assert main([*words, "--quick", "--parts", "mr", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["table"] for row in told["rows"]} == {MR_ORIGIN}
    assert (tmp_path / "out" / "quick" / "superres-mr.md").is_file()
    assert main([*words, "--parts", "all"]) == UsageError.exit_code
    assert main([*words, "--quick"]) == InputError.exit_code  # the other tables' scans are not there
    assert "is not in the data folder" in capsys.readouterr().err


def test_models_named_together_are_a_cascade_of_their_own(make_model: Callable[..., Path], root: Path) -> None:
    """S2's two stages are used for four times at once, and for nothing else."""
    from DiffusionCore.commands.benchmark_superres import our_models, superres_methods
    from DiffusionCore.models.card import ResolutionSpec

    spline = ResolutionSpec(kind="spline")
    stages = ",".join(str(make_model(root / f"s2-{n}", task="super_resolve", resolution=spline)) for n in (1, 2))
    alone = str(make_model(root / "sr-all", task="super_resolve", resolution=spline))
    cascade, *ours = superres_methods(our_models([stages, alone]), [stages, alone], [])
    assert (cascade.kind, cascade.title, len(ours)) == ("cascade", "s2-1 then s2-2", 2)
    case = Case(MR_SPLINE, "ball", "ball.nii.gz", "MR", "spline", (4, 4, 4))
    assert cascade.able(case) and not cascade.able(CASES[0]) and ours[0].able(CASES[0])
    scan = given(case, root, (16, 16, 16))
    assert cascade.run(scan).shape == scan.truth.shape == (16, 16, 16)


def test_test_subjects_are_test_subjects(shared_data: Path) -> None:
    import csv

    for folder in ("mr", "ct"):
        with (shared_data / folder / "index.csv").open(encoding="utf-8") as file:
            split = {f"{folder}/{row['file']}": row["split"] for row in csv.DictReader(file)}
        assert {split[case.file] for case in TEST_CASES if case.file in split} <= {"test"}
        assert all(case.file in split for case in TEST_CASES if case.file.startswith(folder))
