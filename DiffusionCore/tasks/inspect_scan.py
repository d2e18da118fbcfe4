"""What a scan is, and what `enhance` would do with it: nothing is changed or written."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled, DiffusionCoreError, UsageError
from ..progress import Progress
from ..volume import Volume, read_header, read_volume
from ..volume.formats import DICOM, input_format
from ..volume.geometry import is_left_handed, orientation_code
from ..volume.intensity import normalisation_for
from .enhance import dimensions, given_noise, measured_noise, refuse_kind, refuse_model, sampling_settings
from .options import EnhanceOptions
from .suitability import check_suitable

if TYPE_CHECKING:
    from ..models import Model

PROBE = 64  # voxels along each axis of the piece that is timed
TRIALS = 3


@dataclass(frozen=True)
class ScanFacts:
    """`facts` are ready for JSON; `problem` is why the scan would not be accepted, None if it would be."""

    facts: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    problem: DiffusionCoreError | None = None


def inspect_scan(
    source: Path,
    options: EnhanceOptions,
    progress: Progress,
    *,
    series: str | None = None,
    frame: int | None = None,
) -> ScanFacts:
    """Everything that can be told of a scan, up to where it would be refused.

    Raises `InputError` where there is nothing to tell because it cannot be read at all, and `Cancelled`.
    """
    facts: dict[str, Any] = {"format": input_format(source)}
    warnings: tuple[str, ...] = ()
    if facts["format"] == DICOM:
        facts["series"] = series_facts(source)
    progress.stage("read")
    try:
        facts |= header_facts(source, series)
        volume = read_volume(source, series=series, frame=frame, modality=options.modality)
        facts["modality"] = volume.modality
        facts["modality_reason"] = volume.meta.get("modality_reason", "")
        facts["values"] = [float(volume.voxels.min()), float(volume.voxels.max())]
        refuse_kind(volume)
        progress.stage("load model")
        model = chosen_model(volume, options)
        facts["model"] = f"{model.card.name} {model.card.version}"
        progress.stage("measure noise")
        noise = given_noise(options.sigma, volume.modality) if options.sigma else measured_noise(volume)
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
        progress.stage("plan")
        facts["plan"] = plan_facts(volume, model, options)
    except (Cancelled, UsageError):
        raise
    except DiffusionCoreError as problem:
        if "shape" not in facts and "series" not in facts:
            raise
        return ScanFacts(facts, warnings, problem)
    finally:
        progress.finish()
    return ScanFacts(facts, warnings)


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
    if series is not None and input_format(source) == DICOM:
        from ..volume.dicom_read import read_dicom_header

        header = read_dicom_header(source, series=series)
    else:
        header = read_header(source)
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
    from ..inference import Runner, choose_places, parse_memory, threads

    memory = parse_memory(options.memory) if options.memory else None
    places = choose_places(options.device, memory=memory, fallback=not options.no_fallback)
    settings = sampling_settings(options)
    passes = settings.steps * settings.samples - (settings.samples - 1 if model.denoiser.state == "residual" else 0)
    with threads(options.threads):
        runner = Runner(
            model.denoiser,
            volume.shape,
            places,
            arrays=2 if passes == 1 else 11,
            progress=Progress(),
            tile=options.tile,
        )
        seconds = seconds_per_voxel(runner.placed.denoiser, runner.place)
    decided = runner.plan
    voxels = decided.padded[0] * decided.padded[1] * decided.padded[2] * decided.work_factor
    return {
        "device": decided.device,
        "dtype": decided.dtype,
        "cut": decided.in_words(),
        "memory_MiB": round(decided.bytes / 2**20),
        "network_passes": passes,
        "seconds_about": round(seconds * voxels * passes, 1),
    }


def seconds_per_voxel(denoiser: Any, place: Any) -> float:
    """The fastest of a few passes over a small piece: a rough figure, as caches and cores do otherwise on large ones."""
    import torch

    shape = (1, 1, *[PROBE] * 3) if denoiser.spatial_dims == 3 else (PROBE, 1, PROBE, PROBE)
    x = torch.zeros(shape, device=place.device)
    sigma = torch.full((shape[0], *[1] * (len(shape) - 1)), 0.05, device=place.device)
    t = torch.full((shape[0],), denoiser.num_train_timesteps, device=place.device)
    spent = []
    with torch.no_grad():
        for _ in range(TRIALS):
            started = time.perf_counter()
            float(denoiser(x, t, x, sigma).sum())  # reading the sum waits for a GPU to finish
            spent.append(time.perf_counter() - started)
    return min(spent) / PROBE**3
