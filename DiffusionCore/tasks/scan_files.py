"""Enhance scans that lie in files: one, the frames of one, or many into a folder."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from ..errors import Cancelled, DiffusionCoreError, InputError, UsageError
from ..progress import Progress
from ..report import write_figure, write_json, write_page
from ..volume import Volume, check_output, read_header, read_volume, write_volume
from ..volume.atomic import atomic_file
from ..volume.formats import DICOM, input_format, stem_of, suffix_of
from .enhance import EnhanceResult, enhance
from .options import EnhanceOptions, Options

if TYPE_CHECKING:
    from ..models import Model

INPUT = {"group": "input"}
OUTPUT = {"group": "output"}
SCAN_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
FINISHED, SKIPPED, FAILED = "done", "skipped", "failed"


class FileOptions(Options):
    """Which part of the input is meant, and what is written beside the result.

    In folder mode the names of `uncertainty`, `report`, `figure` and `html` are endings: `--report report.json` writes
    `head_report.json` beside `head.nii.gz`.
    """

    series: Annotated[str | None, Field(description="DICOM series: number or UID", json_schema_extra=INPUT)] = None
    frame: Annotated[int | None, Field(ge=0, description="volume of a 4D file, from 0", json_schema_extra=INPUT)] = None
    all_frames: Annotated[bool, Field(description="every volume of a 4D file, 4D out", json_schema_extra=INPUT)] = False
    roi: Annotated[
        str | None,
        Field(
            pattern=r"^\d*:\d*,\d*:\d*,\d*:\d*$",
            description="part to enhance and write, voxels i0:i1,j0:j1,k0:k1",
            json_schema_extra=INPUT,
        ),
    ] = None
    mask: Annotated[Path | None, Field(description="label map; only where it is not 0", json_schema_extra=INPUT)] = None
    reference: Annotated[
        Path | None, Field(description="the scan without noise, to compare with", json_schema_extra=INPUT)
    ] = None
    uncertainty: Annotated[Path | None, Field(description="write its map here", json_schema_extra=OUTPUT)] = None
    report: Annotated[
        Path | None, Field(description="write figures and provenance (.json)", json_schema_extra=OUTPUT)
    ] = None
    figure: Annotated[
        Path | None, Field(description="before, after, difference (.png .pdf .svg .gif .mp4)", json_schema_extra=OUTPUT)
    ] = None
    html: Annotated[Path | None, Field(description="write a one-page report (.html)", json_schema_extra=OUTPUT)] = None
    overwrite: Annotated[bool, Field(description="replace files that exist", json_schema_extra=OUTPUT)] = False

    def extras(self) -> dict[str, Path]:
        """What is to be written beside the result."""
        named = {name: getattr(self, name) for name in ("uncertainty", "report", "figure", "html")}
        return {name: path for name, path in named.items() if path is not None}

    def for_target(self, target: Path) -> FileOptions:
        """The same in folder mode, with every name an ending of the target's."""
        stem = stem_of(target)
        beside = {name: target.with_name(f"{stem}_{path.name}") for name, path in self.extras().items()}
        return self.model_copy(update=beside)


@dataclass(frozen=True)
class Outcome:
    """What became of one of many scans."""

    source: Path
    target: Path
    status: str
    seconds: float
    message: str = ""


def enhance_file(
    source: Path,
    target: Path,
    options: EnhanceOptions,
    files: FileOptions,
    progress: Progress,
    loaded: Model | None = None,
) -> list[EnhanceResult]:
    """Read, enhance and write one scan with everything asked for beside it; one result per frame.

    The places are checked before any work. Raises what `enhance`, reading and writing raise.
    """
    for place in (target, files.uncertainty):
        if place is not None:
            check_output(place, overwrite=files.overwrite, inputs=[source])
    progress.stage("read")
    if files.all_frames:
        return enhance_frames(source, target, options, files, progress, loaded)
    volume = read_volume(source, series=files.series, frame=files.frame, modality=options.modality)
    result = enhance(
        volume,
        reference=read_volume(files.reference) if files.reference else None,
        mask=read_mask(files.mask) if files.mask else None,
        region=parse_roi(files.roi, volume) if files.roi else None,
        progress=progress,
        loaded=loaded,
        **options.model_dump(),
    )
    progress.stage("write")
    write_result(volume, result, target, files, options)
    progress.finish()
    result.provenance["seconds"] = {name: round(spent, 3) for name, spent in progress.seconds.items()}
    if files.report:
        write_json(files.report, report_of(result), overwrite=files.overwrite)
    return [result]


def write_result(
    volume: Volume, result: EnhanceResult, target: Path, files: FileOptions, options: EnhanceOptions
) -> None:
    """The enhanced scan, and the pictures and maps that were asked for."""
    from ..volume.geometry import crop

    before = crop(volume, parse_roi(files.roi, volume)) if files.roi else volume
    write_volume(with_derivation(result), target, overwrite=files.overwrite, force=options.force)
    if files.uncertainty:
        if result.uncertainty is None:
            raise UsageError("there is no uncertainty without samples; add --preset careful or --samples 8")
        write_volume(result.uncertainty, files.uncertainty, overwrite=files.overwrite, force=options.force)
    if files.figure:
        write_figure(files.figure, before, result.volume, result.uncertainty, overwrite=files.overwrite)
    if files.html:
        write_page(
            files.html,
            "Enhanced scan",
            before,
            result.volume,
            result.uncertainty,
            report_of(result),
            result.warnings,
            overwrite=files.overwrite,
        )


def with_derivation(result: EnhanceResult) -> Volume:
    """The result with what a derived DICOM series says about how it was made."""
    made = result.provenance
    words = f"noise reduced by diffusion model {made['model']['name']} {made['model']['version']}"
    volume = result.volume
    return replace(volume, meta={**volume.meta, "derivation": words, "model_sha256": made["model"]["sha256"]})


def enhance_frames(
    source: Path,
    target: Path,
    options: EnhanceOptions,
    files: FileOptions,
    progress: Progress,
    loaded: Model | None,
) -> list[EnhanceResult]:
    """Every frame of a 4D file, each as a scan of its own, written as one 4D file."""
    from ..volume.frames import write_frames

    if files.extras() or files.frame is not None or files.roi or files.reference:
        raise UsageError("--all-frames goes with none of --frame, --roi, --reference, --uncertainty, --figure, --html")
    count = read_header(source).frames
    results: list[EnhanceResult] = []

    def volumes() -> Iterator[Volume]:
        for frame in range(count):
            volume = read_volume(source, frame=frame, modality=options.modality)
            results.append(enhance(volume, progress=progress, loaded=loaded, **options.model_dump()))
            yield results[-1].volume

    write_frames(volumes(), target, count, overwrite=files.overwrite, force=options.force)
    return results


def read_mask(path: Path) -> np.ndarray:
    """(K, J, I) bool. Raises `InputError` if it is empty."""
    mask = read_volume(path, modality="LABEL").voxels != 0
    if not mask.any():
        raise InputError(f"{path.name}: the mask is empty; nothing would be enhanced")
    return mask


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
        "figures": result.metrics,
        "warnings": list(result.warnings),
        "notice": "Research only. Not for clinical use.",
        "provenance": result.provenance,
    }


def find_scans(source: Path) -> list[Path]:
    """The scans of a folder: image files at any depth, and folders that hold DICOM files. One DICOM folder is one scan.

    Raises `InputError` if there is none.
    """
    images = sorted(path for path in source.rglob("*") if path.is_file() and suffix_of(path) in SCAN_SUFFIXES)
    images = [path for path in images if not path.name.startswith(".")]
    folders = sorted({path.parent for path in source.rglob("*") if path.is_file() and looks_like_dicom(path)})
    if not images and not folders:
        raise InputError(f"{source}: no scan in this folder (NIfTI, NRRD, MHA or DICOM)")
    return images + folders


def looks_like_dicom(path: Path) -> bool:
    """Whether a file has DICOM's mark after its preamble."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def is_many(sources: list[Path]) -> bool:
    """Whether the inputs ask for folder mode: several, or a folder that is more than one DICOM series."""
    if len(sources) > 1:
        return True
    return sources[0].is_dir() and find_scans(sources[0]) != [sources[0]]


def pair_up(sources: Iterable[Path], out: Path) -> list[tuple[Path, Path]]:
    """(scan, where its result goes): the same name and format below `out`, the folders of an input folder kept."""
    pairs = []
    for source in sources:
        scans = find_scans(source) if source.is_dir() else [source]
        for scan in scans:
            inside = scan.relative_to(source) if source.is_dir() and scan != source else Path(scan.name)
            if scan.is_file() and input_format(scan) == DICOM:
                inside = inside.with_suffix("")
            elif scan.is_file() and suffix_of(scan) in (".nhdr", ".mhd"):
                inside = inside.with_suffix(".nrrd" if suffix_of(scan) == ".nhdr" else ".mha")
            pairs.append((scan, out / inside))
    targets = [target for _, target in pairs]
    if len(set(targets)) < len(targets):
        raise UsageError("two inputs have the same name, so that one result would replace the other; run them apart")
    return pairs


def enhance_many(
    pairs: list[tuple[Path, Path]],
    options: EnhanceOptions,
    files: FileOptions,
    progress: Progress,
    *,
    resume: bool = False,
) -> Iterator[Outcome]:
    """Enhance one scan after the other, going on after a bad one; yields what became of each.

    With `resume`, results that exist are left alone: they are written whole or not at all.
    """
    loaded: dict[str, Model] = {}
    for source, target in pairs:
        if resume and target.exists():
            yield Outcome(source, target, SKIPPED, 0.0, "finished before")
            continue
        started = time.perf_counter()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            results = enhance_file(
                source, target, options, files.for_target(target), progress, cached_model(loaded, options)
            )
        except Cancelled:
            raise
        except (DiffusionCoreError, OSError) as error:
            yield Outcome(source, target, FAILED, time.perf_counter() - started, str(error))
        else:
            warnings = "; ".join(dict.fromkeys(w for result in results for w in result.warnings))
            yield Outcome(source, target, FINISHED, time.perf_counter() - started, warnings)


def cached_model(loaded: dict[str, Model], options: EnhanceOptions) -> Model | None:
    """A model that was named is loaded once for all scans; one chosen by modality is chosen for each."""
    from ..models import load_model

    if options.model is None:
        return None
    if options.model not in loaded:
        loaded[options.model] = load_model(options.model)
    return loaded[options.model]


def write_outcomes(outcomes: list[Outcome], path: Path) -> None:
    """The table of what became of each scan, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["input", "output", "status", "seconds", "message"])
    for outcome in outcomes:
        writer.writerow([outcome.source, outcome.target, outcome.status, f"{outcome.seconds:.2f}", outcome.message])
    with atomic_file(path, overwrite=True) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
