"""Cases are of the right subjects, and their noise is what they say, from their own seeds."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.benchmark.denoise.case_inputs import case_input, central, seed_of
from DiffusionCore.benchmark.denoise.cases import CT_DOSES, PARTS, TEST_CASES, VALIDATION_CASES, Case
from DiffusionCore.benchmark.packaged_scan import MNI_HEAD, packaged_scan
from DiffusionCore.errors import InputError
from DiffusionCore.metrics.reference import psnr
from DiffusionCore.volume import Volume, write_volume

MR = Case("t", "head", "head.nii.gz", "MR", "rician", 0.05, 0.01)
CT = Case("t", "body", "body.nii.gz", "CT", "low_dose", 0.1, 10.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head of 400 units with a darker core in a zero background, and a water body in air."""
    folder = tmp_path_factory.mktemp("data")
    k, j, i = np.indices((20, 48, 48)) - np.array([10, 24, 24])[:, None, None, None]
    radius = np.hypot(j, i)
    head = np.where(radius < 20, 400, 0) - np.where((radius < 8) & (np.abs(k) < 5), 200, 0)
    body = np.where(radius < 18, 20, -1000)[:4]
    matrix = np.diag([1.0, 1.0, 2.0, 1.0])
    write_volume(Volume(head.astype(np.int16), matrix, "MR"), folder / "head.nii.gz")
    write_volume(Volume(body.astype(np.int16), matrix, "CT"), folder / "body.nii.gz")
    return folder


def test_test_cases_are_of_test_subjects_and_tuning_is_of_validation_subjects(shared_data: Path) -> None:
    split, noise = {}, {}
    for folder in ("mr", "ct"):
        with (shared_data / folder / "index.csv").open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                split[f"{folder}/{row['file']}"] = row["split"]
                noise[f"{folder}/{row['file']}"] = row
    for cases, wanted in ((TEST_CASES, "test"), (VALIDATION_CASES, "val")):
        for case in cases:
            if case.packaged:
                continue
            assert split[case.file] == wanted, case.name
            if case.reference:
                assert split[case.reference] == wanted
            if case.kind == "low_dose":
                assert case.own == float(noise[case.file]["noise_soft_hu"])
    assert not {c.file for c in TEST_CASES} & {c.file for c in VALIDATION_CASES}


def test_slices_are_of_the_subjects_that_they_are_said_to_be_of(shared_data: Path) -> None:
    with (shared_data / "mr/slices2d/brain_t1_axial2d.csv").open(newline="", encoding="utf-8") as stream:
        subject = {(row["stack"], int(row["index"])): row["subject"] for row in csv.DictReader(stream)}
    stacked = [case for case in TEST_CASES if case.slices]
    assert len(stacked) == 8
    for case in stacked:
        assert {subject[Path(case.file).name, k] for k in range(*case.slices)} == {f"ds002748_{case.subject}"}


def test_every_case_has_a_name_of_its_own_and_a_part() -> None:
    assert len({(c.table, c.name) for c in TEST_CASES}) == len(TEST_CASES)
    assert {c.table for c in TEST_CASES} == set(PARTS.values())


def test_a_subject_of_a_stack_has_its_own_slices_spacing_brightness_and_noise(data: Path) -> None:
    lower, upper = (replace(MR, slices=where, slice_mm=2.8) for where in ((0, 10), (10, 20)))
    given = case_input(lower, data)
    assert given.scan.voxels.shape == (10, 48, 48) and given.scan.spacing == pytest.approx((2.8, 1, 1))
    np.testing.assert_array_equal(given.target, case_input(MR, data).target[:10])
    assert seed_of(lower) != seed_of(upper)


def test_a_scan_in_a_package_is_found_or_the_package_is_named() -> None:
    pytest.importorskip("nilearn")
    assert packaged_scan(MNI_HEAD).is_file()
    with pytest.raises(InputError, match="pip install nowhere"):
        packaged_scan("nowhere/head.nii.gz")


def test_mr_is_normalised_by_its_own_brightness_and_noise_is_everywhere(data: Path) -> None:
    given = case_input(MR, data)
    assert given.target.max() == pytest.approx(1) and given.unit == 400
    assert given.scan.sigma == 0.05 and given.scan.spacing == (2.0, 1.0, 1.0)
    background = given.target == 0
    # Rayleigh: mean 1.253 sigma, standard deviation 0.655 sigma
    assert given.scan.voxels[background].mean() == pytest.approx(1.253 * 0.05, rel=0.01)
    assert (given.scan.voxels - given.target)[given.target == 1].std() == pytest.approx(0.05, rel=0.02)
    assert given.tissue.sum() == (given.target > 0).sum()


def test_the_same_case_has_the_same_noise_and_another_level_another(data: Path) -> None:
    one, again = case_input(MR, data), case_input(replace(MR, table="elsewhere"), data)
    np.testing.assert_array_equal(one.scan.voxels, again.scan.voxels)
    assert seed_of(MR) != seed_of(replace(MR, level=0.06))


def test_input_is_brought_to_the_wanted_psnr(data: Path) -> None:
    given = case_input(replace(MR, kind="input_psnr", level=28.4), data)
    assert psnr(given.scan.voxels, given.target, 1.0, mask=given.tissue) == pytest.approx(28.4, abs=0.01)
    assert given.scan.sigma == pytest.approx(10 ** (-28.4 / 20), rel=0.05)


@pytest.mark.parametrize("dose", CT_DOSES)
def test_low_dose_adds_what_the_dose_is_short_of(data: Path, dose: float) -> None:
    given = case_input(replace(CT, level=dose), data)
    added = 10.0 * np.sqrt(1 / dose - 1)  # HU: total variance is own² / dose
    assert given.scan.sigma * 1000 == pytest.approx(added)
    difference = 1000 * (given.scan.voxels - given.target)[given.target > -0.5]
    assert difference.std() == pytest.approx(added, rel=0.15)
    assert given.scan.spectrum is not None and given.scan.spectrum.mean() == pytest.approx(1, rel=1e-3)
    assert given.own * 1000 == pytest.approx(10)


def test_a_projected_dose_is_kept(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = case_input(CT, data, folder=tmp_path)
    assert len(list(tmp_path.glob("dose-*.npy"))) == 1

    def never(*_: object, **__: object) -> None:
        raise AssertionError("projected again")

    monkeypatch.setattr("DiffusionCore.benchmark.denoise.case_inputs.low_dose_ct", never)
    second = case_input(CT, data, folder=tmp_path)
    np.testing.assert_array_equal(first.scan.voxels, second.scan.voxels)


def test_a_crop_keeps_its_place_and_the_noise_level(data: Path) -> None:
    small = case_input(MR, data, size=(8, 16, 20))
    assert small.scan.voxels.shape == (8, 16, 20)
    whole = case_input(MR, data)
    np.testing.assert_array_equal(small.target, whole.target[6:14, 16:32, 14:34])


def test_central_regions_stay_inside() -> None:
    assert central((10, 20, 30), (4, 40, 10)) == (slice(3, 7), slice(0, 20), slice(10, 20))
    assert central((10, 20, 30), (4, 4, 10), (1, 19, 15)) == (slice(0, 4), slice(16, 20), slice(10, 20))


def test_a_scan_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"head\.nii\.gz"):
        case_input(MR, tmp_path)
