"""What a scan is, and what `enhance` would do with it: nothing is changed or written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled, DiffusionCoreError, UsageError
from ..metrics import NoiseEstimate
from ..progress import Progress
from ..volume import Volume, read_header, read_volume
from ..volume.formats import DICOM, input_format
from ..volume.geometry import is_left_handed, orientation_code
from ..volume.intensity import normalisation_for
from .enhance import dimensions, given_noise, measured_noise, refuse_kind, refuse_model
from .estimate import estimate
from .options import EnhanceOptions
from .suitability import check_suitable

if TYPE_CHECKING:
    from ..models import Model


@dataclass(frozen=True, eq=False)
class ScanFacts:
    """`facts` are ready for JSON; `noise` is the estimate behind them; `problem` is why the scan would not be accepted,
    None if it would be."""

    facts: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problem: DiffusionCoreError | None = None
    noise: NoiseEstimate | None = None


def inspect_scan(
    source: Path,
    options: EnhanceOptions,
    progress: Progress,
    *,
    series: str | None = None,
    frame: int | None = None,
) -> ScanFacts:
    """Everything that can be told of a scan in a file, up to where it would be refused.

    Raises `InputError` where there is nothing to tell because it cannot be read at all, and `Cancelled`.
    """
    facts: dict[str, Any] = {"format": input_format(source)}
    if facts["format"] == DICOM:
        facts["series"] = series_facts(source)
    progress.stage("read")
    try:
        facts |= header_facts(source, series)
        volume = read_volume(source, series=series, frame=frame, modality=options.modality)
    except (Cancelled, UsageError):
        raise
    except DiffusionCoreError as problem:
        if "shape" not in facts and "series" not in facts:
            raise
        return ScanFacts(facts, problem=problem)
    finally:
        progress.finish()
    found = inspect_volume(volume, options, progress, plan=True)
    return replace(found, facts=facts | found.facts)


def inspect_volume(
    volume: Volume,
    options: EnhanceOptions,
    progress: Progress,
    *,
    loaded: Model | None = None,
    noise: NoiseEstimate | None = None,
    plan: bool = False,
) -> ScanFacts:
    """Modality, noise, model and suitability of a scan, and with `plan` how it would be cut and about how long it takes.

    loaded, noise  a model loaded and the scan's noise measured before

    Raises `UsageError` and `Cancelled`; what else is wrong is the `problem`.
    """
    if options.modality and options.modality != volume.modality:
        volume = replace(volume, modality=options.modality)
    facts: dict[str, Any] = {
        "modality": volume.modality,
        "modality_reason": volume.meta.get("modality_reason", ""),
        "values": [float(volume.voxels.min()), float(volume.voxels.max())],
    }
    warnings: tuple[str, ...] = ()
    try:
        refuse_kind(volume)
        progress.stage("load model")
        model = loaded or chosen_model(volume, options)
        facts["model"] = f"{model.card.name} {model.card.version}"
        progress.stage("measure noise")
        noise = given_noise(options.sigma, volume.modality) if options.sigma else noise or measured_noise(volume)
        facts["noise"] = {
            "sigma": noise.sigma,
            "unit": "HU" if volume.modality == "CT" else "grey levels",
            "kind": noise.kind,
            "correlated": noise.correlated,
            "reliable": noise.reliable,
            "reason": noise.reason,
        }
        sigma = noise.sigma / normalisation_for(volume, model.card.normalisation).scale
        warnings = (
            *volume.meta.get("warnings", ()),
            *check_suitable(volume, noise, sigma, model.card, force=options.force),
        )
        if plan:
            progress.stage("plan")
            facts["plan"] = plan_facts(volume, model, options)
    except (Cancelled, UsageError):
        raise
    except DiffusionCoreError as problem:
        return ScanFacts(facts, warnings, problem, noise)
    finally:
        progress.finish()
    return ScanFacts(facts, warnings, None, noise)


def series_facts(source: Path) -> list[dict[str, Any]]:
    """The series of a DICOM folder. Raises `InputError` if there is no image."""
    from ..volume.dicom_scan import list_series

    return [
        {
            "number": series.number,
            "description": series.description,
            "modality": series.modality,
            "images": series.count,
            "uid": series.uid,
        }
        for series in list_series(source)
    ]


def header_facts(source: Path, series: str | None) -> dict[str, Any]:
    """What the header says, in the order (i, j, k) that files have."""
    header = read_header(source, series=series)
    return {
        "shape": list(reversed(header.shape)),
        "volumes": header.frames,
        "spacing_mm": [round(mm, 4) for mm in reversed(header.spacing)],
        "orientation": orientation_code(header.ijk_to_ras),
        "left_handed": is_left_handed(header.ijk_to_ras),
        "stored_as": str(header.dtype),
    }


def chosen_model(volume: Volume, options: EnhanceOptions) -> Model:
    """The model that `enhance` would take."""
    from ..models import best_model, load_model

    model = load_model(options.model or best_model("enhance", volume.modality, dims=dimensions(volume)))
    refuse_model(model)
    return model


def plan_facts(volume: Volume, model: Model, options: EnhanceOptions) -> dict[str, Any]:
    """How the scan would be cut on which device, and about how long the network would take."""
    expected = estimate(volume.shape, model, options)
    return {
        "device": expected.device,
        "dtype": expected.dtype,
        "cut": expected.cut,
        "memory_MiB": expected.memory_MiB,
        "network_passes": expected.network_passes,
        "seconds_about": round(expected.seconds, 1),
    }
