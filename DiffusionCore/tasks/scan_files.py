"""Enhance a scan that lies in a file, or the volumes of a 4D file, with everything asked for beside the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, UsageError
from ..progress import Progress
from ..report import check_figure, write_figure, write_json, write_page
from ..volume import (
    Volume,
    check_grid,
    check_no_input,
    check_output,
    read_header,
    read_volume,
    same_file,
    write_volume,
)
from ..volume.atomic import check_place
from ..volume.formats import DICOM, input_format, output_format
from ..volume.together import all_or_nothing
from .enhance import EnhanceResult, dimensions, enhance, same_grid, sampling_settings
from .options import EnhanceOptions, FileOptions, SamplingOptions

if TYPE_CHECKING:
    from ..models import Model

MAPS = ("uncertainty", "trust_map")


def enhance_file(
    source: Path,
    target: Path,
    options: EnhanceOptions,
    files: FileOptions,
    progress: Progress,
    loaded: Model | None = None,
) -> list[dict[str, Any]]:
    """Read, enhance and write one scan with everything asked for beside it; gives a report per volume of the file.

    The places are checked before any work; results appear all or not at all. Raises what `enhance`, `read_volume` and
    `write_volume` raise.
    """
    check_places(source, target, options, files)
    if files.all_frames and (count := read_header(source, series=files.series).frames) > 1:
        return enhance_frames(source, target, count, options, files, progress, loaded)
    progress.stage("read")
    volume = read_volume(source, series=files.series, frame=files.frame, modality=options.modality)
    check_grids(volume, target, files, force=options.force)
    result = enhance_volume(volume, options, files, progress, loaded)
    progress.stage("write")
    with all_or_nothing([target, *files.extras().values()], overwrite=files.overwrite) as staged:
        written = files.moved(staged)
        write_result(volume, result, staged[target], written, options)
        progress.finish()
        result.provenance["seconds"] = {name: round(spent, 3) for name, spent in progress.seconds.items()}
        report = report_of(result)
        if written.report:
            write_json(written.report, report)
    return [report]


def enhance_volume(
    volume: Volume, options: EnhanceOptions, files: FileOptions, progress: Progress, loaded: Model | None
) -> EnhanceResult:
    """`enhance` with the mask, the reference and the part of the scan that the options name.

    A page says what speaks for and against the result, whether `options` ask for it or not.
    """
    return enhance(
        volume,
        reference=read_volume(files.reference, modality=volume.modality) if files.reference else None,
        mask=read_mask(files.mask, volume) if files.mask else None,
        region=parse_roi(files.roi, volume) if files.roi else None,
        progress=progress,
        loaded=loaded,
        **{**options.model_dump(), "trust": options.trust or files.judges},
    )


def check_places(source: Path, target: Path, options: SamplingOptions, files: FileOptions) -> None:
    """Raise what reading and writing would raise about the places, before any work is done; nothing is touched."""
    check_together(options, files)
    input_format(source)
    inputs = [path for path in (source, files.mask, files.reference) if path is not None]
    extras = files.extras()
    check_output(target, overwrite=files.overwrite, inputs=inputs)
    for name, place in extras.items():
        if name in MAPS:
            check_output(place, overwrite=files.overwrite, inputs=inputs)
        else:
            check_no_input(place, inputs)
            check_place(place.absolute(), files.overwrite)
    places = [target, *extras.values()]
    if any(same_file(a, b) for n, a in enumerate(places) for b in places[:n]):
        raise UsageError("two results would be written to the same place; give each a name of its own")


def check_together(options: SamplingOptions, files: FileOptions) -> None:
    """Raise `UsageError` for what cannot be asked of any scan: options that do not go together, endings that are not known."""
    if files.figure:
        check_figure(files.figure)
    if files.uncertainty and sampling_settings(options).samples == 1:
        raise UsageError("there is no uncertainty without samples; add --preset careful or --samples 8 --steps 4")
    if files.all_frames and (files.frame is not None or set(files.extras()) - {"report"} or files.reference):
        raise UsageError(
            "--all-frames goes with none of --frame, --reference, --uncertainty, --trust-map, --figure and --html"
        )
    for place in (path for name, path in files.extras().items() if name in MAPS):
        check_map_format(place)


def check_map_format(place: Path) -> None:
    """Raise `UsageError` where a map would be written as DICOM."""
    if output_format(place) == DICOM:
        raise UsageError(f"{place.name}: a map is no DICOM image; give it the suffix .nii.gz, .nrrd or .mha")


def check_grids(volume: Volume, target: Path, files: FileOptions, *, force: bool) -> None:
    """Raise `OutputError` where the format of a result or a map cannot hold the scan's grid, before the work."""
    for place in (target, files.uncertainty, files.trust_map):
        if place is not None:
            check_grid(volume, place, force=force)


def write_result(
    volume: Volume, result: EnhanceResult, target: Path, files: FileOptions, options: EnhanceOptions
) -> None:
    """The enhanced scan, and the pictures and maps that were asked for."""
    from ..volume.geometry import crop

    before = crop(volume, parse_roi(files.roi, volume)) if files.roi else volume
    write_volume(with_derivation(result), target, force=options.force)
    if files.uncertainty and result.uncertainty is not None:
        write_volume(result.uncertainty, files.uncertainty, force=options.force)
    if files.trust_map and result.trust is not None:
        write_volume(result.trust.structure, files.trust_map, force=options.force)
    if files.figure:
        structure = result.trust.structure if result.trust else None
        write_figure(files.figure, before, result.volume, result.uncertainty, structure)
    if files.html:
        write_page(
            files.html,
            "Enhanced scan",
            before,
            result.volume,
            result.uncertainty,
            report_of(result),
            tuple(dict.fromkeys((*(result.trust.alarms if result.trust else ()), *result.warnings))),
            structure=result.trust.structure if result.trust else None,
            findings=result.trust.words if result.trust else (),
        )


def with_derivation(result: EnhanceResult) -> Volume:
    """The result with what a derived DICOM series says about how it was made."""
    from .derivation import enhance_record

    volume = result.volume
    return replace(volume, meta={**volume.meta, "derivation": enhance_record(result.provenance)})


def enhance_frames(
    source: Path,
    target: Path,
    count: int,
    options: EnhanceOptions,
    files: FileOptions,
    progress: Progress,
    loaded: Model | None,
) -> list[dict[str, Any]]:
    """Every volume of a 4D file, each as a scan of its own, written as one 4D file; only one is in memory at a time."""
    from ..models import best_model, load_model
    from ..volume.frames import read_seconds_apart, write_frames

    reports: list[dict[str, Any]] = []

    def volumes() -> Iterator[Volume]:
        model = loaded
        for frame in range(count):
            progress.say(f"volume {frame + 1} of {count}")
            own = Progress(progress.sink, progress.cancelled)
            own.stage("read")
            volume = read_volume(source, series=files.series, frame=frame, modality=options.modality)
            check_grids(volume, target, files, force=options.force)
            model = model or load_model(
                options.model or best_model("enhance", volume.modality, dims=dimensions(volume))
            )
            result = enhance_volume(volume, options, files, own, model)
            reports.append(report_of(result))
            yield result.volume

    with all_or_nothing([target, *files.extras().values()], overwrite=files.overwrite) as staged:
        apart = read_seconds_apart(source)
        write_frames(volumes(), staged[target], count, seconds_apart=apart, force=options.force)
        if files.report:
            write_json(staged[files.report], {"volumes": reports})
    return reports


def read_mask(path: Path, volume: Volume) -> np.ndarray:
    """(K, J, I) bool. Raises `InputError` if it is empty or not on the volume's grid."""
    mask = same_grid(volume, read_volume(path, modality="LABEL"), "mask")
    inside = mask.voxels != 0
    if not inside.any():
        raise InputError(f"{path.name}: the mask is empty; nothing would be enhanced")
    return inside


def parse_roi(text: str, volume: Volume) -> tuple[slice, slice, slice]:
    """'i0:i1,j0:j1,k0:k1' as slices (k, j, i). Raises `UsageError` if it takes nothing of the scan."""
    from ..volume.geometry import crop

    parts = [slice(*(int(v) if v else None for v in part.split(":"))) for part in text.split(",")]
    region = tuple(reversed(parts))
    crop(volume, region)
    return tuple(slice(*part.indices(size)[:2]) for part, size in zip(region, volume.shape, strict=True))


def report_of(result: EnhanceResult) -> dict[str, Any]:
    """What the JSON report holds."""
    return {
        **({"trust": result.trust.as_dict()} if result.trust else {}),
        "figures": result.metrics,
        "warnings": list(result.warnings),
        "notice": "Research only. Not for clinical use.",
        "provenance": result.provenance,
    }
