"""Noise, sharpness and bias measured on a round disc of one material in air, as phantoms have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import InputError

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

AIR_EDGE_HU = -450.0
TOLERANCE_HU = 30.0
CLEARANCE = 6  # pixels from any edge that count as flat
EDGE_PIXELS = 10  # the edge is looked at from so far inside to so far outside
BINS_A_PIXEL = 4


@dataclass(frozen=True, eq=False)
class Disc:
    """A disc in each of some slices.

    slices  indices along K in which it is whole
    centre  (N, 2) its centre (j, i) in each, in pixels
    radius  in pixels
    flat    (K, J, I) where there is nothing but its material, clear of all edges
    edge    (K, J, I) about its outer edge, clear of what is inside it
    """

    slices: npt.NDArray[np.intp]
    centre: Array
    radius: float
    flat: Mask
    edge: Mask


def find_disc(hu: npt.ArrayLike, at: tuple[int, int]) -> Disc:
    """The disc about pixel `at` (j, i) in a quiet scan (K, J, I) in HU: what is joined above −450 HU, holes filled.

    Slices in which it touches the border or something else (its area is over 5 % from the median) are left out.
    Raises `InputError` if there is no such disc.
    """
    from scipy.ndimage import binary_dilation, binary_erosion, binary_fill_holes, gaussian_filter, label

    hu = np.asarray(hu, dtype=np.float64)
    whole = np.zeros(hu.shape, bool)
    for k, plane in enumerate(hu):
        regions, _ = label(binary_fill_holes(plane > AIR_EDGE_HU))
        if regions[at]:
            whole[k] = regions == regions[at]
    area = whole.sum(axis=(1, 2))
    touches = whole[:, [0, -1]].any(axis=(1, 2)) | whole[:, :, [0, -1]].any(axis=(1, 2))
    apart = ~touches & (area > 0)
    if not apart.any():
        raise InputError("there is no disc at the place where the phantom has one; is it the right scan?")
    slices = np.flatnonzero(apart & (np.abs(area / np.median(area[apart]) - 1) < 0.05))
    flat, edge, centres, radii = np.zeros_like(whole), np.zeros_like(whole), [], []
    j, i = np.indices(hu.shape[1:])
    disk = np.hypot(*np.mgrid[-CLEARANCE : CLEARANCE + 1, -CLEARANCE : CLEARANCE + 1]) <= CLEARANCE
    for k in slices:
        centres.append((j[whole[k]].mean(), i[whole[k]].mean()))
        radii.append(np.sqrt(whole[k].sum() / np.pi))
        inner = binary_erosion(whole[k], disk)
        smooth = gaussian_filter(hu[k], 1.5)
        other = inner & (np.abs(smooth - np.median(smooth[inner])) > TOLERANCE_HU)
        flat[k] = inner & ~binary_dilation(other, disk)
        distance = np.hypot(j - centres[-1][0], i - centres[-1][1])
        edge[k] = (np.abs(distance - radii[-1]) < EDGE_PIXELS) & ~binary_dilation(other, disk)
    if not flat.any():
        raise InputError("the phantom's disc is not flat anywhere; is it the right scan?")
    return Disc(slices, np.array(centres), float(np.median(radii)), flat, edge)


def disc_noise(hu: npt.ArrayLike, disc: Disc) -> float:
    """Standard deviation in HU in the disc's flat part, slice by slice about a fitted parabola (beam hardening)."""
    hu = np.asarray(hu, dtype=np.float64)
    squares, count = 0.0, 0
    for k in disc.slices:
        j, i = np.nonzero(disc.flat[k])
        u, v = (j - j.mean()) / disc.radius, (i - i.mean()) / disc.radius
        basis = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1)
        values = hu[k][disc.flat[k]]
        residual = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
        squares, count = squares + float(residual @ residual), count + len(values) - basis.shape[1]
    return float(np.sqrt(squares / count))


def disc_mean(hu: npt.ArrayLike, disc: Disc) -> float:
    """Mean in HU over the flat part of the disc."""
    return float(np.asarray(hu, dtype=np.float64)[disc.flat].mean())


def disc_mtf50(hu: npt.ArrayLike, disc: Disc, pixel_mm: float) -> float:
    """Frequency in 1/mm at which the modulation transfer, from the disc's edge, first falls to a half.

    Source: Richard et al., Med Phys 39:4115 (2012): the edge spread over distance from the centre, differentiated.
    """
    hu = np.asarray(hu, dtype=np.float64)
    j, i = np.indices(hu.shape[1:])
    bins = 2 * EDGE_PIXELS * BINS_A_PIXEL
    values, places, count = np.zeros(bins), np.zeros(bins), np.zeros(bins)
    for k, (cj, ci) in zip(disc.slices, disc.centre, strict=True):
        place = np.hypot(j - cj, i - ci)[disc.edge[k]] - disc.radius + EDGE_PIXELS
        index = np.clip((place * BINS_A_PIXEL).astype(int), 0, bins - 1)
        values += np.bincount(index, hu[k][disc.edge[k]], bins)
        places += np.bincount(index, place, bins)
        count += np.bincount(index, minlength=bins)
    met = count > 0
    # Pixels lie unevenly within a bin: each bin's mean belongs to the mean place, not to the bin's middle.
    middle = (np.arange(bins) + 0.5) / BINS_A_PIXEL
    spread = np.interp(middle, places[met] / count[met], values[met] / count[met])
    line = np.diff(spread)
    peak = int(np.argmax(np.abs(line)))
    offset = np.abs(np.arange(bins - 1) - peak) / (EDGE_PIXELS * BINS_A_PIXEL)
    line *= np.where(offset < 1, np.cos(np.pi * np.clip(offset - 0.5, 0, None)) ** 2, 0)  # flat to the half
    transfer = np.abs(np.fft.rfft(line, 16 * bins))
    frequency = np.fft.rfftfreq(16 * bins, pixel_mm / BINS_A_PIXEL)
    transfer /= transfer[0] * np.sinc(frequency * pixel_mm / BINS_A_PIXEL) ** 2  # bin width, difference
    below = int(np.argmax(transfer < 0.5))
    low, high = transfer[below - 1], transfer[below]
    return float(frequency[below - 1] + (low - 0.5) / (low - high) * (frequency[below] - frequency[below - 1]))
