"""Random shapes, types, grids, values and damage: what is written comes back, and nothing fails without a sentence."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.volume import Volume, read_header, read_volume, write_volume
from DiffusionCore.volume.geometry import SHEAR_TOLERANCE, shear, to_ras

TYPES = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64", "bool", "float16"]
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def voxel_arrays(draw: st.DrawFn) -> np.ndarray:
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=7))
    finite = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else {}
    return draw(hnp.arrays(dtype, shape, elements=hnp.from_dtype(dtype, **finite)))


@st.composite
def matrices(draw: st.DrawFn, sheared: bool = False) -> np.ndarray:
    """Oblique, left- or right-handed, anisotropic grids, and leaning ones if asked for."""
    from scipy.spatial.transform import Rotation

    angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
    spacing = draw(st.tuples(*[st.floats(0.01, 20)] * 3))
    signs = draw(st.tuples(*[st.sampled_from((-1.0, 1.0))] * 3))
    matrix = np.eye(4)
    lean = np.eye(3)
    if sheared:
        lean[np.triu_indices(3, 1)] = draw(st.tuples(*[st.floats(-0.6, 0.6)] * 3))
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ lean * spacing * signs
    matrix[:3, 3] = draw(st.tuples(*[st.floats(-2000, 2000)] * 3))
    return matrix


@QUICK
@given(voxel_arrays(), matrices(sheared=True))
def test_nrrd_gives_back_every_bit(voxels: np.ndarray, matrix: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        volume = read_volume(write_volume(Volume(voxels, matrix, "MR"), Path(folder) / "a.nrrd"))
    np.testing.assert_array_equal(volume.voxels, voxels)
    np.testing.assert_array_equal(volume.ijk_to_ras, matrix)


@QUICK
@given(voxel_arrays(), matrices(sheared=True))
def test_mha_gives_back_every_voxel_at_its_place(voxels: np.ndarray, matrix: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        volume = read_volume(write_volume(Volume(voxels, matrix, "CT"), Path(folder) / "a.mha"))
    np.testing.assert_array_equal(volume.voxels, voxels)
    np.testing.assert_allclose(volume.ijk_to_ras, matrix, rtol=1e-14, atol=1e-14)


@QUICK
@given(voxel_arrays(), matrices(), st.sampled_from([".nii", ".nii.gz"]))
def test_nifti_gives_back_every_voxel_at_its_place(voxels: np.ndarray, matrix: np.ndarray, suffix: str) -> None:
    assert shear(matrix) < SHEAR_TOLERANCE
    with tempfile.TemporaryDirectory() as folder:
        path = write_volume(Volume(voxels, matrix, "MR"), Path(folder) / f"a{suffix}")
        volume, header = read_volume(path), read_header(path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert header.shape == voxels.shape
    # Single precision: one part in 2**24 of each number.
    np.testing.assert_allclose(volume.ijk_to_ras, matrix, rtol=6e-8, atol=1e-9)
    corner = np.array(voxels.shape[::-1]) - 1
    np.testing.assert_allclose(to_ras(volume.ijk_to_ras, corner), to_ras(matrix, corner), atol=5e-4)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_damaged_bytes_give_a_sentence_or_a_volume(suffix: str, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
    path = write_volume(Volume(voxels, np.diag([0.5, 0.7, 2.0, 1.0]), "CT"), tmp_path / f"scan{suffix}")
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(150):
        content = bytearray(whole)
        for place in rng.integers(0, len(content), rng.integers(1, 6)):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            read_volume(path)
        except (InputError, UsageError) as error:
            assert 10 < len(str(error)) < 300
            assert "\n" not in str(error)
