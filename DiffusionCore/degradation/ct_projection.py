"""Parallel-beam projection of one CT slice and filtered back projection, fast enough for every slice on a CPU.

Both directions go through a detector that is `FINE` times finer than the sampled one, so that the nearest fine bin
stands for interpolation. Forward: every pixel is shared between the two fine bins beside its centre, and the pixel's
footprint (a box for each side, seen at the angle) and the detector's aperture are applied as transfer functions.
Back: the filtered views are interpolated band-limited (zero-filled) onto the fine bins and read there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.degradation.ct_kernel import ReconstructionKernel, ramp_response
from DiffusionCore.errors import UsageError

FINE = 4
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ParallelBeam:
    """How a slice is seen: `angles` views equally spaced over 180°, turning about the slice's centre.

    Attributes:
        shape: (J, I) of the slice.
        pixel_mm: (J, I) spacing in mm.
        angles: number of views over 180°.
        detector_mm: spacing of the detector's bins in mm.
        bins: number of bins; they cover the slice's diagonal.
    """

    shape: tuple[int, int]
    pixel_mm: tuple[float, float]
    angles: int
    detector_mm: float
    bins: int

    @property
    def length(self) -> int:
        """Number of bins after zero padding to at least twice, for filtering without wrap-around."""
        from scipy.fft import next_fast_len

        return next_fast_len(2 * self.bins, real=True)

    @property
    def directions(self) -> npt.NDArray[np.float64]:
        """(angles, 2): cosine and sine of each view's direction along the detector."""
        theta = (np.arange(self.angles) + 0.5) * np.pi / self.angles  # the half keeps views off the pixel lattice
        return np.stack([np.cos(theta), np.sin(theta)], axis=1)


def parallel_beam(
    shape: tuple[int, int],
    pixel_mm: float | tuple[float, float],
    angles: int | None = None,
    detector_mm: float = 0.5,
) -> ParallelBeam:
    """The geometry for a slice of `shape` (J, I) with `pixel_mm` spacing (one number, or J and I).

    Without `angles`: enough views that neighbouring ones are at most 1.5 bins of the slice's own frequency grid
    apart at its Nyquist frequency, i.e. π/3 of the diagonal in pixels, at least 180.
    """
    spacing = (float(pixel_mm),) * 2 if np.ndim(pixel_mm) == 0 else tuple(float(p) for p in pixel_mm)
    if len(shape) != 2 or min(shape) < 1 or len(spacing) != 2:
        raise UsageError(f"one slice (J, I) is projected at a time, got shape {tuple(shape)}")
    if not all(np.isfinite(p) and p > 0 for p in (*spacing, detector_mm)):
        raise UsageError(f"pixel and detector spacing must be positive in mm, got {spacing} and {detector_mm}")
    diagonal = float(np.hypot(shape[0] * spacing[0], shape[1] * spacing[1]))
    if angles is None:
        angles = max(180, int(np.ceil(np.pi / 3 * diagonal / min(spacing))))
    if angles < 1:
        raise UsageError(f"at least one view is needed, got {angles}")
    bins = int(np.ceil(diagonal / detector_mm)) + 3
    return ParallelBeam((int(shape[0]), int(shape[1])), spacing, int(angles), float(detector_mm), bins)


def project(mu: npt.ArrayLike, beam: ParallelBeam) -> Array:
    """Line integrals (angles, bins), without unit, of the attenuation `mu` (J, I) in 1/mm, pixels taken as squares."""
    from scipy.fft import irfft, rfft, rfftfreq

    weights = np.asarray(mu, dtype=np.float64)
    if weights.shape != beam.shape:
        raise UsageError(f"a slice of shape {beam.shape} was expected, got {weights.shape}")
    rows, columns = np.flatnonzero(weights.any(axis=1)), np.flatnonzero(weights.any(axis=0))
    if rows.size == 0:
        return np.zeros((beam.angles, beam.bins), np.float32)
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    weights = weights[inside]
    length = beam.length * FINE
    histogram = np.empty((beam.angles, length), np.float32)
    for view, (index, position) in enumerate(_fine_bins(beam, inside, 0.0)):
        position -= index
        upper = position * weights
        lower = weights - upper
        histogram[view] = np.bincount(index.ravel(), lower.ravel(), minlength=length)
        histogram[view, 1:] += np.bincount(index.ravel(), upper.ravel(), minlength=length - 1)[: length - 1]
    spectrum = rfft(histogram, axis=1)[:, : beam.length // 2 + 1]
    frequency = rfftfreq(beam.length, beam.detector_mm)
    cosine, sine = np.abs(beam.directions.T.astype(np.float32))
    # np.sinc(f·w) is the transfer function of a box of width w: the pixel's two sides, then the detector's bin.
    spectrum *= np.sinc(np.outer(sine * beam.pixel_mm[0], frequency).astype(np.float32))
    spectrum *= np.sinc(np.outer(cosine * beam.pixel_mm[1], frequency).astype(np.float32))
    spectrum *= np.sinc(frequency * beam.detector_mm).astype(np.float32)
    area_per_bin = beam.pixel_mm[0] * beam.pixel_mm[1] / beam.detector_mm
    return irfft(spectrum, beam.length, axis=1)[:, : beam.bins] * np.float32(area_per_bin)


def filtered_back_projection(sinogram: npt.ArrayLike, beam: ParallelBeam, kernel: ReconstructionKernel) -> Array:
    """Attenuation (J, I) in 1/mm from line integrals (angles, bins); linear, so noise alone can be reconstructed.

    Source: Kak & Slaney, Principles of Computerized Tomographic Imaging (1988), ch. 3, eqs. 30-35 and 61.
    """
    from scipy.fft import irfft, rfft

    views = np.asarray(sinogram, dtype=np.float32)
    if views.shape != (beam.angles, beam.bins):
        raise UsageError(f"a sinogram of shape {(beam.angles, beam.bins)} was expected, got {views.shape}")
    spectrum = rfft(views, beam.length, axis=1)
    spectrum *= ramp_response(beam.length, beam.detector_mm, kernel).astype(np.float32)
    fine = irfft(spectrum, beam.length * FINE, axis=1)
    fine *= np.float32(FINE * np.pi / beam.angles)
    return back_project(fine, beam)


def back_project(fine: Array, beam: ParallelBeam) -> Array:
    """Sum over views of the value at each pixel's nearest fine bin; `fine` is (angles, ≥ bins·FINE)."""
    total = np.zeros(beam.shape, np.float32)
    value = np.empty(beam.shape, np.float32)
    for view, (index, _) in zip(fine, _fine_bins(beam, np.s_[:, :], 0.5), strict=True):
        np.take(view, index, out=value, mode="clip")
        total += value
    return total


def back_project_at(
    views: Array, beam: ParallelBeam, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Sum over views at some pixels only, from the nearest bin; for `views` (angles, ≥ bins) that vary slowly."""
    y = (rows - (beam.shape[0] - 1) / 2) * beam.pixel_mm[0]
    x = (columns - (beam.shape[1] - 1) / 2) * beam.pixel_mm[1]
    position = (beam.directions @ np.stack([x, y])) / beam.detector_mm + (beam.bins - 1) / 2
    return np.take_along_axis(views, np.rint(position).astype(np.intp), axis=1).sum(axis=0, dtype=np.float64)


def _fine_bins(
    beam: ParallelBeam, inside: tuple[slice, slice], rounding: float
) -> Iterator[tuple[npt.NDArray[np.intp], Array]]:
    """For each view where each pixel's centre falls: the fine bin (J, I), and the position plus `rounding` in bins of
    which it is the whole part. Both arrays are used again for the next view."""
    step = beam.detector_mm / FINE
    j = (np.arange(beam.shape[0]) - (beam.shape[0] - 1) / 2)[inside[0]] * beam.pixel_mm[0] / step
    i = (np.arange(beam.shape[1]) - (beam.shape[1] - 1) / 2)[inside[1]] * beam.pixel_mm[1] / step
    centre = (beam.bins - 1) / 2 * FINE + rounding
    position = np.empty((j.size, i.size), np.float32)
    index = np.empty(position.shape, np.intp)
    for cosine, sine in beam.directions:
        np.add((j * sine + centre).astype(np.float32)[:, None], (i * cosine).astype(np.float32)[None, :], out=position)
        np.copyto(index, position, casting="unsafe")
        yield index, position
