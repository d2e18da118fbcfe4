"""Synthetic images into files: volumes, a sheet, a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...progress import Progress
from ...volume import check_output, same_file, write_volume
from ...volume.atomic import check_place
from ...volume.formats import stem_of, suffix_of
from ...volume.together import all_or_nothing
from .options import SynthesizeFileOptions, SynthesizeOptions
from .synthesize import SynthesizeResult, installed_generator, synthesize


def synthesize_files(
    model: str | Path | None, output: Path, options: SynthesizeOptions, files: SynthesizeFileOptions, progress: Progress
) -> dict[str, Any]:
    """Make images and write them; returns the report.

    Of a 2D model `output` holds all images as slices; of a 3D model with several images it becomes NAME_001 and so on.
    Without a suffix it is a folder of DICOM files, each marked synthetic. Places are checked before any work is done;
    results appear all or not at all. Raises what `synthesize` and `write_volume` raise.
    """
    from ...models import find_model, read_card
    from ...models.registry import CARD
    from ...report import write_json

    model = find_model(model or installed_generator())
    solid = read_card(model / CARD).network.unet.get("spatial_dims", 3) == 3
    targets = named(output, options.count if solid else 1)
    check_places(targets, files)
    result = synthesize(model, progress=progress, **options.model_dump())
    progress.stage("write")
    report = {
        "written": [str(target) for target in targets],
        "count": len(result.images),
        "size": list(result.images.shape[2:]),
        "asked": result.asked,
        "provenance": result.provenance,
    }
    with all_or_nothing([*targets, *extras(files)], overwrite=files.overwrite) as staged:
        for target, volume in zip(targets, result.volumes, strict=True):
            write_volume(volume, staged[target])
        if files.sheet is not None:
            write_images(staged[files.sheet], result)
        if files.report is not None:
            write_json(staged[files.report], report)
    progress.finish()
    return report


def extras(files: SynthesizeFileOptions) -> list[Path]:
    """What is written beside the images."""
    return [path for path in (files.sheet, files.report) if path is not None]


def check_places(targets: list[Path], files: SynthesizeFileOptions) -> None:
    """Raise what writing would raise about the places, before any work is done; nothing is touched."""
    if files.sheet is not None and files.sheet.suffix.lower() != ".png":
        raise UsageError(f"a sheet is a PNG picture, got {files.sheet.suffix or 'no suffix'}")
    for target in targets:
        check_output(target, overwrite=files.overwrite)
    for path in extras(files):
        check_place(path.absolute(), files.overwrite)
    places = [*targets, *extras(files)]
    if any(same_file(a, b) for n, a in enumerate(places) for b in places[:n]):
        raise UsageError("two results would be written to the same place; give each a name of its own")


def named(output: Path, count: int) -> list[Path]:
    """A file for each volume."""
    if count == 1:
        return [output]
    suffix = suffix_of(output)
    return [output.with_name(f"{stem_of(output)}_{n + 1:03d}{suffix}") for n in range(count)]


def write_images(path: Path, result: SynthesizeResult) -> None:
    """All images on one sheet, from black to the 99.5th percentile; CT in a soft-tissue window."""
    from ...report.sheet import write_sheet

    modality = result.volumes[0].modality
    window = {"CT": (-0.16, 0.24)}.get(modality, (0.0, 1.0))
    write_sheet(path, list(result.images[:, 0]), window)
