"""Super-resolve scans that lie in files, with everything asked for beside the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UsageError
from ...progress import Progress
from ...report import write_figure, write_json, write_page
from ...volume import Volume, read_volume, write_volume
from ...volume.together import all_or_nothing
from ..many_scans import Outcome, finished_before, for_each
from ..options import FileOptions
from ..scan_files import check_grids, check_places, check_together, parse_roi
from .options import SuperResolveOptions
from .provenance import superres_record
from .super_resolve import SuperResolveResult, super_resolve

if TYPE_CHECKING:
    from ...models import Model


def super_resolve_file(
    source: Path,
    target: Path,
    options: SuperResolveOptions,
    files: FileOptions,
    progress: Progress,
    loaded: Sequence[Model] | None = None,
) -> dict[str, Any]:
    """Read, super-resolve and write one scan; gives its report.

    `files.roi` is cut out of the scan first. The places are checked before any work; results appear all or not at all.
    Raises what `super_resolve`, `read_volume` and `write_volume` raise.
    """
    check_files(files)
    check_places(source, target, options, files)
    progress.stage("read")
    volume = read_volume(source, series=files.series, frame=files.frame, modality=options.modality)
    check_grids(volume, target, files, force=options.force)
    if files.roi:
        volume = part_of(volume, files.roi)
    reference = read_volume(files.reference, modality=volume.modality) if files.reference else None
    result = super_resolve(volume, reference=reference, progress=progress, loaded=loaded, **options.model_dump())
    progress.stage("write")
    with all_or_nothing([target, *files.extras().values()], overwrite=files.overwrite) as staged:
        written = files.moved(staged)
        write_result(result, staged[target], written, options)
        progress.finish()
        result.provenance["seconds"] = {name: round(spent, 3) for name, spent in progress.seconds.items()}
        report = report_of(result)
        if written.report:
            write_json(written.report, report)
    return report


def check_files(files: FileOptions) -> None:
    """Raise `UsageError` for what other tasks write and this one does not."""
    if files.all_frames or files.mask or files.trust_map:
        raise UsageError("super-resolution goes with none of --all-frames, --mask and --trust-map")


def part_of(volume: Volume, roi: str) -> Volume:
    """The part of the scan that 'i0:i1,j0:j1,k0:k1' names."""
    from ...volume.geometry import crop

    return crop(volume, parse_roi(roi, volume))


def write_result(result: SuperResolveResult, target: Path, files: FileOptions, options: SuperResolveOptions) -> None:
    """The finer scan, and the pictures and maps that were asked for; "before" is the interpolated scan."""
    volume = result.volume
    derived = replace(volume, meta={**volume.meta, "derivation": superres_record(result.provenance)})
    write_volume(derived, target, force=options.force)
    if files.uncertainty and result.uncertainty is not None:
        write_volume(result.uncertainty, files.uncertainty, force=options.force)
    if files.figure:
        write_figure(files.figure, result.interpolated, volume, result.uncertainty)
    if files.html:
        write_page(
            files.html,
            "Super-resolved scan",
            result.interpolated,
            volume,
            result.uncertainty,
            report_of(result),
            result.warnings,
        )


def report_of(result: SuperResolveResult) -> dict[str, Any]:
    """What the JSON report holds."""
    return {
        "figures": result.metrics,
        "warnings": list(result.warnings),
        "notice": "Research only. Not for clinical use. Detail finer than the source's voxels is estimated.",
        "provenance": result.provenance,
    }


def super_resolve_many(
    pairs: list[tuple[Path, Path]],
    options: SuperResolveOptions,
    files: FileOptions,
    progress: Progress,
    *,
    resume: bool = False,
    explain: Callable[[Exception], str] = str,
) -> Iterator[Outcome]:
    """Super-resolve one scan after the other, going on after a bad one; yields what became of each.

    With `resume`, a scan whose result is there with all asked for beside it is left alone. What is wrong for every scan,
    as a device that is not there, is raised before the first.
    """
    from ...inference import choose_device
    from .cascade import chosen_models

    check_files(files)
    check_together(options, files)
    choose_device(options.device)
    loaded = chosen_models(options.model, "", ()) if options.model else None
    if resume:
        files = files.model_copy(update={"overwrite": True})

    def work(source: Path, target: Path, own: Progress) -> list[str]:
        return super_resolve_file(source, target, options, files.for_target(target), own, loaded)["warnings"]

    return for_each(pairs, work, progress, finished=finished_before(files, resume), explain=explain)
