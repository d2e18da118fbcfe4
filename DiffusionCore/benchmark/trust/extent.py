"""How much of everything is run: the defaults, and a few seconds' worth to see that it works."""

from __future__ import annotations

from dataclasses import dataclass

from DiffusionCore.benchmark.denoise.cases import TEST_CASES, VALIDATION_CASES, Case

Shape = tuple[int, int, int]
PARTS = ("planted", "intervals", "detail")


@dataclass(frozen=True)
class Extent:
    """Sizes of a run.

    mr, ct          crops, voxels along (k, j, i)
    mr_samples, ct_samples  smaller ones for the intervals, which take dozens of passes of the network
    sites           places in a scan where lesions are planted, at most
    radii           of planted failures, in the finest voxel's size
    sigmas          their contrast, in standard deviations of the noise
    insertions      of the contrast-detail test, at least, for each size and contrast
    sizes           radii of its spheres, in the finest voxel's size
    contrasts       theirs, in standard deviations of the noise
    strengths       of the enhancement at which they are looked for, 1 first
    samples, steps  of the samples whose spread is the uncertainty
    labels          noise levels (`Case.label`) that are run; those of `detail` in the contrast-detail test
    resamples       of every bootstrap
    """

    mr: Shape = (64, 112, 112)
    ct: Shape = (24, 176, 176)
    mr_samples: Shape = (32, 64, 64)
    ct_samples: Shape = (12, 96, 96)
    sites: int = 60
    radii: tuple[float, ...] = (1.5, 2.0, 3.0)
    sigmas: float = 3.0
    insertions: int = 200
    sizes: tuple[float, ...] = (1.5, 2.5, 4.0)
    contrasts: tuple[float, ...] = (0.5, 1.0, 2.0)
    strengths: tuple[float, ...] = (1.0, 0.9, 0.75, 0.5, 0.25)
    samples: int = 8
    steps: int = 4
    labels: tuple[str, ...] = ("2%", "5%", "9%", "dose 10%", "as scanned")
    detail: tuple[str, ...] = ("5%", "dose 10%")
    resamples: int = 2000

    def crop(self, modality: str, *, samples: bool = False) -> Shape:
        if samples:
            return self.ct_samples if modality == "CT" else self.mr_samples
        return self.ct if modality == "CT" else self.mr


QUICK = Extent(
    mr=(32, 64, 64),
    ct=(12, 96, 96),
    mr_samples=(16, 32, 32),
    ct_samples=(6, 48, 48),
    sites=12,
    radii=(2.0,),
    insertions=10,
    sizes=(2.5,),
    contrasts=(1.0, 2.0),
    samples=3,
    steps=2,
    labels=("5%", "dose 10%"),
    resamples=200,
)


def cases(extent: Extent, modality: str, *, validation: bool = False) -> list[Case]:
    """The whole scans and noise levels of a run: test subjects, or those that a factor may be learnt from."""
    chosen = [c for c in (VALIDATION_CASES if validation else TEST_CASES) if c.slices is None and not c.packaged]
    return [c for c in chosen if c.modality == modality and c.label in extent.labels and c.kind != "input_psnr"]
