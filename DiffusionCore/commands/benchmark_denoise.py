"""`diffusioncore benchmark denoise OUT`: its options, the methods that are compared, and its studies."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..progress import Progress
from .benchmark_trust import trusted_models
from .tables import Table

if TYPE_CHECKING:
    from ..benchmark.rivals import Method

OUR_STEPS = (1, 2, 4, 8)
REFERENCE_STEPS = 50


def add_denoise_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `benchmark denoise`."""
    group = parser.add_argument_group("denoise")
    group.add_argument("--tune", action="store_true", help="first search the rivals' parameters on validation scans")
    group.add_argument("--retime", action="store_true", help="run again what was timed beside other work")
    group.add_argument(
        "--study",
        choices=tuple(STUDIES),
        metavar="/".join(STUDIES),
        help="instead: how S3's model is shown the scan, with --learned its 2D rival; or S0's table, with --learned ours",
    )


def denoise_table(given: argparse.Namespace, root: Path, progress: Progress) -> Table:
    """Every method on the same noisy test scans, where the verdicts on the gates are shown; or a study."""
    from ..benchmark.denoise.run import run_denoise_benchmark, tune_rivals

    if given.study:
        return STUDIES[given.study](given, root, progress)
    parts = tuple(given.parts.split(",")) if given.parts else ()
    methods = [*our_methods(given.model), *(method for folder in given.learned for method in learned_methods(folder))]
    if given.tune:
        tune_rivals(given.output / "tuned.yaml", root, parts=parts, progress=progress)
    found = run_denoise_benchmark(
        given.output, root, methods, quick=given.quick, parts=parts, retime=given.retime, progress=progress
    )
    rows = [tuple(vars(verdict).values()) for verdict in found.gates]
    head = tuple(vars(found.gates[0])) if found.gates else ("gate",)
    return head, rows, list(found.files)


def our_methods(named: list[str]) -> list[Method]:
    """Our models at several numbers of steps, one step first; by default those that `enhance` would take.

    The first of a modality is the one that gates are about; further ones, trained for other times, are there in one step.
    """
    from ..models import find_model, read_card
    from ..models.registry import CARD

    methods, known = [], set()
    for model in trusted_models(named):
        card = read_card(find_model(model) / CARD)
        more = card.modality in known
        known.add(card.modality)
        hours = f" after {card.recipe['hours']:.1f} h of training" if more and "hours" in card.recipe else ""
        methods += [steps_of(model, card.name, steps, hours) for steps in (OUR_STEPS[:1] if more else OUR_STEPS)]
        if not more:
            methods.append(careful(model, card.name))
    return methods


def careful(model: str | Path, name: str) -> Method:
    """Our model by the preset `careful`, which shows the mean over the scan's mirror images."""
    from ..benchmark.rivals import model_method
    from ..inference import PRESETS
    from ..tasks.enhance import enhance

    preset = PRESETS["careful"]
    passes = preset.steps * preset.samples
    return model_method(
        f"{name}-careful", "ours, the mean over mirror images", enhance, model, passes=passes, preset="careful"
    )


def steps_of(model: str | Path, name: str, steps: int, hours: str = "") -> Method:
    """Our model as a method; its conditional mean in one step, a sample in several."""
    from ..benchmark.rivals import model_method
    from ..tasks.enhance import enhance

    words = "one step" if steps == 1 else f"a sample in {steps} steps"
    texture = 0.0 if steps == 1 else 1.0
    return model_method(f"{name}-{steps}", f"ours, {words}{hours}", enhance, model, steps=steps, texture=texture)


def learned_methods(folder: Path) -> list[Method]:
    """A trained rival: one pass of a residual network; of a diffusion model of the image DDIM, and in 2D DDPM too."""
    from ..benchmark.rivals import model_method
    from ..models import find_model, read_card
    from ..models.registry import CARD
    from ..tasks.enhance import enhance

    card = read_card(find_model(folder) / CARD)
    if card.network.state == "residual":
        name = card.name.removesuffix("-mr")  # the gates know the MR rivals by these names
        title = card.summary.rstrip(".").removesuffix(", for comparison")
        return [model_method(name, title, enhance, folder, kind="learned", steps=1)]
    flat = card.network.unet.get("spatial_dims", 3) == 2
    return [
        model_method(
            f"{card.name}-{sampler}",
            f"{card.name}, {sampler.upper()} {REFERENCE_STEPS}",
            enhance,
            folder,
            kind="learned",
            steps=REFERENCE_STEPS,
            texture=1.0,
            sampler=sampler,
        )
        for sampler in (("ddim", "ddpm") if flat else ("ddim",))
    ]


def one_model(given: argparse.Namespace) -> str:
    """The single --model that a study is about."""
    if len(given.model) != 1 or len(given.learned) > 1:
        raise UsageError("--study goes with one --model, and at most one --learned")
    return given.model[0]


def conditioning_table(given: argparse.Namespace, root: Path, progress: Progress) -> Table:
    """S3's study: the scan concatenated, the chain started at it, or both, over guidance and noise levels."""
    from ..benchmark.conditioning.study import run_conditioning_study

    model, rival = one_model(given), given.learned[0] if given.learned else None
    found = run_conditioning_study(
        given.output, root, model, regression_model=rival, quick=given.quick, progress=progress
    )
    rows = [(r.method, r.level, r.scores.mean("psnr"), r.scores.mean("ssim"), r.seconds) for r in found.results]
    return ("method", "noise", "PSNR", "SSIM", "seconds"), rows, list(found.paths)


def s0_table(given: argparse.Namespace, root: Path, progress: Progress) -> Table:
    """S0's table: SNR, SSIM and PSNR before and after, from an input of 28.4 dB."""
    from dataclasses import fields

    from ..benchmark.denoise.s0 import S0Row, run_s0_table

    model, ours = one_model(given), given.learned[0] if given.learned else None
    rows, paths = run_s0_table(given.output, root, model, ours=ours, quick=given.quick, progress=progress)
    head = tuple(field.name for field in fields(S0Row))
    return head, [tuple(getattr(row, name) for name in head) for row in rows], list(paths)


STUDIES = {"conditioning": conditioning_table, "s0": s0_table}
