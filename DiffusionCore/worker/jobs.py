"""How each task is run for a job: its volumes and options to the task's function, with what the session kept."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ModelError
from ..progress import Progress
from ..tasks import enhance as enhancing
from ..tasks.estimate import estimate
from ..tasks.inspect_scan import inspect_volume
from ..tasks.options import Options
from ..tasks.preview import preview
from ..volume import Volume
from .options import ClassifyJob, EnhanceJob, EstimateJob, PreviewJob, SynthesizeJob, slices
from .session import Session

if TYPE_CHECKING:
    from ..tasks.superres.options import SuperResolveOptions


@dataclass(frozen=True)
class Job:
    """What was asked: checked options, volumes by their role, and the names of their files."""

    options: Options
    volumes: dict[str, Volume]
    files: dict[str, str]


def run_enhance(job: Job, session: Session, progress: Progress) -> Any:
    options: EnhanceJob = job.options
    volume, mask = job.volumes["volume"], mask_of(job)
    ready = session.ready(job.files["volume"], volume, options, progress)
    return enhancing.enhance(
        volume,
        reference=job.volumes.get("reference"),
        mask=mask,
        region=slices(options.region),
        progress=progress,
        ready=ready,
        **options.model_dump(exclude={"region"}),
    )


def run_preview(job: Job, session: Session, progress: Progress) -> Any:
    options: PreviewJob = job.options
    volume, mask = job.volumes["volume"], mask_of(job)
    ready = session.ready(job.files["volume"], volume, options, progress)
    given = options.model_dump(exclude={"region"})
    return preview(volume, slices(options.region), mask=mask, progress=progress, ready=ready, **given)


def run_inspect(job: Job, session: Session, progress: Progress) -> dict[str, Any]:
    options: EnhanceJob = job.options
    volume, file = job.volumes["volume"], job.files["volume"]
    modality = options.modality or volume.modality
    model = session.model_for("enhance", volume, options)
    before = session.noise_of(file, modality)
    found = inspect_volume(volume, options, progress, loaded=model, noise=before)
    if found.noise is not None and not options.sigma:
        session.keep_noise(file, modality, found.noise)
    known = ("modality", "modality_reason", "noise", "model")
    return {
        **{name: found.facts.get(name) for name in known},
        "suitable": found.problem is None,
        "problem": None if found.problem is None else str(found.problem),
        "problem_exit_code": None if found.problem is None else found.problem.exit_code,
        "warnings": found.warnings,
    }


def run_estimate(job: Job, session: Session, progress: Progress) -> dict[str, Any]:
    options: EstimateJob = job.options
    volume = job.volumes["volume"]
    progress.stage("load model")
    model = session.model_for("enhance", volume, options)
    if model is None:
        raise ModelError(f"no installed model can enhance {options.modality or volume.modality} scans")
    enhancing.refuse_model(model)
    progress.stage("plan")
    key = (model.folder, model.card.sha256, options.device, options.threads)
    rate = options.seconds_per_voxel or session.rate(*key)
    expected = estimate(volume.shape, model, options, seconds_per_voxel=rate)
    session.keep_rate(expected.seconds_per_voxel, *key)
    return asdict(expected)


def run_super_resolve(job: Job, session: Session, progress: Progress) -> Any:
    from ..tasks.superres.cascade import axis_groups, chosen_models
    from ..tasks.superres.finer_grid import finer_grid
    from ..tasks.superres.super_resolve import super_resolve

    options: SuperResolveOptions = job.options
    volume = job.volumes["volume"]
    modality = options.modality or volume.modality
    models = None
    with contextlib.suppress(ModelError):  # the task itself says what is wrong, in its own order
        patterns = [pattern for _, pattern in axis_groups(volume.spacing, finer_grid(volume, options).factors)]
        models = chosen_models(options.model, modality, patterns, session.load)
    reference = job.volumes.get("reference")
    return super_resolve(volume, reference=reference, progress=progress, loaded=models, **options.model_dump())


def run_synthesize(job: Job, session: Session, progress: Progress) -> Any:
    from ..inference import choose_device
    from ..tasks.synthesis.synthesize import installed_generator, synthesize

    options: SynthesizeJob = job.options
    progress.stage("load model")
    name = options.model or str(installed_generator())
    models = session.load_cascade(name, str(choose_device(options.device)), options.stages)
    return synthesize(models, progress=progress, **options.model_dump(exclude={"model"}))


def run_classify(job: Job, session: Session, progress: Progress) -> Any:
    from ..tasks.classification.classify import classify, fitting_model

    options: ClassifyJob = job.options
    volume = job.volumes["volume"]
    if options.modality:
        volume = replace(volume, modality=options.modality)
    model = session.load_classifier(options.model or fitting_model(volume))
    given = options.model_dump(exclude={"region"})
    return classify(volume, region=slices(options.region), progress=progress, loaded=model, **given)


def mask_of(job: Job) -> np.ndarray | None:
    """(K, J, I) bool of the job's mask, None without one. Raises `InputError` if it is empty or on another grid."""
    given = job.volumes.get("mask")
    if given is None:
        return None
    inside = enhancing.same_grid(job.volumes["volume"], given, "mask").voxels != 0
    if not inside.any():
        raise InputError("the mask is empty; nothing would be enhanced")
    return np.asarray(inside)
