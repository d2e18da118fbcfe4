"""Preview: a slab now, equal to what the whole run will show there."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.models import load_model
from DiffusionCore.progress import Progress, silent
from DiffusionCore.tasks.enhance import enhance, prepare
from DiffusionCore.tasks.options import EnhanceOptions
from DiffusionCore.tasks.preview import preview

SLAB = (slice(8, 12), slice(0, 26), slice(0, 28))


@pytest.fixture(scope="module")
def model(tiny_models):
    return load_model(tiny_models / "tiny-mr")


@pytest.fixture(scope="module")
def ready(mr, model):
    return prepare(mr, EnhanceOptions(), loaded=model, progress=silent())


@pytest.mark.parametrize("options", [{}, {"strength": 0.4}, {"preset": "natural", "seed": 3}])
def test_a_slab_equals_the_whole_run_there(mr, model, options):
    given = mr.with_voxels(mr.voxels.astype(np.float32))
    ready = prepare(given, EnhanceOptions(**options), loaded=model, progress=silent())
    whole = enhance(given, loaded=model, **options).volume.voxels
    slab = preview(given, SLAB, ready=ready, **options).volume
    np.testing.assert_allclose(slab.voxels, whole[SLAB], rtol=1e-5, atol=1e-5 * whole.max())


def test_the_slab_lies_at_its_place(mr, ready):
    slab = preview(mr, SLAB, ready=ready).volume
    assert slab.shape == (4, 26, 28)
    np.testing.assert_allclose(slab.ijk_to_ras[:3, 3], mr.ijk_to_ras[:3, 3] + [0, 0, 8 * 1.5])


def test_nothing_is_measured_again(mr, ready):
    stages = []
    preview(mr, SLAB, ready=ready, progress=Progress(lambda event: stages.append(event.stage)))
    assert set(stages) == {"denoise", "finish"}


def test_outside_its_mask_a_preview_is_the_scan(mr, ready):
    mask = np.zeros(mr.shape, bool)
    mask[:, :13] = True
    slab = preview(mr, SLAB, mask=mask, ready=ready).volume.voxels
    np.testing.assert_array_equal(slab[:, 13:], mr.voxels[SLAB][:, 13:])
    assert not np.array_equal(slab[:, :13], mr.voxels[SLAB][:, :13])


def test_a_region_that_takes_nothing_and_a_mask_of_another_grid_are_refused(mr, ready):
    with pytest.raises(UsageError, match="takes nothing"):
        preview(mr, (slice(30, 31), slice(None), slice(None)), ready=ready)
    with pytest.raises(InputError, match="not on the scan's grid"):
        preview(mr, SLAB, mask=np.ones((2, 2, 2), bool), ready=ready)
