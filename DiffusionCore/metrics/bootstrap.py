"""Intervals by bootstrap: over subjects, and within the few subjects there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError

FEWEST_SUBJECTS = 6
RESAMPLES = 9999

Statistic = Callable[..., npt.NDArray]


@dataclass(frozen=True)
class Interval:
    """An estimate with its bootstrap interval and what was resampled."""

    estimate: float
    low: float
    high: float
    confidence: float
    label: str

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}] ({self.confidence:.0%}, {self.label})"


def over_subjects(
    values: Sequence[float],
    *,
    statistic: Statistic = np.mean,
    confidence: float = 0.95,
    seed: int = 0,
    method: str = "BCa",
) -> Interval:
    """Bootstrap interval of a statistic (taking `axis`) over subjects, one value each.

    `method` is "BCa" (Efron 1987) or "percentile". Raises `UsageError` under 6 subjects: then show every subject, the
    mean, and `within_subjects`.
    """
    from scipy.stats import bootstrap

    values = _checked(values)
    if len(values) < FEWEST_SUBJECTS:
        raise UsageError(
            f"an interval over subjects needs at least {FEWEST_SUBJECTS}, got {len(values)}; show each of them instead"
        )
    estimate = float(statistic(values, axis=-1))
    label = f"over {len(values)} subjects"
    if np.ptp(values) == 0:
        return Interval(estimate, estimate, estimate, confidence, label)
    found = bootstrap(
        (values,),
        statistic,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=confidence,
        method=method,
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(estimate, float(found.low), float(found.high), confidence, label)


def paired_over_subjects(
    ours: Sequence[float], theirs: Sequence[float], *, confidence: float = 0.95, seed: int = 0, method: str = "BCa"
) -> Interval:
    """Interval of the mean difference ours - theirs, subject by subject."""
    ours, theirs = _checked(ours), _checked(theirs)
    if len(ours) != len(theirs):
        raise UsageError(f"paired values come in equal numbers, got {len(ours)} and {len(theirs)}")
    return over_subjects(ours - theirs, confidence=confidence, seed=seed, method=method)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Sums and numbers of voxels in the blocks of one subject: what a mean over its voxels is made of."""

    sums: npt.NDArray[np.float64]
    counts: npt.NDArray[np.float64]


def blocks_of(values: npt.ArrayLike, mask: npt.ArrayLike | None = None, size: int = 16) -> Blocks:
    """Cut a map, of squared errors say, (K, J, I) or (J, I), into blocks of `size` voxels a side, without empty ones.

    Blocks must be longer than the noise and the anatomy are correlated, or the interval is too narrow.
    """
    values = np.asarray(values, dtype=np.float64)
    if size < 1:
        raise UsageError(f"a block has at least 1 voxel a side, got {size}")
    mask = np.ones(values.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if mask.shape != values.shape:
        raise UsageError(f"the mask must have the map's shape {values.shape}, got {mask.shape}")
    sums, counts = np.where(mask, values, 0.0), mask.astype(np.float64)
    for axis, length in enumerate(values.shape):
        starts = np.arange(0, length, size)
        sums, counts = np.add.reduceat(sums, starts, axis=axis), np.add.reduceat(counts, starts, axis=axis)
    inside = counts > 0
    if not inside.any():
        raise UsageError("the mask is empty; there is nothing to resample")
    return Blocks(sums[inside], counts[inside])


def within_subjects(
    subjects: Sequence[Blocks],
    *,
    transform: Callable[[npt.NDArray], npt.NDArray] = lambda mean: mean,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
) -> Interval:
    """Block bootstrap within each subject of the mean over subjects of transform(mean over voxels).

    `transform` makes PSNR of a mean squared error, say. Percentile interval. It says how well the figure is known for
    these subjects, nothing about others, and its label says so.
    Source: Davison & Hinkley, Bootstrap Methods and their Application (1997), section 8.2.
    """
    if not subjects:
        raise UsageError("there are no subjects to resample")
    rng = np.random.default_rng(seed)
    estimates, draws = [], []
    for blocks in subjects:
        estimates.append(float(transform(np.array(blocks.sums.sum() / blocks.counts.sum()))))
        draws.append(transform(_resampled(blocks, _picks(rng, len(blocks.sums), resamples))))
    return _percentile(float(np.mean(estimates)), np.mean(draws, axis=0), confidence, len(subjects))


def paired_within_subjects(
    ours: Sequence[Blocks],
    theirs: Sequence[Blocks],
    *,
    transform: Callable[[npt.NDArray], npt.NDArray] = lambda mean: mean,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = 2000,
) -> Interval:
    """`within_subjects` for the difference ours - theirs, both resampled in the same blocks."""
    if (
        not ours
        or len(ours) != len(theirs)
        or any(len(a.sums) != len(b.sums) for a, b in zip(ours, theirs, strict=True))
    ):
        raise UsageError("paired figures need the same subjects cut into the same blocks")
    rng = np.random.default_rng(seed)
    estimates, draws = [], []
    for a, b in zip(ours, theirs, strict=True):
        picks = _picks(rng, len(a.sums), resamples)
        whole = [transform(np.array(blocks.sums.sum() / blocks.counts.sum())) for blocks in (a, b)]
        estimates.append(float(whole[0] - whole[1]))
        draws.append(transform(_resampled(a, picks)) - transform(_resampled(b, picks)))
    return _percentile(float(np.mean(estimates)), np.mean(draws, axis=0), confidence, len(ours))


def _picks(rng: np.random.Generator, blocks: int, resamples: int) -> npt.NDArray[np.float64]:
    """How often each block is drawn in each resample: (resamples, blocks)."""
    return rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples).astype(np.float64)


def _resampled(blocks: Blocks, picks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return (picks @ blocks.sums) / (picks @ blocks.counts)


def _percentile(estimate: float, draws: npt.NDArray, confidence: float, subjects: int) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    these = "this subject" if subjects == 1 else f"these {subjects} subjects"
    return Interval(estimate, float(low), float(high), confidence, f"within {these}")


def _checked(values: Sequence[float]) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)):
        raise UsageError("a bootstrap takes one finite value per subject")
    return array
