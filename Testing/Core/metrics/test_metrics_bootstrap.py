"""Intervals: coverage, seeds, labels, pairing, blocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics import (
    blocks_of,
    over_subjects,
    paired_over_subjects,
    paired_within_subjects,
    within_subjects,
)


def test_interval_of_a_mean_is_near_students() -> None:
    values = np.random.default_rng(0).normal(30, 2, 40)
    found = over_subjects(values)
    low, high = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(low, abs=0.15)
    assert found.high == pytest.approx(high, abs=0.15)
    assert found.label == "over 40 subjects"


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).normal(0, 1, 8)
    assert over_subjects(values, seed=3) == over_subjects(values, seed=3)
    assert over_subjects(values, seed=3) != over_subjects(values, seed=4)


def test_percentile_and_equal_values() -> None:
    values = np.array([1.0, 2, 3, 4, 5, 6])
    assert 1 <= over_subjects(values, method="percentile").low < 3.5
    same = over_subjects([2.0] * 6)
    assert (same.low, same.estimate, same.high) == (2, 2, 2)


def test_under_six_subjects_there_is_no_interval_over_subjects() -> None:
    with pytest.raises(UsageError, match="at least 6"):
        over_subjects([1.0, 2, 3, 4, 5])
    with pytest.raises(UsageError, match="finite"):
        over_subjects([1.0, 2, 3, 4, 5, np.inf])


def test_pairing_removes_what_subjects_have_in_common() -> None:
    rng = np.random.default_rng(2)
    subject = rng.normal(30, 5, 12)
    ours, theirs = subject + 0.5 + 0.1 * rng.standard_normal(12), subject
    difference = paired_over_subjects(ours, theirs)
    assert difference.estimate == pytest.approx(np.mean(ours - theirs))
    assert difference.excludes_zero
    assert difference.high - difference.low < 0.2 < over_subjects(ours).high - over_subjects(ours).low
    assert not paired_over_subjects(theirs + rng.standard_normal(12), theirs).excludes_zero


def test_blocks_by_hand() -> None:
    values = np.arange(15.0).reshape(3, 5)
    mask = values != 0
    blocks = blocks_of(values, mask, size=2)
    # Rows 0-1 and 2, columns 0-1, 2-3 and 4.
    np.testing.assert_array_equal(blocks.sums, [1 + 5 + 6, 2 + 3 + 7 + 8, 4 + 9, 10 + 11, 12 + 13, 14])
    np.testing.assert_array_equal(blocks.counts, [3, 4, 2, 2, 2, 1])
    mask[:2, :2] = False
    assert len(blocks_of(values, mask, size=2).sums) == 5


def test_block_interval_covers_the_mean_of_white_errors_and_names_its_subjects() -> None:
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(60):
        blocks = [blocks_of(rng.standard_normal((32, 32)) ** 2, size=4) for _ in range(2)]
        found = within_subjects(blocks, resamples=400)
        hits += found.low <= 1 <= found.high
    assert hits >= 51  # 95 % of 60 is 57; 51 is under the 0.3 % quantile
    assert found.label == "within these 2 subjects"
    assert within_subjects(blocks[:1], resamples=50).label == "within this subject"


def test_psnr_interval_is_about_the_psnr() -> None:
    errors = np.random.default_rng(5).normal(0, 0.1, (16, 32, 32)) ** 2
    found = within_subjects([blocks_of(errors, size=8)], transform=lambda mse: -10 * np.log10(mse))
    assert found.estimate == pytest.approx(-10 * np.log10(errors.mean()))
    assert found.low < found.estimate < found.high
    assert found.high - found.low < 0.3


def test_paired_blocks_are_resampled_together() -> None:
    rng = np.random.default_rng(6)
    hard = np.repeat(np.repeat(rng.exponential(1, (8, 8)), 8, 0), 8, 1)  # blocks differ much from each other
    ours, theirs = blocks_of(hard, size=8), blocks_of(hard + 0.1, size=8)
    found = paired_within_subjects([ours], [theirs])
    assert found.estimate == pytest.approx(-0.1)
    assert found.high - found.low < 1e-9 < within_subjects([ours]).high - within_subjects([ours]).low
    with pytest.raises(UsageError, match="same blocks"):
        paired_within_subjects([ours], [])
