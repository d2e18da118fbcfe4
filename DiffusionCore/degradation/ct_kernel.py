"""Reconstruction kernels: the ramp times a window, with its cut-off in cycles per mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from DiffusionCore.errors import UsageError

WINDOWS = ("ramp", "shepp_logan", "cosine", "hann")


@dataclass(frozen=True)
class ReconstructionKernel:
    """The window that tames the ramp: `ramp` (none), `shepp_logan`, `cosine` or `hann`; nothing passes `cutoff_per_mm`.

    The window is also the in-plane modulation transfer: Hann's is 50 % at half its cut-off and 10 % at 0.8 of it.
    """

    window: str
    cutoff_per_mm: float

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise UsageError(f"there is no window '{self.window}'; use one of {', '.join(WINDOWS)}")
        if not (np.isfinite(self.cutoff_per_mm) and self.cutoff_per_mm > 0):
            raise UsageError(f"a kernel's cut-off must be positive in cycles per mm, got {self.cutoff_per_mm}")

    def response(self, frequency_per_mm: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The window's value, 1 at frequency 0, at `frequency_per_mm`."""
        relative = np.abs(np.asarray(frequency_per_mm, dtype=np.float64)) / self.cutoff_per_mm
        shape = {
            "ramp": np.ones_like(relative),
            "shepp_logan": np.sinc(relative / 2),
            "cosine": np.cos(np.pi / 2 * relative),
            "hann": 0.5 + 0.5 * np.cos(np.pi * relative),
        }[self.window]
        return np.where(relative <= 1, shape, 0.0)


# Cut-offs give the 50 % / 10 % modulation transfer of vendors' body kernels, in cycles per mm: soft 0.35 / 0.56
# (B30, SOFT), standard 0.43 / 0.68 (STANDARD, D); sharp keeps 60 % up to 1 per mm (lung and bone kernels).
_NAMED = {
    "soft": ReconstructionKernel("hann", 0.70),
    "standard": ReconstructionKernel("hann", 0.85),
    "sharp": ReconstructionKernel("shepp_logan", 1.0),
}


def reconstruction_kernel(
    kernel: str | ReconstructionKernel, pixel_mm: float, detector_mm: float
) -> ReconstructionKernel:
    """`soft`, `standard`, `sharp` or a kernel of one's own, its cut-off held to what the grid can carry.

    That is the detector's Nyquist frequency, and one cycle per pixel: a scan on large pixels was averaged to them,
    so its noise must not be folded in from far beyond its own Nyquist frequency.
    """
    if isinstance(kernel, str):
        if kernel not in _NAMED:
            raise UsageError(f"there is no kernel '{kernel}'; use one of {', '.join(_NAMED)}")
        kernel = _NAMED[kernel]
    cutoff = min(kernel.cutoff_per_mm, 0.5 / detector_mm, 1 / pixel_mm)
    return ReconstructionKernel(kernel.window, cutoff)


def ramp_response(length: int, detector_mm: float, kernel: ReconstructionKernel) -> npt.NDArray[np.float64]:
    """Ramp times window on rfft's frequencies of `length` bins, in 1/mm; the ramp is built in space, so that the mean
    value survives zero padding (Kak & Slaney 1988, ch. 3, eq. 61)."""
    from scipy.fft import rfft, rfftfreq

    offset = np.arange(length)
    offset = np.minimum(offset, length - offset)
    ramp = np.zeros(length)
    odd = offset % 2 == 1
    ramp[odd] = -1 / (np.pi * offset[odd] * detector_mm) ** 2
    ramp[0] = 1 / (4 * detector_mm**2)
    return rfft(ramp).real * detector_mm * kernel.response(rfftfreq(length, detector_mm))
