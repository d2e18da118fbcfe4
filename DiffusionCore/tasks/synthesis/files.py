"""Synthetic images into files: volumes, a sheet, a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...progress import Progress
from ...volume import write_volume
from ...volume.files import check_output
from ...volume.formats import stem_of, suffix_of
from .options import SynthesizeFileOptions, SynthesizeOptions
from .synthesize import SynthesizeResult, synthesize


def synthesize_files(
    model: str | Path | None, output: Path, options: SynthesizeOptions, files: SynthesizeFileOptions, progress: Progress
) -> dict[str, Any]:
    """Make images and write them; returns the report.

    Of a 2D model `output` holds all images as slices; of a 3D model with several images it becomes NAME_001 and so on.
    Without a suffix it is a folder of DICOM files, each marked synthetic. Places are checked before any work is done.
    """
    if files.sheet is not None and files.sheet.suffix.lower() != ".png":
        raise UsageError(f"a sheet is a PNG picture, got {files.sheet.suffix or 'no suffix'}")
    for path in filter(None, (output, files.sheet, files.report)):
        check_output(path, overwrite=files.overwrite) if path is output else check_extra(path, files.overwrite)
    result = synthesize(model, progress=progress, **options.model_dump())
    progress.stage("write")
    targets = named(output, len(result.volumes))
    for target, volume in zip(targets, result.volumes, strict=True):
        write_volume(volume, target, overwrite=files.overwrite)
    if files.sheet is not None:
        write_images(files.sheet, result, files.overwrite)
    report = {
        "written": [str(target) for target in targets],
        "count": len(result.images),
        "size": list(result.images.shape[2:]),
        "asked": result.asked,
        "provenance": result.provenance,
    }
    if files.report is not None:
        from ...report import write_json

        write_json(files.report, report, overwrite=files.overwrite)
    progress.finish()
    return report


def named(output: Path, count: int) -> list[Path]:
    """A file for each volume."""
    if count == 1:
        return [output]
    suffix = suffix_of(output)
    return [output.with_name(f"{stem_of(output)}_{n + 1:03d}{suffix}") for n in range(count)]


def write_images(path: Path, result: SynthesizeResult, overwrite: bool) -> None:
    """All images on one sheet, from black to the 99.5th percentile; CT in a soft-tissue window."""
    from ...report.sheet import write_sheet

    modality = result.volumes[0].modality
    window = {"CT": (-0.16, 0.24)}.get(modality, (0.0, 1.0))
    write_sheet(path, list(result.images[:, 0]), window, overwrite=overwrite)


def check_extra(path: Path, overwrite: bool) -> None:
    """Raise `OutputError` where a sheet or report cannot be written."""
    from ...volume.atomic import check_place

    check_place(path, overwrite)
