"""Tissue, the body, and the data range that goes with them."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import body_mask, data_range, tissue_mask


def test_mr_tissue_is_above_5_percent_of_p995() -> None:
    x = np.zeros((2, 10, 100))
    x[1] = np.linspace(1, 1000, 1000).reshape(10, 100)  # p99.5 of what is above zero: 995.005
    mask = tissue_mask(x, "MR")
    assert not mask[0].any()
    np.testing.assert_array_equal(mask[1], x[1] > 0.05 * 995.005)
    assert data_range(x, "MR") == pytest.approx(995.005)


def test_a_crop_is_masked_by_the_whole_scans_level() -> None:
    crop = np.array([[[4.0, 6.0]]])
    np.testing.assert_array_equal(tissue_mask(crop, "MR", level=100.0), [[[False, True]]])


def ct_phantom() -> tuple[np.ndarray, np.ndarray]:
    """A body of water with lungs, on a table, with padding outside a circle; and the true body."""
    j, i = np.mgrid[:100, :120]
    body = (j - 45) ** 2 / 35**2 + (i - 60) ** 2 / 50**2 < 1
    hu = np.where((j - 50) ** 2 + (i - 60) ** 2 < 58**2, -1000.0, -2000.0)
    hu[body] = 30
    for centre in (40, 80):
        hu[(j - 45) ** 2 / 15**2 + (i - centre) ** 2 / 12**2 < 1] = -850
    hu[88:91, 20:100] = 200  # a table three voxels thick
    return np.stack([hu] * 3), np.stack([body] * 3)


def test_body_holds_lungs_but_neither_table_nor_padding() -> None:
    hu, body = ct_phantom()
    found = body_mask(hu)
    assert np.mean(found == body) > 0.995
    assert found[:, 45, 40].all()
    assert not found[:, 89].any()
    assert not found[hu == -2000].any()
    np.testing.assert_array_equal(body_mask(hu[0]), found[0])


def test_two_legs_are_both_kept() -> None:
    hu = np.full((1, 60, 100), -1000.0)
    hu[0, 10:50, 5:45] = 40
    hu[0, 15:45, 60:85] = 40
    np.testing.assert_array_equal(body_mask(hu), hu > 0)


def test_normalised_ct_is_refused_unless_its_scale_is_said() -> None:
    hu, _ = ct_phantom()
    hu = np.maximum(hu, -1024)
    with pytest.raises(UsageError, match="scale=1000"):
        tissue_mask(hu / 1000, "CT")
    np.testing.assert_array_equal(tissue_mask(hu / 1000, "CT", scale=1000.0), body_mask(hu))


def test_ct_full_scale_is_the_wide_window_and_nothing_has_none() -> None:
    assert data_range(np.zeros((2, 2, 2)), "CT") == 2000
    with pytest.raises(UsageError, match="data range"):
        data_range(np.zeros((2, 2, 2)), "MR")
    assert not tissue_mask(np.zeros((2, 2, 2)), "MR").any()
