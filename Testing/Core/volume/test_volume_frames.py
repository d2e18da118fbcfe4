"""4D files: written volume by volume, whole or not at all."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from DiffusionCore.errors import InputError, OutputError, UsageError
from DiffusionCore.volume import Volume, read_header, read_volume
from DiffusionCore.volume.frames import read_seconds_apart, write_frames


def volumes(count: int, dtype: type = np.int16, matrix: np.ndarray | None = None) -> list[Volume]:
    base = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    return [
        Volume(base + dtype(100 * number), np.eye(4) if matrix is None else matrix, "MR") for number in range(count)
    ]


@pytest.fixture
def straight() -> np.ndarray:
    matrix = np.diag([2.0, 3.0, 4.0, 1.0])
    matrix[:3, 3] = 5, -6, 7
    return matrix


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_each_volume_comes_back_at_its_place_in_time_and_space(tmp_path, straight, name):
    given = volumes(3, matrix=straight)
    write_frames(iter(given), tmp_path / name, 3)
    assert read_header(tmp_path / name).frames == 3
    for number, volume in enumerate(given):
        back = read_volume(tmp_path / name, frame=number)
        assert back.voxels.dtype == np.int16
        np.testing.assert_array_equal(back.voxels, volume.voxels)
        np.testing.assert_allclose(back.ijk_to_ras, straight)


def test_time_between_volumes_is_kept(tmp_path, straight):
    write_frames(iter(volumes(2, matrix=straight)), tmp_path / "a.nii.gz", 2, seconds_apart=2.5)
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert header.get_zooms() == (2, 3, 4, 2.5)
    assert header.get_xyzt_units() == ("mm", "sec")
    assert read_seconds_apart(tmp_path / "a.nii.gz") == 2.5


def test_time_is_read_in_its_unit_and_unknown_time_stays_unknown(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((2, 2, 2, 3), np.int16), np.eye(4))
    image.header["pixdim"][4] = 1500
    image.header.set_xyzt_units("mm", "msec")
    image.to_filename(tmp_path / "msec.nii")
    assert read_seconds_apart(tmp_path / "msec.nii") == 1.5
    image.header.set_xyzt_units("mm", "unknown")
    image.to_filename(tmp_path / "unknown.nii")
    assert read_seconds_apart(tmp_path / "unknown.nii") is None


def test_a_failure_half_way_leaves_nothing(tmp_path, straight):
    def broken():
        yield volumes(1, matrix=straight)[0]
        raise InputError("the second volume is damaged")

    with pytest.raises(InputError):
        write_frames(broken(), tmp_path / "a.nii.gz", 2)
    assert list(tmp_path.iterdir()) == []


def test_too_few_volumes_are_no_file(tmp_path, straight):
    with pytest.raises(OutputError, match="2 volumes came where 3"):
        write_frames(iter(volumes(2, matrix=straight)), tmp_path / "a.nii", 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "series"])
def test_other_formats_are_refused_before_any_work(tmp_path, name):
    def never():
        raise AssertionError("work was begun")
        yield

    with pytest.raises(UsageError, match=r"\.nii\.gz"):
        write_frames(never(), tmp_path / name, 2)


def test_volumes_of_different_grids_are_refused(tmp_path, straight):
    moved = straight.copy()
    moved[0, 3] += 1
    given = [*volumes(1, matrix=straight), *volumes(1, matrix=moved)]
    with pytest.raises(OutputError, match="another grid"):
        write_frames(iter(given), tmp_path / "a.nii", 2)


def test_a_wider_integer_type_is_taken_only_if_its_values_fit(tmp_path, straight):
    narrow, wide = volumes(1, np.int16, straight)[0], volumes(2, np.int32, straight)[1]
    write_frames(iter([narrow, wide]), tmp_path / "fits.nii", 2)
    np.testing.assert_array_equal(read_volume(tmp_path / "fits.nii", frame=1).voxels, wide.voxels)
    large = wide.with_voxels(wide.voxels + np.int32(40_000))
    with pytest.raises(OutputError, match="do not fit into the int16"):
        write_frames(iter([narrow, large]), tmp_path / "large.nii", 2)


def test_a_sheared_grid_needs_force(tmp_path):
    sheared = np.array([[1.0, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    with pytest.raises(OutputError, match="sheared"):
        write_frames(iter(volumes(2, matrix=sheared)), tmp_path / "a.nii", 2)
    write_frames(iter(volumes(2, matrix=sheared)), tmp_path / "a.nii", 2, force=True)
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii", frame=1).ijk_to_ras, sheared, atol=1e-6)
