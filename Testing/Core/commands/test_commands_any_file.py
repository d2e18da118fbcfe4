"""Any file at all: `enhance` ends with a code of the contract and one sentence, or a result; never with half of one."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

import nibabel
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from DiffusionCore.__main__ import main
from DiffusionCore.volume import Volume, read_volume, write_volume

DONE, OUTPUT = 0, 5
CODES = {DONE, 3, OUTPUT, 7}  # result; the scan cannot be worked on; not be written; is refused


@st.composite
def files(draw: st.DrawFn) -> tuple[str, np.ndarray, tuple[float, float, float]]:
    """A format, voxels (K, J, I) of any type with any values, NaN and infinities too, and a spacing."""
    suffix = draw(st.sampled_from([".nii", ".nii.gz", ".nrrd", ".mha"]))
    dtype = np.dtype(draw(st.sampled_from(["uint8", "int16", "uint16", "int32", "float32", "float64"])))
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12))
    if draw(st.booleans()):
        voxels = draw(hnp.arrays(dtype, shape))
    else:
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        voxels = (100 + 20 * rng.standard_normal(shape)).astype(dtype)
    spacing = st.floats(1e-3, 1e3)
    return suffix, voxels, (draw(spacing), draw(spacing), draw(spacing))


def write(path: Path, voxels: np.ndarray, spacing: tuple[float, float, float]) -> None:
    """By nibabel where it can be, so that a file may hold what ours would not write."""
    matrix = np.diag([*spacing, 1.0])
    if path.name.endswith((".nii", ".nii.gz")):
        nibabel.save(nibabel.Nifti1Image(voxels.transpose(), matrix), path)
    else:
        write_volume(Volume(voxels, matrix, "OTHER"), path)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    file=files(),
    to=st.sampled_from([".nii.gz", ".nrrd", ".mha", ""]),
    modality=st.sampled_from([[], ["--modality", "MR"], ["--modality", "CT"]]),
    force=st.sampled_from([[], ["--force"]]),
    cut=st.sampled_from([0, 0, 0, 7]),
)
def test_any_file_gives_a_whole_result_or_a_sentence_and_its_code(installed, file, to, modality, force, cut):
    suffix, voxels, spacing = file
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / f"scan{suffix}", Path(folder) / f"result{to}"
        write(source, voxels, spacing)
        source.write_bytes(source.read_bytes()[: source.stat().st_size - cut])
        before = source.read_bytes()
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = main(["enhance", str(source), str(target), "--device", "cpu", *modality, *force])
        assert code in CODES, said.getvalue()
        assert source.read_bytes() == before
        if code == DONE:
            assert read_volume(target).shape == voxels.shape
        else:
            assert said.getvalue().count("\n") == 1
            assert {path.name for path in Path(folder).iterdir()} == {source.name}
