"""Bias: mean intensity and volume above tissue thresholds before and after, as a whole and part by part of the scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.metrics.flat_tissue import grid_sample, reference_level, slices_alike
from DiffusionCore.metrics.noise_estimate import NoiseEstimate
from DiffusionCore.metrics.trust_noise_model import box_response, noise_shape
from DiffusionCore.volume import Volume

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

CT_THRESHOLDS = ((-500.0, "body and vessels"), (-30.0, "soft tissue and denser"), (150.0, "bone or contrast agent"))
MR_NAMES = ("all tissue", "middle and bright tissue", "bright tissue")
MR_TISSUE, MR_SNR = 0.10, 3.0
"""MR tissue is above this part of p99.5 and this many sigma: below, the noise's own mean counts as signal."""
LEAST_ML = 1.0
"""Parts with less of a tissue are not compared: a few voxels make a large percentage."""
SIDES = (("left", "right"), ("posterior", "anterior"), ("inferior", "superior"))


@dataclass(frozen=True)
class Amount:
    """Something measured before and after, over the whole scan; and in the part of the scan where it changed most.

    name    what, with its threshold
    unit    "mL", "HU" or "grey levels"
    part    such as "right anterior superior", "" where no part has enough of it
    """

    name: str
    unit: str
    before: float
    after: float
    part: str = ""
    part_before: float = float("nan")
    part_after: float = float("nan")

    @property
    def change(self) -> float:
        """After less before."""
        return self.after - self.before

    @property
    def percent(self) -> float:
        """Change over the whole scan; nan where there was nothing before."""
        return _percent(self.before, self.after)

    @property
    def part_percent(self) -> float:
        return _percent(self.part_before, self.part_after)


@dataclass(frozen=True)
class Bias:
    """The mean in tissue, and the volumes above each threshold."""

    mean: Amount
    volumes: tuple[Amount, ...]


def volume_bias(
    original: Volume, enhanced: Volume, noise: NoiseEstimate, *, strength: float = 1.0, mask: Mask | None = None
) -> Bias:
    """Compare mean and volumes of tissue in `enhanced` with those in `original`, on one grid.

    Both are averaged over 3 x 3 x 3 voxels first (3 x 3 where slices are thick). Noise that is left in the original's
    averages takes voxels across the thresholds; so the enhanced volume is that expected with the same noise on it, the
    sum over voxels of Phi((value - threshold) / deviation). In MR magnitude data the original is freed of its Rician
    bias (amplitude^2 = mean^2 - sigma^2, within 0.5 % above 3 sigma), which the enhanced scan has not; where it was
    blended with `strength` below 1, of that part. Parts are the eighths of the scan about the tissue's centre.
    Thresholds: `CT_THRESHOLDS`; in MR that of tissue and those between tissues (`tissue_thresholds`).
    """
    rician, sigma = noise.kind == "rician", noise.sigma * strength
    shape = noise_shape(noise, white=rician and not noise.correlated)
    left = sigma * shape.deviation(box_response(_window(original)))
    before, after = (_averaged(volume) for volume in (original, enhanced))
    if rician:
        np.square(before, out=before)
        before -= np.float32(sigma**2)
        np.sqrt(np.maximum(before, 0, out=before), out=before)
    if original.modality == "CT":
        thresholds = CT_THRESHOLDS
    else:
        lowest = max(MR_TISSUE * reference_level(original.voxels), MR_SNR * sigma)
        levels = tissue_thresholds(after, lowest)
        thresholds = tuple(zip((lowest, *levels), MR_NAMES, strict=False))
    unit = "HU" if original.modality == "CT" else "grey levels"
    tissue = (before + after) * np.float32(0.5) > thresholds[0][0]
    if mask is not None:
        tissue &= mask
    parts = list(_parts(tissue, original.ijk_to_ras))
    ml = float(abs(np.linalg.det(original.ijk_to_ras[:3, :3]))) / 1000
    volumes = []
    for level, name in thresholds:
        above = [before > level, _expected_above(after, level, left)]
        if mask is not None:
            above = [found * mask for found in above]
        counts = [tuple(float(found[part].sum(dtype=np.float64)) * ml for found in above) for _, part in parts]
        volumes.append(_amount(f"{name} (above {level:.4g} {unit})", "mL", counts, parts, percent=True))
    return Bias(_mean(before, after, tissue, parts, unit, ml), tuple(volumes))


def tissue_thresholds(values: npt.NDArray, above: float, bins: int = 96) -> tuple[float, ...]:
    """The two thresholds that split the values over `above` in three classes of least variance within.

    Empty where nearly all values are alike. Source: Otsu, IEEE Trans Syst Man Cybern 9:62 (1979).
    """
    sample = grid_sample(values)
    sample = sample[sample > above]
    if sample.size < 1000:
        return ()
    low, high = np.quantile(sample, [0.001, 0.999])
    if not high > low:
        return ()
    counts, edges = np.histogram(sample, bins, (low, high))
    centres = (edges[1:] + edges[:-1]) / 2
    weight = np.concatenate([[0], np.cumsum(counts)])
    sums = np.concatenate([[0], np.cumsum(counts * centres)])

    def between(first: npt.NDArray, last: npt.NDArray) -> npt.NDArray:
        w = weight[last] - weight[first]
        return np.divide((sums[last] - sums[first]) ** 2, w, out=np.zeros(w.shape), where=w > 0)

    a, b = np.triu_indices(bins - 1, k=1)
    a, b = a + 1, b + 1
    score = between(0 * a, a) + between(a, b) + between(b, 0 * b + bins)
    best = np.flatnonzero(score >= score.max() * (1 - 1e-9))  # where nothing lies between tissues: the middle
    return float(edges[int(a[best].mean())]), float(edges[int(b[best].mean())])


def _expected_above(values: Floats, level: float, deviation: float) -> Floats:
    """Probability of each value to be above `level` with normal noise on it."""
    from scipy.special import ndtr

    above = (values > level).astype(np.float32)
    near = np.abs(values - np.float32(level)) < 4 * deviation
    if deviation > 0:
        above[near] = ndtr((values[near] - np.float32(level)) / np.float32(deviation))
    return above


def _averaged(volume: Volume) -> Floats:
    from scipy.ndimage import uniform_filter

    return uniform_filter(np.asarray(volume.voxels, dtype=np.float32), _window(volume), mode="nearest")


def _window(volume: Volume) -> tuple[int, int, int]:
    return (3 if slices_alike(len(volume.voxels), volume.spacing) else 1, 3, 3)


def _parts(tissue: Mask, ijk_to_ras: npt.NDArray) -> Iterator[tuple[str, tuple[slice, ...]]]:
    """The eighths about the tissue's centre, named by the axes of the patient that the grid's are nearest to."""
    halves = []
    columns = ijk_to_ras[:3, :3] / np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    for axis in range(3):
        along = np.count_nonzero(tissue, axis=tuple(a for a in range(3) if a != axis)).cumsum()
        centre = int(np.searchsorted(along, along[-1] / 2)) + 1
        column = columns[:, 2 - axis]
        patient = int(np.argmax(np.abs(column)))
        names = SIDES[patient] if column[patient] > 0 else SIDES[patient][::-1]
        pieces = ((names[0], slice(0, centre)), (names[1], slice(centre, tissue.shape[axis])))
        halves.append([(patient, name, piece) for name, piece in pieces])
    for k in halves[0]:
        for j in halves[1]:
            for i in halves[2]:
                name = " ".join(word for _, word, _ in sorted([k, j, i], key=lambda half: half[0]))
                yield name, (k[2], j[2], i[2])


def _mean(before: Floats, after: Floats, tissue: Mask, parts: list, unit: str, ml: float) -> Amount:
    sums = []
    for _, part in parts:
        inside = tissue[part]
        count = _count(inside)
        sums.append([float(v[part].sum(where=inside, dtype=np.float64)) for v in (before, after)] + [count])
    total = np.sum(sums, axis=0)
    means = [(b / n, a / n) if n * ml >= LEAST_ML else (np.nan, np.nan) for b, a, n in sums]
    whole = (total[0] / total[2], total[1] / total[2]) if total[2] else (np.nan, np.nan)
    return _with_part(Amount("mean in tissue", unit, *map(float, whole)), means, parts, percent=False)


def _amount(name: str, unit: str, counts: list[tuple[float, float]], parts: list, *, percent: bool) -> Amount:
    before, after = np.sum(counts, axis=0)
    enough = [(b, a) if b >= LEAST_ML else (np.nan, np.nan) for b, a in counts]
    return _with_part(Amount(name, unit, float(before), float(after)), enough, parts, percent=percent)


def _with_part(amount: Amount, values: list[tuple[float, float]], parts: list, *, percent: bool) -> Amount:
    """With the part that changed most, in percent or in the unit."""
    changes = [abs(_percent(b, a) if percent else a - b) for b, a in values]
    if not np.isfinite(changes).any():
        return amount
    most = int(np.nanargmax(changes))
    before, after = (float(v) for v in values[most])
    return Amount(amount.name, amount.unit, amount.before, amount.after, parts[most][0], before, after)


def _percent(before: float, after: float) -> float:
    return 100 * (after / before - 1) if before > 0 else float("nan")


def _count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))
