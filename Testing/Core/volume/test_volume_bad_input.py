"""Files that cannot be worked on: one sentence that names the file and says what to do, whatever is wrong with them."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.volume import Volume, free_memory, read_header, read_volume, write_volume

VOXELS = np.random.default_rng(0).integers(0, 1000, (20, 30, 40), dtype=np.int16)


def good(folder: Path, suffix: str = ".nii.gz") -> Path:
    return write_volume(Volume(VOXELS, np.eye(4), "MR"), folder / f"scan{suffix}")


def nifti(path: Path, array: np.ndarray, patch: dict[int, bytes] | None = None) -> Path:
    """A plain NIfTI of `array` (I, J, K, …) with bytes of its header replaced."""
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    content = bytearray(path.read_bytes())
    for offset, new in (patch or {}).items():
        content[offset : offset + len(new)] = new
    path.write_bytes(content)
    return path


def short(*numbers: int) -> bytes:
    return np.array(numbers, "<i2").tobytes()


def real(*numbers: float) -> bytes:
    return np.array(numbers, "<f4").tobytes()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.nii\.gz: no such file"):
        read_volume(tmp_path / "none.nii.gz")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".dcm", ""])
def test_empty_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    path.touch()
    with pytest.raises(InputError, match="the file is empty"):
        read_volume(path)


def test_unknown_kind_of_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing")
    with pytest.raises(InputError, match=r"notes\.txt: no scan that can be read"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("share", [0.0005, 0.01, 0.5, 0.99])
def test_truncated_anywhere(tmp_path: Path, suffix: str, share: float) -> None:
    path = good(tmp_path, suffix)
    content = path.read_bytes()
    path.write_bytes(content[: max(int(len(content) * share), 1)])
    with pytest.raises(InputError, match=r"^scan\."):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_damage_within_compressed_data_is_found_by_the_checksum(tmp_path: Path, suffix: str) -> None:
    path = good(tmp_path, suffix)
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF  # within the checksum that ends the file
    path.write_bytes(content)
    with pytest.raises(InputError, match="truncated or damaged"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha", ".mhd"])
def test_file_of_another_kind_under_a_scan_s_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(b"not a scan at all " * 100)
    with pytest.raises(InputError, match=r"^scan\."):
        read_volume(path)


def test_nifti_pair_and_analyze_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pair"):
        read_volume(nifti(tmp_path / "pair.nii", VOXELS, {344: b"ni1\0"}))
    with pytest.raises(InputError, match="Analyze"):
        read_volume(nifti(tmp_path / "old.nii", VOXELS, {344: b"\0\0\0\0"}))


def test_4d_without_a_frame(tmp_path: Path) -> None:
    path = nifti(tmp_path / "head.nii", np.zeros((9, 10, 11, 20), np.int16))
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert str(caught.value) == "head.nii: 4 dimensions (9×10×11×20); give one volume, e.g. with --frame 0"


def test_5d_vectors_and_vector_intents(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"5 dimensions \(4×4×4×1×3\): a field of vectors"):
        read_volume(nifti(tmp_path / "field.nii", np.zeros((4, 4, 4, 1, 3), np.float32)))
    with pytest.raises(InputError, match="displacement vectors"):
        read_volume(nifti(tmp_path / "warp.nii", np.zeros((4, 4, 4), np.float32), {68: short(1006)}))


def test_1d(tmp_path: Path) -> None:
    path = nifti(tmp_path / "line.nii", np.zeros((8, 1, 1), np.int16), {40: short(1, 8)})
    with pytest.raises(InputError, match=r"1 dimensions \(8\): a scan has 2 or 3"):
        read_volume(path)


def test_colours_and_complex_numbers(tmp_path: Path) -> None:
    import SimpleITK as sitk

    rgb = np.zeros((4, 4, 4), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    with pytest.raises(InputError, match="colour"):
        read_volume(nifti(tmp_path / "rgb.nii", rgb))
    with pytest.raises(InputError, match="complex"):
        read_volume(nifti(tmp_path / "complex.nii", np.zeros((4, 4, 4), np.complex64)))
    for suffix in (".nrrd", ".mha"):
        sitk.WriteImage(
            sitk.GetImageFromArray(np.zeros((4, 4, 4, 3), np.uint8), isVector=True), tmp_path / f"c{suffix}"
        )
        with pytest.raises(InputError, match="3 numbers a voxel"):
            read_volume(tmp_path / f"c{suffix}")


def test_unknown_data_type(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data type"):
        read_volume(nifti(tmp_path / "odd.nii", VOXELS, {70: short(77)}))


@pytest.mark.parametrize("spacing", [0.0, -1.0, np.nan, np.inf])
def test_zero_and_negative_spacing(tmp_path: Path, spacing: float) -> None:
    path = nifti(tmp_path / "flat.nii", VOXELS, {76 + 4 * 2: real(spacing)})
    for read in (read_volume, read_header):
        with pytest.raises(InputError, match=r"flat\.nii: the spacing along j is .*above 0"):
            read(path)


@pytest.mark.parametrize("spacing", ["0 1 1", "-1 1 1"])
def test_zero_and_negative_spacing_in_mha_and_nrrd(tmp_path: Path, spacing: str) -> None:
    path = tmp_path / "flat.mha"
    path.write_bytes(
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = False\nElementSpacing = {spacing}\n"
        "DimSize = 40 30 20\nElementType = MET_SHORT\nElementDataFile = LOCAL\n".encode()
        + VOXELS.tobytes()
    )
    with pytest.raises(InputError, match=r"flat\.mha"):
        read_volume(path)
    path = tmp_path / "flat.nrrd"
    fields = f"type: short\ndimension: 3\nsizes: 40 30 20\nspacings: {spacing}\nendian: little\nencoding: raw\n\n"
    path.write_bytes(b"NRRD0001\n" + fields.encode() + VOXELS.tobytes())
    with pytest.raises(InputError, match=r"flat\.nrrd"):
        read_volume(path)


def test_singular_and_infinite_matrices(tmp_path: Path) -> None:
    rows = {280: real(1, 0, 0, 0), 296: real(0, 1, 0, 0), 312: real(0, 0, 0, 0)}
    with pytest.raises(InputError, match=r"singular\.nii: .*singular"):
        read_volume(nifti(tmp_path / "singular.nii", VOXELS, rows))
    with pytest.raises(InputError, match=r"nan\.nii: .*finite"):
        read_volume(nifti(tmp_path / "nan.nii", VOXELS, {280: real(np.nan)}))
    header = "NRRD0004\ntype: short\ndimension: 3\nspace: RAS\nsizes: 40 30 20\n"
    header += "space directions: (1,0,0) (0,1,0) (1,1,0)\nendian: little\nencoding: raw\nspace origin: (0,0,0)\n\n"
    path = tmp_path / "singular.nrrd"
    path.write_bytes(header.encode() + VOXELS.tobytes())
    with pytest.raises(InputError, match=r"singular\.nrrd: .*singular"):
        read_volume(path)


def test_matrix_whose_last_row_is_no_affine_s_and_foreign_byte_order() -> None:
    with pytest.raises(InputError, match="ends in 0 0 0 1"):
        Volume(VOXELS, np.vstack([np.eye(4)[:3], [0, 0, 1, 1]]))
    turned = Volume(VOXELS.astype(VOXELS.dtype.newbyteorder()), np.eye(4))
    assert turned.voxels.dtype == VOXELS.dtype
    np.testing.assert_array_equal(turned.voxels, VOXELS)


def test_qform_that_is_no_rotation(tmp_path: Path) -> None:
    path = nifti(tmp_path / "q.nii", VOXELS, {252: short(1, 0), 256: real(0.9, 0.9, 0.9)})
    with pytest.raises(InputError, match="no rotation"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_nan_and_infinity_are_counted(tmp_path: Path, suffix: str) -> None:
    voxels = np.zeros((2, 3, 4), np.float32)
    voxels[0, 0, :3], voxels[1, 1, 1] = np.nan, np.inf
    path = write_volume(Volume(voxels, np.eye(4)), tmp_path / f"holes{suffix}")
    with pytest.raises(InputError, match=r"holes\..*: 3 voxels are NaN and 1 infinite, of 24; mend them"):
        read_volume(path)


def test_dimensions_that_cannot_be(tmp_path: Path) -> None:
    for name, dim in (("none", (3, 0, 30, 20)), ("negative", (3, -4, 30, 20)), ("nine", (9, 4, 30, 20))):
        with pytest.raises(InputError, match=f"{name}.nii: .*damaged|{name}.nii: .*format"):
            read_volume(nifti(tmp_path / f"{name}.nii", VOXELS, {40: short(*dim)}))


def test_header_of_1200_cubed_that_holds_little_is_refused_without_memory(tmp_path: Path) -> None:
    import resource

    lie = {40: short(3, 1200, 1200, 1200)}
    plain = nifti(tmp_path / "lie.nii", VOXELS, lie)
    packed = tmp_path / "lie.nii.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    nrrd = tmp_path / "lie.nrrd"
    fields = "NRRD0004\ntype: short\ndimension: 3\nspace: RAS\nsizes: 1200 1200 1200\nencoding: raw\nendian: little\n"
    nrrd.write_bytes((fields + "space directions: (1,0,0) (0,1,0) (0,0,1)\n\n").encode() + VOXELS.tobytes())
    mha = tmp_path / "lie.mha"
    meta = "ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = {}\nDimSize = 1200 1200 1200\n"
    meta += "ElementSpacing = 1 1 1\nElementType = MET_SHORT\nElementDataFile = LOCAL\n"
    mha.write_bytes(meta.format("False").encode() + VOXELS.tobytes())
    mha_packed = tmp_path / "lies.mha"
    mha_packed.write_bytes(meta.format("True").encode() + zlib.compress(VOXELS.tobytes()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in (plain, packed, nrrd, mha, mha_packed):
        with pytest.raises(InputError, match=r"lies?\..*: truncated"):
            read_volume(path)
        assert read_header(path).shape == (1200, 1200, 1200)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB; 3.5 GB were promised


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_scan_larger_than_the_free_memory_is_refused(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = good(tmp_path, suffix)
    monkeypatch.setattr(free_memory, "free_memory", lambda: VOXELS.nbytes)
    read_volume(path)
    monkeypatch.setattr(free_memory, "free_memory", lambda: VOXELS.nbytes - 1)
    with pytest.raises(InputError, match=r"40×30×20 voxels take .* GB, and .* GB of memory are free"):
        read_volume(path)
    monkeypatch.setattr(free_memory, "free_memory", lambda: None)
    read_volume(path)


def test_free_memory_is_told_here() -> None:
    free = free_memory.free_memory()
    assert free is None or 0 <= free < 2**60


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    path = good(tmp_path)
    with pytest.raises(UsageError, match="--series is for DICOM"):
        read_volume(path, series="1")
    with pytest.raises(UsageError, match="--modality must be one of CT, MR, LABEL, OTHER, got XX"):
        read_volume(path, modality="XX")
    with pytest.raises(UsageError, match="--frame must be left out or 0, as there is one volume"):
        read_volume(path, frame=1)
    assert read_volume(path, frame=0).shape == VOXELS.shape


def test_modality_given_wins_and_says_so(tmp_path: Path) -> None:
    path = write_volume(Volume(VOXELS, np.eye(4), "MR"), tmp_path / "sub-1_pet.nii.gz")
    assert read_volume(path).meta["kind"] == "PET"
    volume = read_volume(path, modality="CT")
    assert (volume.modality, volume.meta["modality_reason"]) == ("CT", "given by the user")
    assert "kind" not in volume.meta


def test_five_voxels_are_a_volume(tmp_path: Path) -> None:
    volume = read_volume(nifti(tmp_path / "five.nii", np.arange(5, dtype=np.int16).reshape(5, 1, 1)))
    assert volume.shape == (1, 1, 5)
