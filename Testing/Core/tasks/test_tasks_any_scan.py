"""Any scan at all: a result on its grid, in its type, finite; or an error that says what is wrong. Never anything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from DiffusionCore.errors import DiffusionCoreError, InputError
from DiffusionCore.models import load_model
from DiffusionCore.tasks.enhance import enhance
from DiffusionCore.volume import Volume

TYPES = (
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float32",
    "float64",
)


@pytest.fixture(scope="module")
def models(tiny_models):
    return {name: load_model(tiny_models / name) for name in ("tiny-mr", "tiny-ct", "tiny-flat")}


@st.composite
def values(draw: st.DrawFn, shape: tuple[int, int, int]) -> np.ndarray:
    """Noise, ramps, constants, single points, at any scale and offset, some with what is no number."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    kind = draw(st.sampled_from(["noise", "structure", "structure", "ramp", "constant", "point", "levels"]))
    scale = 10.0 ** draw(st.sampled_from([1, 2, 3]) | st.sampled_from([1, 2]) | st.integers(-40, 40))
    offset = draw(st.sampled_from([0.0, 0.0, 0.0, 100.0, -1000.0, 1e6]))
    base = {
        "noise": lambda: rng.standard_normal(shape),
        "structure": lambda: np.abs(5 * (np.indices(shape).sum(0) % 7 > 3) + rng.standard_normal(shape)),
        "ramp": lambda: np.arange(np.prod(shape), dtype=float).reshape(shape),
        "constant": lambda: np.ones(shape),
        "point": lambda: np.where(np.arange(np.prod(shape)).reshape(shape) == 0, 1.0, 0.0),
        "levels": lambda: rng.integers(0, 3, shape).astype(float),
    }[kind]()
    with np.errstate(over="ignore", invalid="ignore"):
        found = base * scale + offset
    spoilt = draw(st.sampled_from([None] * 20 + [np.nan, np.inf, -np.inf]))
    if spoilt is not None:
        found.flat[draw(st.integers(0, found.size - 1))] = spoilt
    return found


@st.composite
def scans(draw: st.DrawFn) -> Volume:
    size = st.integers(4, 20) | st.integers(4, 20) | st.sampled_from([1, 2, 3])
    shape = draw(st.tuples(size, size, size))
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    with np.errstate(over="ignore", invalid="ignore"):
        wide = draw(values(shape))
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            wide = np.clip(np.nan_to_num(wide), limits.min / 2, limits.max / 2)
        voxels = wide.astype(dtype)
    spacing = draw(st.tuples(*[st.floats(1e-3, 1e3)] * 3))
    matrix = np.eye(4)
    matrix[:3, :3] = np.diag(spacing)[draw(st.permutations(range(3)))] * draw(st.sampled_from([1.0, -1.0]))
    matrix[0, 1] += draw(st.sampled_from([0.0, 0.3])) * spacing[0]
    matrix[:3, 3] = draw(st.tuples(*[st.floats(-1e4, 1e4)] * 3))
    return Volume(voxels, matrix, draw(st.sampled_from(["MR"] * 6 + ["CT"] * 3 + ["OTHER", "LABEL"])))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    scan=scans(),
    name=st.sampled_from(["tiny-mr", "tiny-ct", "tiny-flat"]),
    strength=st.sampled_from([0.0, 0.3, 1.0]),
    preset=st.sampled_from(["quick", "quick", "natural"]),
    sigma=st.none() | st.floats(1e-6, 1e6),
    force=st.booleans(),
)
def test_any_scan_gives_a_whole_result_or_a_sentence(models, scan, name, strength, preset, sigma, force):
    try:
        result = enhance(
            scan, loaded=models[name], strength=strength, preset=preset, sigma=sigma, force=force, device="cpu"
        )
    except DiffusionCoreError as error:
        assert str(error)
        assert "\n" not in str(error)
        return
    after = result.volume
    assert after.shape == scan.shape
    assert after.voxels.dtype == scan.voxels.dtype
    np.testing.assert_array_equal(after.ijk_to_ras, scan.ijk_to_ras)
    assert np.isfinite(after.voxels).all()
    if strength == 0:
        assert after.voxels.tobytes() == scan.voxels.tobytes()


def test_nan_is_never_a_result(models, mr):
    voxels = mr.voxels.astype(np.float32)
    voxels[0, 0, 0] = np.nan
    with pytest.raises(InputError):
        enhance(mr.with_voxels(voxels), loaded=models["tiny-mr"])
