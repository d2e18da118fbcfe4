"""Preprocess: scans brought to one modality and spacing, cut into patches for training, or shown slice by slice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .. import __version__
from ..progress import Progress
from ..report.movie import write_movie
from ..report.slices import write_slices
from ..volume import Volume, check_output, read_volume, write_volume
from ..volume.formats import stem_of
from ..volume.geometry import resample
from ..volume.intensity import cast_like
from .preprocess_options import PreprocessOptions


def prepared(source: Path, options: PreprocessOptions) -> Volume:
    """The scan, resampled if asked for; in its own voxel type, so that CT stays whole HU."""
    volume = read_volume(source, series=options.series, frame=options.frame, modality=options.modality)
    if options.spacing is None:
        return volume
    spacing = options.spacing * 3 if len(options.spacing) == 1 else options.spacing[::-1]
    from ..volume.dicom_derivation import DerivationRecord

    resampled = resample(volume, spacing)
    voxels = cast_like(resampled.voxels, volume.voxels.dtype)
    size = " x ".join(f"{mm:g}" for mm in reversed(spacing))
    record = DerivationRecord(description=f"resampled to {size} mm", version=__version__, suffix="resampled")
    return replace(resampled, voxels=voxels, meta={**volume.meta, "derivation": record})


def convert(source: Path, target: Path, options: PreprocessOptions, progress: Progress) -> list[str]:
    """One scan to one file, or to a folder of pictures; gives warnings. Raises as reading and writing do."""
    if options.slices is None:
        check_output(target, overwrite=options.overwrite, inputs=[source])
    progress.stage("read")
    volume = prepared(source, options)
    progress.stage("write")
    if options.slices == "gif":
        write_movie(target, [volume], plane=options.axis, window=options.window, overwrite=options.overwrite)
    elif options.slices:
        write_slices(
            target, volume, options.slices, plane=options.axis, window=options.window, overwrite=options.overwrite
        )
    else:
        write_volume(volume, target, overwrite=options.overwrite, force=options.force)
    progress.finish()
    return list(volume.meta.get("warnings", ()))


def picture_target(target: Path, options: PreprocessOptions) -> Path:
    """Where the pictures of a scan go in folder mode: a folder or film of the scan's name."""
    if options.slices is None:
        return target
    return target.with_name(stem_of(target) + (".gif" if options.slices == "gif" else ""))
