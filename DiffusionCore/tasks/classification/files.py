"""Classify scans that lie in files, with everything asked for written beside."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import Cancelled, OutputError, UsageError
from ...progress import Progress
from ...report import write_json
from ...report.classification import check_picture, write_classification
from ...report.markups import ENDING, write_markups
from ...volume import Volume, check_output, check_series_place, read_volume, same_file, write_volume
from ...volume.atomic import atomic_file, check_place
from ...volume.dicom_derivation import DerivationRecord
from ...volume.dicom_segmentation import SegmentMap, check_segmentation, write_segmentations
from ...volume.formats import DICOM, input_format
from ...volume.geometry import to_ijk
from ...volume.together import all_or_nothing
from ..scan_files import check_map_format, parse_roi, read_mask
from .classify import ClassifyResult, classify
from .options import ClassifyFileOptions, ClassifyOptions

if TYPE_CHECKING:
    from ...models import Classifier
    from ...report.markups import Box

VOLUMES = ("saliency", "map")
FOR_MANY = ("report", "csv")


@dataclass(frozen=True, eq=False)
class Classified:
    """One of the scans of a run: its result, or the error that it ended in; what a given contour showed."""

    source: Path
    result: ClassifyResult | None
    error: Exception | None = None
    contour: dict[str, Any] | None = None


def classify_files(
    sources: Sequence[Path],
    options: ClassifyOptions,
    files: ClassifyFileOptions,
    progress: Progress,
    loaded: Classifier | None = None,
    explain: Callable[[Exception], str] = str,
) -> list[Classified]:
    """Classify each scan, going on after a bad one of several, and write what was asked for, all or nothing.

    Places are checked before any work. A single scan's error is raised. Raises what `classify` and `read_volume` raise.
    """
    check_places(sources, files)
    volume = None
    if len(sources) == 1:
        volume, one = run_one(sources[0], options, files, progress, loaded)
        found = [one]
    else:
        found = run_many(sources, options, files, progress, loaded)
    progress.stage("write")
    with all_or_nothing(files.outputs().values(), overwrite=files.overwrite) as staged:
        written = files.moved(staged)
        if volume is not None:
            write_result(volume, one.result, written)
        if written.csv:
            write_csv(written.csv, found, explain)
        if written.report:
            reports = [report_of(one, explain) for one in found]
            write_json(written.report, reports[0] if len(reports) == 1 else reports)
    progress.finish()
    return found


def run_one(
    source: Path,
    options: ClassifyOptions,
    files: ClassifyFileOptions,
    progress: Progress,
    loaded: Classifier | None,
) -> tuple[Volume, Classified]:
    """A scan and its result."""
    progress.stage("read")
    volume = read_volume(source, series=files.series, frame=files.frame, modality=options.modality)
    if files.segmentation:
        check_segmentation(volume)
    region = parse_roi(files.roi, volume) if files.roi else None
    result = classify(volume, region=region, progress=progress, loaded=loaded, **options.model_dump())
    contour = against_contour(volume, result, files.contour) if files.contour else None
    return volume, Classified(source, result, contour=contour)


def run_many(
    sources: Sequence[Path],
    options: ClassifyOptions,
    files: ClassifyFileOptions,
    progress: Progress,
    loaded: Classifier | None,
) -> list[Classified]:
    """Every scan's result, or the error that it ended in."""
    found = []
    for number, source in enumerate(sources, start=1):
        progress.say(f"{number} of {len(sources)}: {source.name}")
        try:
            found.append(run_one(source, options, files, Progress(progress.sink, progress.cancelled), loaded)[1])
        except Cancelled:
            raise
        except Exception as error:  # whatever is wrong with one scan, the others are to be done
            found.append(Classified(source, None, error))
    return found


def check_places(sources: Sequence[Path], files: ClassifyFileOptions) -> None:
    """Raise what reading and writing would raise about the places, before any work is done; nothing is touched."""
    outputs = files.outputs()
    if len(sources) > 1 and set(outputs) - set(FOR_MANY):
        raise UsageError(
            f"several scans go with --{' and --'.join(FOR_MANY)} only; ask for maps and pictures one by one"
        )
    if len(sources) > 1 and (files.roi or files.contour):
        raise UsageError("--roi and --contour are about one scan; classify them one by one")
    for source in sources if len(sources) == 1 else ():
        if input_format(source) != DICOM and files.segmentation:
            raise UsageError(f"a DICOM segmentation refers to DICOM images, and {source.name} is none")
    if files.figure:
        check_picture(files.figure)
    if files.regions and not files.regions.name.endswith(ENDING):
        raise UsageError(f"Slicer markups end in {ENDING}, got {files.regions.name!r}")
    for name, place in outputs.items():
        if name == "segmentation":
            check_series_place(place, overwrite=files.overwrite, inputs=sources)
        elif name in VOLUMES:
            check_map_format(place)
            check_output(place, overwrite=files.overwrite, inputs=sources)
        else:
            check_place(place.absolute(), files.overwrite)
        if any(same_file(place, source) for source in sources):
            raise OutputError(f"{place}: is an input, which is never changed; give another name")
    places = list(outputs.values())
    if any(same_file(a, b) for n, a in enumerate(places) for b in places[:n]):
        raise UsageError("two results would be written to the same place; give each a name of its own")


def write_result(volume: Volume, result: ClassifyResult, files: ClassifyFileOptions) -> None:
    """The maps, boxes and pictures that were asked for; what there is none of is refused in words. Without an answer there
    is the figure, with the reason, and nothing to show on the scan."""
    searched = result.probability_map is not None
    if files.map and not searched:
        raise UsageError(
            "there is a probability map only of a scan that is searched: larger than a field, without --roi"
        )
    if searched and (files.saliency or files.segmentation):
        raise UsageError("a searched scan has a probability map (--map) and no saliency; look at one place with --roi")
    if files.map:
        write_volume(result.probability_map, files.map)
    if files.saliency and result.saliency is not None:
        write_volume(result.saliency, files.saliency)
    if files.regions and result.regions:
        write_markups(files.regions, result.regions)
    if files.segmentation and result.saliency is not None:
        write_segmentations(files.segmentation, volume, segments(volume, result), record(result))
    if files.figure:
        write_classification(
            files.figure,
            volume,
            result.probabilities,
            result.probability_map if searched else result.saliency,
            result.regions,
            answer=result.answer,
            title=title_of(result),
            note=result.abstained or "searched field by field: the map is unvalidated",
            map_label="probability, unvalidated" if searched else "saliency",
        )


def against_contour(volume: Volume, result: ClassifyResult, path: Path) -> dict[str, Any]:
    """Whether the model looked where a person's contour says that the finding is.

    Raises `InputError` if the contour is empty or not on the scan's grid.
    """
    inside = read_mask(path, volume)
    shares = [float(inside[box].mean()) if (box := inside_box(volume, b)).any() else 0.0 for b in result.regions]
    found: dict[str, Any] = {
        "first region meets it": bool(shares and shares[0] > 0),
        "share of each region inside": [round(share, 3) for share in shares],
    }
    shown = result.saliency or result.probability_map
    if shown is not None:
        found["mean of the map inside"] = float(shown.voxels[inside].mean())
        if not inside.all():
            found["mean of the map outside"] = float(shown.voxels[~inside].mean())
    return found


def title_of(result: ClassifyResult) -> str:
    """What a figure says first."""
    model = result.provenance["model"]["name"]
    if result.answer:
        return f"{result.answer}   ({model})"
    return f"no answer   ({model})" if result.abstained else f"search   ({model})"


def segments(volume: Volume, result: ClassifyResult) -> dict[str, list[SegmentMap]]:
    """The saliency and the regions on the scan's own grid, for DICOM."""
    found = {"saliency": [SegmentMap("saliency", result.saliency.voxels)]}
    inside = [(box, inside_box(volume, box)) for box in result.regions]
    boxes = [SegmentMap(box.label, voxels) for box, voxels in inside if voxels.any()]
    return {**found, "regions": boxes} if boxes else found


def inside_box(volume: Volume, box: Box) -> np.ndarray:
    """(K, J, I) bool: the voxels whose middle lies in the box."""
    signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1)
    corners = (np.array(box.centre)[:, None] + box.axes @ (np.array(box.size)[:, None] * signs)).T
    ijk = to_ijk(volume.ijk_to_ras, corners)
    limits = np.array(volume.shape[::-1])
    low = np.clip(np.floor(ijk.min(axis=0)), 0, limits).astype(int)
    high = np.clip(np.ceil(ijk.max(axis=0)) + 1, 0, limits).astype(int)
    inside = np.zeros(volume.shape, bool)
    if np.any(high <= low):
        return inside
    k, j, i = np.meshgrid(*(np.arange(a, b) for a, b in zip(low[::-1], high[::-1], strict=True)), indexing="ij")
    matrix = volume.ijk_to_ras
    place = np.stack((i, j, k), axis=-1) @ matrix[:3, :3].T + matrix[:3, 3]
    along = (place - np.array(box.centre)) @ box.axes
    part = (np.abs(along) <= np.array(box.size) / 2).all(axis=-1)
    inside[low[2] : high[2], low[1] : high[1], low[0] : high[0]] = part
    return inside


def record(result: ClassifyResult) -> DerivationRecord:
    """What a DICOM segmentation says about how it was made."""
    made = result.provenance
    return DerivationRecord(
        description="what a classifier looked at",
        model=f"{made['model']['name']} {made['model']['version']}",
        version=made["software"]["DiffusionCore"],
        weights_sha256=made["model"]["sha256"],
        parameters=dict(made["sampling"]),
        source_sha256=made["input"]["sha256"],
        suffix="explained",
    )


def report_of(one: Classified, explain: Callable[[Exception], str]) -> dict[str, Any]:
    """What the JSON report holds of a scan; of several with its file's name."""
    notice = "Research only. Not for clinical use."
    if one.result is None:
        return {"scan": one.source.name, "error": explain(one.error), "notice": notice}
    result = one.result
    return {
        "scan": one.source.name,
        "answer": result.answer or None,
        "abstained": result.abstained or None,
        "probabilities": {
            p.name: {"probability": p.probability, "samples 5 to 95 %": [p.low, p.high]} for p in result.probabilities
        },
        "regions": [
            {"label": b.label, "centre_ras_mm": list(b.centre), "size_mm": list(b.size), "note": b.description}
            for b in result.regions
        ],
        **({"contour": one.contour} if one.contour else {}),
        "warnings": list(result.warnings),
        "notice": notice,
        "provenance": result.provenance,
    }


def write_csv(path: Path, found: Sequence[Classified], explain: Callable[[Exception], str]) -> None:
    """A row for each scan: its answer and each class's probability with its range, empty for classes of another model."""
    classes = dict.fromkeys(p.name for one in found if one.result for p in one.result.probabilities)
    text = io.StringIO()
    writer = csv.writer(text)
    columns = ("", " samples 5 %", " samples 95 %")
    writer.writerow(("scan", "answer", *(f"{c}{part}" for c in classes for part in columns), "note"))
    for one in found:
        shown = {p.name: (p.probability, p.low, p.high) for p in (one.result.probabilities if one.result else ())}
        numbers = [x for c in classes for x in ([round(x, 5) for x in shown[c]] if c in shown else [""] * 3)]
        note = explain(one.error) if one.error else one.result.abstained
        writer.writerow((one.source.name, one.result.answer if one.result else "", *numbers, note))
    with atomic_file(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
