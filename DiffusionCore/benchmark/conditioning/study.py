"""`benchmark denoise --study conditioning`: how to show a diffusion model the noisy slice, and S3's table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from DiffusionCore.benchmark.conditioning.report import write_study
from DiffusionCore.benchmark.conditioning.rivals import nonlocal_means, regression, tuned_parameters
from DiffusionCore.benchmark.conditioning.sampling import (
    BOTH,
    START,
    STRATEGIES,
    Setting,
    check_model,
    drop_rate,
    sample,
)
from DiffusionCore.benchmark.conditioning.scores import Result, Scores, fingerprint, kept_result, score
from DiffusionCore.benchmark.conditioning.settings import QUICK, StudySettings
from DiffusionCore.benchmark.conditioning.slices import Array, StudySlices, study_slices
from DiffusionCore.benchmark.expected_time import in_words
from DiffusionCore.benchmark.ignored_folder import ignored_folder
from DiffusionCore.benchmark.rivals import MACS_A_SECOND
from DiffusionCore.benchmark.rivals.learned import code_checksum
from DiffusionCore.progress import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor

    from DiffusionCore.diffusion import Process
    from DiffusionCore.models import Model
    from DiffusionCore.networks import Denoiser

REVISION = 1  # raised when this room would give another result, so that kept ones are not used


@dataclass(frozen=True)
class StudyResult:
    """Every result, and the files that were written."""

    results: tuple[Result, ...]
    paths: tuple[Path, ...]


def run_conditioning_study(
    out_folder: Path,
    data_root: Path,
    model: str | Path,
    *,
    regression_model: str | Path | None = None,
    settings: StudySettings | None = None,
    quick: bool = False,
    cache: Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> StudyResult:
    """Restore patches of the 2D test subjects in every way, and write conditioning.md, .csv and .png to `out_folder`.

    data_root         the folder of scans, as in DIFFUSIONCORE_DATA
    model             S3's: 2D, epsilon-prediction of the image, the scan as second channel; trained with
                      `diffusion.drop` above 0, else only its answers at guidance 1 are shown
    regression_model  a 2D model that answers in one step; None: no such row
    cache             where each result is kept as soon as it is there, so that a stopped run goes on; default: `cache` in
                      `out_folder`

    With the default settings about 3 300 passes of DDIM and 5 400 of DDPM over sixteen patches of 64².
    Raises `InputError` without the data, `ModelError` for another kind of model, `Cancelled`.
    """
    from DiffusionCore.models import load_model

    settings = settings or (QUICK if quick else StudySettings())
    progress = progress or silent()
    kept = ignored_folder(cache or out_folder / "cache")
    progress.stage("read")
    loaded = load_model(model)
    check_model(loaded)
    plain = None if regression_model is None else load_model(regression_model)
    study = study_slices(
        data_root, "test", settings.patch, settings.per_subject, settings.seed, subjects=settings.subjects
    )
    results = [
        *rival_results(data_root, study, plain, settings, kept, device, progress),
        *model_results(loaded, study, settings, kept, device, progress),
    ]
    progress.stage("write")
    paths = write_study(out_folder, results, study, settings, loaded.card)
    progress.finish()
    return StudyResult(tuple(results), tuple(paths))


def rival_results(
    data_root: Path,
    study: StudySlices,
    plain: Model | None,
    settings: StudySettings,
    kept: Path,
    device: str,
    progress: Progress,
) -> list[Result]:
    """The noisy patches, non-local means tuned on validation subjects, and the regression U-Net, at every level."""
    progress.stage("rivals")
    validation = study_slices(data_root, "val", settings.patch, 1, settings.seed, subjects=settings.subjects)
    data = fingerprint(study.clean, validation.clean, study.cut(study.clean))
    results = []
    for done, level in enumerate(settings.levels):
        progress.advance(done / len(settings.levels))
        noisy = study.noisy(level, settings.noise, settings.seed)

        def means(level: float = level, noisy: Array = noisy) -> Array:
            parameters = tuned_parameters(validation, level, settings.noise, settings.seed)
            return nonlocal_means(noisy, level, settings.noise, parameters)

        methods: dict[str, Callable[[], Array]] = {"input": lambda noisy=noisy: noisy, "non-local means": means}
        if plain is not None:
            methods["regression U-Net"] = lambda level=level, noisy=noisy: regression(
                plain, noisy, level, device, settings.dtype
            )
        for name, restore in methods.items():

            def make(name: str = name, level: float = level, restore: Callable[[], Array] = restore) -> Result:
                started = time.perf_counter()
                images = study.cut(restore())
                return Result(name, level, score(images, study), seconds=time.perf_counter() - started)

            weights = plain.card.sha256 if plain is not None and name == "regression U-Net" else ""
            described = {"method": name, "level": level, "weights": weights, **common(settings, data)}
            results.append(kept_result(kept, described, make))
    return results


def model_results(
    model: Model, study: StudySlices, settings: StudySettings, kept: Path, device: str, progress: Progress
) -> list[Result]:
    """Every strategy at every guidance with DDIM, and at guidance 1 with DDPM, at every level."""
    import torch

    from DiffusionCore.inference import choose_device, choose_dtype, place_denoiser

    place = choose_device(device)
    denoiser = place_denoiser(model.denoiser, place, choose_dtype(place, settings.dtype)).denoiser
    runs = [(level, setting) for level in settings.levels for setting in planned(settings, drop_rate(model.card) > 0)]
    total = sum(setting.passes(model.process, level) for level, setting in runs)
    patches = study.cut(study.clean)
    data = fingerprint(study.clean, patches)
    expected = total * patches.size * denoiser.macs_per_voxel / MACS_A_SECOND
    progress.say(
        f"{total} passes over {len(patches)} patches: about {in_words(expected)} on two idle cores, less what is kept"
    )
    results, before = [], 0
    progress.stage("sample")
    for level, setting in runs:

        def make(level: float = level, setting: Setting = setting, before: int = before) -> Result:
            y = torch.from_numpy(study.cut(study.noisy(level, settings.noise, settings.seed)))[:, None].to(place)

            def report(done: int) -> None:
                progress.advance((before + done) / total)

            return sampled_result(denoiser, model.process, y, level, setting, settings, study, report)

        described = {"level": level, **vars(setting), "weights": model.card.sha256, **common(settings, data)}
        results.append(kept_result(kept, described, make))
        before += setting.passes(model.process, level)
        progress.advance(before / total)
    # without a condition in its second channel, "both" is "start"
    starts = [r for r in results if r.strategy == START and r.sampler == "ddim"]
    zero = [replace(r, method=f"{BOTH}, guidance 0", strategy=BOTH, guidance=0.0) for r in starts]
    return [*results, *(zero if 0 in settings.guidances else [])]


def sampled_result(
    denoiser: Denoiser,
    process: Process,
    y: Tensor,
    level: float,
    setting: Setting,
    settings: StudySettings,
    study: StudySlices,
    report: Callable[[int], None],
) -> Result:
    """One setting on all patches y (N, 1, P, P), scored and timed."""
    started = time.perf_counter()
    found = sample(denoiser, process, y, level, setting, seed=settings.seed, batch=settings.batch, report=report)
    return Result(
        method=name_of(setting),
        level=level,
        scores=scored(found.image, study),
        one_step=None if found.one_step is None else scored(found.one_step, study),
        strategy=setting.strategy,
        guidance=setting.guidance,
        sampler=setting.sampler,
        first=setting.first_timestep(process, level),
        passes=setting.passes(process, level),
        seconds=time.perf_counter() - started,
    )


def planned(settings: StudySettings, guided: bool) -> list[Setting]:
    """The settings of one level. A model that always saw its condition has nothing to say without it."""
    found = []
    for strategy in STRATEGIES:
        if strategy == START:
            guidances = (1.0,) if guided else ()
        else:
            guidances = tuple(g for g in settings.guidances if g == 1 or guided)
        for guidance in guidances:
            if (strategy, guidance) != (BOTH, 0.0):
                found.append(Setting(strategy, guidance, "ddim", settings.steps))
            if guidance == 1 and settings.ddpm_steps:
                found.append(Setting(strategy, guidance, "ddpm", settings.ddpm_steps))
    return found


def name_of(setting: Setting) -> str:
    """In the tables: 'both, guidance 1.5' and so on."""
    guidance = "" if setting.strategy == START else f", guidance {setting.guidance:g}"
    return f"{setting.strategy}{guidance}{', DDPM' if setting.sampler == 'ddpm' else ''}"


def scored(images: object, study: StudySlices) -> Scores:
    return score(np.asarray(images.cpu().numpy())[:, 0], study)


def common(settings: StudySettings, data: str) -> dict[str, object]:
    """What every kept result depends on."""
    return {
        "revision": REVISION,
        "code": code_checksum(),
        "data": data,
        "noise": settings.noise,
        "seed": settings.seed,
        "dtype": settings.dtype,
    }
