"""NRRD and MetaImage files: exact matrices, sheared ones too, and the right side left."""

from __future__ import annotations

import bz2
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.volume import Volume, read_header, read_volume, write_volume

# Tilted by 15° and 20°, left-handed, sheared, with numbers that decimals do not hold exactly.
SHEARED = np.array(
    [
        [-0.7, 0.1 / 3, 0.0, 1 / 3],
        [0.05, 0.8, 0.5, -20.1],
        [0.0, 0.0, -2.4, 1234.5678901234567],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
TYPES = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64"]


def counting(dtype: str = "int16") -> np.ndarray:
    """(4, 3, 2); every voxel (k, j, i) is 100 k + 10 j + i."""
    k, j, i = np.indices((4, 3, 2))
    return (100 * k + 10 * j + i).astype(dtype)


def nrrd(path: Path, changes: dict[str, str | None] | None = None, data: bytes | None = None) -> Path:
    """A hand-made file with `changes` to its fields (None leaves one out)."""
    fields: dict[str, str | None] = {
        "type": "short",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "2 3 4",
        "space directions": "(0.5,0,0) (0,0.75,0) (0,0,3)",
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(10,20,30)",
    }
    fields.update(changes or {})
    text = "NRRD0004\n# made by hand\n" + "".join(f"{k}: {v}\n" for k, v in fields.items() if v is not None) + "\n"
    path.write_bytes(text.encode() + (counting("<i2").tobytes() if data is None else data))
    return path


@pytest.mark.parametrize("dtype", TYPES)
def test_sheared_nrrd_comes_back_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    path = write_volume(Volume(counting(dtype), SHEARED, "CT"), tmp_path / "a.nrrd")
    volume = read_volume(path)
    assert volume.voxels.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(volume.voxels, counting(dtype))
    np.testing.assert_array_equal(volume.ijk_to_ras, SHEARED)


@pytest.mark.parametrize("dtype", TYPES)
def test_sheared_mha_comes_back(tmp_path: Path, dtype: str) -> None:
    path = write_volume(Volume(counting(dtype), SHEARED, "MR"), tmp_path / "a.mha")
    volume = read_volume(path)
    assert (volume.voxels.dtype, volume.modality) == (np.dtype(dtype), "MR")
    np.testing.assert_array_equal(volume.voxels, counting(dtype))
    np.testing.assert_allclose(volume.ijk_to_ras, SHEARED, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_simpleitk_finds_our_voxels_at_the_same_place(tmp_path: Path, suffix: str) -> None:
    import SimpleITK as sitk

    image = sitk.ReadImage(str(write_volume(Volume(counting(), SHEARED, "CT"), tmp_path / f"a{suffix}")))
    assert image.GetPixel(1, 2, 3) == 321
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), counting())
    lps = np.array(image.TransformIndexToPhysicalPoint((1, 2, 3)))
    np.testing.assert_allclose(lps * (-1, -1, 1), (SHEARED @ (1, 2, 3, 1))[:3], rtol=1e-12)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".mhd", ".nhdr"])
def test_simpleitk_files_are_read_at_the_same_place(tmp_path: Path, suffix: str) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(counting())
    image.SetSpacing((0.5, 0.75, 3.0))
    image.SetOrigin((10.0, 20.0, 30.0))
    image.SetDirection((0, -1, 0, 1, 0, 0, 0, 0, 1))
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(image, str(path))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.voxels, counting())
    # i runs along +y of LPS, which is -y of RAS; j along -x of LPS, which is +x of RAS.
    expected = [[0, 0.75, 0, -10], [-0.5, 0, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]]
    np.testing.assert_allclose(volume.ijk_to_ras, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("space", "flips"),
    [("left-posterior-superior", (-1, -1, 1)), ("RAS", (1, 1, 1)), ("LAS", (-1, 1, 1)), ("scanner-xyz", (-1, -1, 1))],
)
def test_left_stays_left_in_every_space(tmp_path: Path, space: str, flips: tuple[int, int, int]) -> None:
    matrix = read_volume(nrrd(tmp_path / "a.nrrd", {"space": space})).ijk_to_ras
    np.testing.assert_array_equal(np.diag(matrix)[:3], np.array(flips) * (0.5, 0.75, 3))
    np.testing.assert_array_equal(matrix[:3, 3], np.array(flips) * (10, 20, 30))


def test_units_of_space_become_millimetres(tmp_path: Path) -> None:
    path = nrrd(tmp_path / "a.nrrd", {"space units": '"um" "um" "um"'})
    np.testing.assert_allclose(read_header(path).spacing, (3e-3, 0.75e-3, 0.5e-3))


def test_other_byte_orders_packings_and_places_of_the_data(tmp_path: Path) -> None:
    data = counting("<i2").tobytes()
    nrrd(tmp_path / "big.nrrd", {"endian": "big"}, counting(">i2").tobytes())
    nrrd(tmp_path / "bytes.nrrd", {"byte skip": "5"}, b"12345" + data)
    nrrd(tmp_path / "lines.nrrd", {"line skip": "2", "byte skip": "1"}, b"one\ntwo\n!" + data)
    nrrd(tmp_path / "end.nrrd", {"byte skip": "-1"}, b"whatever" + data)
    nrrd(tmp_path / "packed.nrrd", {"encoding": "bzip2"}, bz2.compress(data))
    nrrd(tmp_path / "beside.nhdr", {"data file": "beside.raw"}, b"")
    (tmp_path / "beside.raw").write_bytes(data)
    for name in ("big.nrrd", "bytes.nrrd", "lines.nrrd", "end.nrrd", "packed.nrrd", "beside.nhdr"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).voxels, counting(), err_msg=name)


@pytest.mark.parametrize("place", ["../secret.raw", "/etc/hostname", "sub/../../secret.raw", ""])
def test_data_elsewhere_on_the_machine_are_not_read(tmp_path: Path, place: str) -> None:
    (tmp_path / "secret.raw").write_bytes(counting().tobytes())
    (tmp_path / "scans" / "sub").mkdir(parents=True)
    header = tmp_path / "scans" / "a.mhd"
    header.write_text(f"NDims = 3\nDimSize = 4 3 2\nElementType = MET_SHORT\nElementDataFile = {place}\n")
    with pytest.raises(InputError, match="not in a file beside it"):
        read_volume(header)
    if place:
        with pytest.raises(InputError, match="not in a file beside it"):
            read_volume(nrrd(tmp_path / "scans" / "b.nhdr", {"data file": place}, b""))


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    text = nrrd(tmp_path / "a.nrrd", {"encoding": "ascii"}, b"1 2 3")
    with pytest.raises(InputError, match="ascii encoding is not read; save it with raw or gzip"):
        read_volume(text)
    alone = nrrd(tmp_path / "b.nhdr", {"data file": "b.raw"}, b"")
    with pytest.raises(InputError, match=r"its voxels are in b\.raw, which is not there"):
        read_volume(alone)
    for several in ("LIST", "slice%03d.raw 1 4 1"):
        with pytest.raises(InputError, match="in several files"):
            read_volume(nrrd(tmp_path / "c.nhdr", {"data file": several}, b""))
    with pytest.raises(InputError, match="is no number"):
        read_volume(nrrd(tmp_path / "d.nrrd", {"type": "block"}))
    with pytest.raises(InputError, match="damaged or of an unknown kind"):
        read_volume(nrrd(tmp_path / "e.nrrd", {"sizes": "2 3"}))


@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("compressed", [True, False])
def test_every_type_that_simpleitk_writes(tmp_path: Path, suffix: str, compressed: bool) -> None:
    import SimpleITK as sitk

    for dtype in [*TYPES, "int64", "uint64"]:
        path = tmp_path / f"{dtype}{suffix}"
        sitk.WriteImage(sitk.GetImageFromArray(counting(dtype)), str(path), useCompression=compressed)
        volume = read_volume(path)
        assert volume.voxels.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(volume.voxels, counting(dtype))
        np.testing.assert_array_equal(np.diag(volume.ijk_to_ras), (-1, -1, 1, 1))


def test_data_that_hold_more_than_the_header_promises_take_no_memory(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    path = tmp_path / "a.mha"
    path.write_bytes(
        b"ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = True\nDimSize = 4 3 2\n"
        b"ElementSpacing = 1 1 1\nElementType = MET_SHORT\nElementDataFile = LOCAL\n" + bomb
    )
    tracemalloc.start()
    assert read_volume(path).shape == (2, 3, 4)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("first", [True, False])
def test_list_of_volumes_needs_a_frame(tmp_path: Path, first: bool) -> None:
    stack = np.stack([counting("<i2"), counting("<i2") + 1000])
    directions = "(0.5,0,0) (0,0.75,0) (0,0,3)"
    path = nrrd(
        tmp_path / "a.nrrd",
        {
            "dimension": "4",
            "sizes": "2 2 3 4" if first else "2 3 4 2",
            "kinds": "list domain domain domain" if first else "domain domain domain list",
            "space directions": f"none {directions}" if first else f"{directions} none",
        },
        (np.moveaxis(stack, 0, -1) if first else stack).tobytes(),
    )
    assert read_header(path).frames == 2
    with pytest.raises(InputError, match=r"4 dimensions \(2×3×4×2\); give one volume, e\.g\. with --frame 0"):
        read_volume(path)
    with pytest.raises(UsageError, match="0 to 1"):
        read_volume(path, frame=2)
    np.testing.assert_array_equal(read_volume(path, frame=1).voxels, stack[1])


@pytest.mark.parametrize("compressed", [True, False])
def test_frame_of_a_4d_mha(tmp_path: Path, compressed: bool) -> None:
    import SimpleITK as sitk

    stack = np.stack([counting(), counting() + 1000])
    path = tmp_path / "a.mha"
    sitk.WriteImage(sitk.GetImageFromArray(stack, isVector=False), str(path), useCompression=compressed)
    assert read_header(path).frames == 2
    with pytest.raises(InputError, match=r"2×3×4×2"):
        read_volume(path)
    for frame in (0, 1):
        np.testing.assert_array_equal(read_volume(path, frame=frame).voxels, stack[frame])


def test_2d_image_is_one_slice(tmp_path: Path) -> None:
    import SimpleITK as sitk

    for suffix in (".nrrd", ".mha"):
        image = sitk.GetImageFromArray(counting()[0])
        image.SetSpacing((0.5, 0.75))
        image.SetOrigin((10, 20))
        sitk.WriteImage(image, str(tmp_path / f"a{suffix}"))
        volume = read_volume(tmp_path / f"a{suffix}")
        assert volume.shape == (1, 3, 2)
        expected = [[-0.5, 0, 0, -10], [0, -0.75, 0, -20], [0, 0, 1, 0], [0, 0, 0, 1]]
        np.testing.assert_allclose(volume.ijk_to_ras, expected)


def test_reading_and_writing_need_no_simpleitk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its import alone takes half a second, and its readers overrun their memory on damaged headers.
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    for suffix in (".nrrd", ".mha", ".nii", ".nii.gz"):
        read_volume(write_volume(Volume(counting(), SHEARED, "CT"), tmp_path / f"a{suffix}", force=True))


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_header_says_what_the_volume_will_be(tmp_path: Path, suffix: str) -> None:
    matrix = np.diag([0.5, 0.75, 3.0, 1.0])
    path = write_volume(Volume(counting("uint16"), matrix), tmp_path / f"a{suffix}")
    header, volume = read_header(path), read_volume(path)
    assert header.shape == volume.shape == (4, 3, 2)
    assert header.spacing == volume.spacing == (3.0, 0.75, 0.5)
    assert (header.frames, header.dtype) == (1, np.uint16)
    assert header.format == volume.meta["source"]
    np.testing.assert_array_equal(header.ijk_to_ras, volume.ijk_to_ras)
