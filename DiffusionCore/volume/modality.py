"""CT, MR or label map? Files other than DICOM do not say; names and intensities must, and the reason is told."""

from __future__ import annotations

import re

import numpy as np

from .volume import Volume

_MR_NAMES = {
    *("t1", "t2", "pd", "flair", "mr", "mri", "mprage", "mp2rage", "t1w", "t2w", "pdw", "t2star", "t2starw", "t2s"),
    *("bold", "dwi", "swi", "tof", "angio", "inplanet1", "inplanet2", "unit1"),
}
_LABEL_NAMES = {"dseg", "seg", "mask", "label", "labels", "labelmap", "aseg", "aparc", "segmentation"}
_PET_NAMES = {"pet", "suv"}
_SAMPLE = 1 << 18


def guess_modality(voxels: np.ndarray, hints: str = "") -> tuple[str, str]:
    """What kind of image the voxels (K, J, I) are: ("CT", "MR", "LABEL" or "OTHER", the reason in words).

    `hints` is the file's name without its folder and suffix; BIDS suffixes and words like `ct` or `flair` count. A name
    decides alone only for PET; for the rest it settles what the intensities leave open.
    """
    words = _words(hints)
    if words and words[-1] in _PET_NAMES:
        return "OTHER", f"the name ends in {words[-1]}: PET"
    named = _named(words)
    low, high = voxels.min(), voxels.max()
    values = f"values {low:.6g} to {high:.6g}"
    if low == high:
        return "OTHER", f"every voxel is {low:.6g}"
    if words and words[-1] in _LABEL_NAMES and _is_whole(voxels) and low >= 0:
        return "LABEL", f"the name ends in {words[-1]}, and {values} are whole numbers"
    if _looks_like_labels(voxels):
        return "LABEL", f"{values} are whole numbers in regions of one value"
    if looks_like_hu(voxels):
        return "CT", f"{values} with air near -1000 and soft tissue near 0 are HU"
    if named == "CT":
        if low < 0 and high > 100:
            return "CT", f"the name says CT, and {values} may be HU"
        return "OTHER", f"the name says CT, but {values} are no HU"
    if named == "MR":
        return "MR", f"the name says MR, and {values} are no HU"
    # Splines overshoot a little below zero; magnitude images go no further.
    if low >= -0.1 * high:
        return "MR", f"{values} are no HU; MR is assumed (a CT that was rescaled would look the same)"
    return "OTHER", f"{values} are neither HU nor the magnitudes of MR"


def stated_modality(volume: Volume) -> str | None:
    """The modality to write into a file; None where it is only OTHER because nobody knew, so that a reader guesses."""
    return None if volume.modality == "OTHER" and "kind" not in volume.meta else volume.modality


def named_kind(hints: str) -> str | None:
    """ "PET" if a file's name, without folder and suffix, says so; such scans are OTHER, and tasks refuse them."""
    words = _words(hints)
    return "PET" if words and words[-1] in _PET_NAMES else None


def looks_like_hu(voxels: np.ndarray) -> bool:
    """Whether values have the shape of CT in HU: air near -1000, soft tissue near 0, nearly nothing out of range.

    False for a CT that was rescaled to 0..255, which no figure in HU can be given for.
    """
    low, high = float(voxels.min()), float(voxels.max())
    if not -4096 <= low <= -500 or not 0 <= high <= 65535:
        return False
    sample = _sampled(voxels)
    # What scanners fill the corners with counts as neither; it is one value, unlike the phases of MR.
    filling = (sample == low) & (low < -1100)
    inside = sample[~filling]
    if inside.size == 0 or np.mean(inside < -1200) > 0.01 or np.mean(inside > 3100) > 0.02:
        return False
    air = np.mean((inside >= -1200) & (inside <= -800))
    tissue = np.mean((inside >= -250) & (inside <= 300))
    marked = low in (-1024, -1023, -1000, -2000, -2048, -3024)  # where CT is clipped or filled
    return bool(tissue > 0.005 and (air > 0.001 or marked))


def _named(words: list[str]) -> str | None:
    ct, mr = "ct" in words, not _MR_NAMES.isdisjoint(words)
    return None if ct == mr else "CT" if ct else "MR"


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def _is_whole(voxels: np.ndarray) -> bool:
    return voxels.dtype.kind in "iub" or bool(np.all(np.rint(sample := _sampled(voxels)) == sample))


def _looks_like_labels(voxels: np.ndarray) -> bool:
    """Whole numbers from 0: just two, or few whose neighbours are mostly equal, which noise in an image forbids."""
    if voxels.dtype.kind == "b":
        return True
    if voxels.dtype.kind not in "iu" or voxels.min() < 0 or voxels.size < 512:
        return False
    if np.all((voxels == voxels.min()) | (voxels == voxels.max())):
        return True
    every = max(voxels.shape[0] // 16, 1)
    slices = voxels[every // 2 :: every]
    if slices.max() == 0:
        slices = voxels
    left, right = slices[:, :, :-1], slices[:, :, 1:]
    inside = (left > 0) | (right > 0)
    pairs = np.count_nonzero(inside)
    return bool(pairs and np.count_nonzero((left == right) & inside) > 0.6 * pairs and _few_values(slices))


def _few_values(slices: np.ndarray) -> bool:
    return np.unique(_sampled(slices)).size <= 256


def _sampled(voxels: np.ndarray) -> np.ndarray:
    """About 2¹⁸ voxels, taken evenly; an odd step keeps it from falling on the same columns in every row."""
    flat = voxels.reshape(-1)
    return flat[:: max(flat.size // _SAMPLE, 1) | 1]
