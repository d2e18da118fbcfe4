"""The conditioning study on paper: S3's table, strategies against guidance, as Markdown, CSV and plots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from DiffusionCore.benchmark.conditioning.plots import RIVALS, draw
from DiffusionCore.benchmark.conditioning.sampling import BOTH, CONCATENATION, START, drop_rate
from DiffusionCore.benchmark.conditioning.scores import FIGURES, Result, Scores
from DiffusionCore.benchmark.conditioning.settings import StudySettings
from DiffusionCore.benchmark.conditioning.slices import StudySlices, ceiling, marked
from DiffusionCore.benchmark.markdown_table import markdown_table
from DiffusionCore.benchmark.report_files import write_csv, write_figure, write_text

if TYPE_CHECKING:
    from DiffusionCore.models import Card

DECIMALS = {"psnr": 2, "ssim": 3, "mae": 4}
TITLES = {"psnr": "PSNR, dB", "ssim": "SSIM", "mae": "MAE, of the 99.5th percentile"}
CSV_HEAD = (
    *("method", "strategy", "guidance", "sampler", "level", "first_timestep", "passes", "seconds", "estimate"),
    *(f"{figure}{part}" for figure in FIGURES for part in ("", "_low", "_high")),
)


def write_study(
    out: Path, results: Sequence[Result], study: StudySlices, settings: StudySettings, card: Card
) -> list[Path]:
    """conditioning.md, conditioning.csv, conditioning.png in `out`; their paths."""
    out.mkdir(parents=True, exist_ok=True)
    return [
        write_text(out / "conditioning.md", markdown(results, study, settings, card)),
        write_csv(out / "conditioning.csv", CSV_HEAD, csv_rows(results)),
        write_figure(out / "conditioning.png", draw(results, settings.levels)),
    ]


def markdown(results: Sequence[Result], study: StudySlices, settings: StudySettings, card: Card) -> str:
    """The whole report."""
    levels = settings.levels
    parts = [
        "# Conditioning a diffusion model on a noisy slice",
        explained(study, settings, card),
        "## S3's table: against other methods",
        f"The model with the slice concatenated, guidance 1, from pure noise: DDIM of {settings.steps} steps"
        + (f" and DDPM of {settings.ddpm_steps}." if settings.ddpm_steps else ".")
        + " The first estimate from a matched start is one pass of the same network.",
        *(section(figure, s3_rows(results, levels, figure), levels, study) for figure in FIGURES),
        "## Strategies and guidance",
        f"DDIM of {settings.steps} steps, or of as many timesteps as there are below a matched start.",
        *(section(figure, strategy_rows(results, levels, figure), levels, study) for figure in FIGURES),
        "Passes of the network for one patch:",
        markdown_table(("", *map(percent, levels)), pass_rows(results, levels)),
        "## The best of each level",
        markdown_table(
            ("noise", "strategy", "PSNR, dB", "over concatenation at guidance 1"), best_rows(results, levels)
        ),
        "## The first estimate from a matched start",
        "PSNR of the chain's first x₀, one pass of the network: nearer to the conditional mean than a sample is.",
        markdown_table(("", *map(percent, levels)), first_rows(results, levels)),
        "![PSNR against guidance and against noise](conditioning.png)",
    ]
    return "\n\n".join(parts) + "\n"


def explained(study: StudySlices, settings: StudySettings, card: Card) -> str:
    """What was done, on what, and what to beware of."""
    where = "whole slices" if settings.patch is None else f"patches of {settings.patch}²"
    words = [
        f"Model `{card.name}` on {len(study.windows)} {where} of {len(study.subjects)} test subjects of the 2D stack, "
        f"with {settings.noise} noise. Figures are taken in tissue (over 5 % of the 99.5th percentile, which is the "
        "data range) over all patches of a subject, then as mean over subjects; brackets are 95 % bootstrap intervals "
        "over subjects (their range where there are fewer than six). Non-local means is tuned on the validation "
        "subjects at each level; it and the regression U-Net see whole slices. Noise is the same for all."
    ]
    trained = card.recipe.get("config", {}).get("degradation", {}).get("target", "rician")
    if trained != settings.noise:
        words.append(f"**The model was trained on {trained} noise, not on {settings.noise} noise.**")
    drop = drop_rate(card)
    if drop > 0:
        words.append(
            f"In training {drop:.0%} of the examples had no condition: that answer is what guidance leans away from, "
            "and what a start without concatenation uses; it has no guidance of its own."
        )
    else:
        words.append(
            "**The model was trained with its condition always there (`diffusion.drop` 0), so that it has no answer "
            "without it: no guidance but 1, no start without concatenation.**"
        )
    return "\n\n".join(words)


def section(figure: str, rows: Sequence[Sequence[str]], levels: Sequence[float], study: StudySlices) -> str:
    """One figure's table with its heading; † marks levels that the target's own noise limits."""
    heads = [percent(level) + (" †" if marked(study.own, level) else "") for level in levels]
    parts = [f"### {TITLES[figure]}", markdown_table(("", *heads), rows)]
    if figure == "psnr" and any(marked(study.own, level) for level in levels):
        limits = ", ".join(f"{ceiling(study.own, v):.1f} dB at {percent(v)}" for v in levels if marked(study.own, v))
        parts.append(
            f"† The added noise is under three times the slices' own ({100 * study.own:.2g} %), "
            f"which allows about {limits}."
        )
    return "\n\n".join(parts)


def s3_rows(results: Sequence[Result], levels: Sequence[float], figure: str) -> list[list[str]]:
    """Rivals, DDIM and DDPM by concatenation, and one pass from a matched start."""
    lines = [(name, [r for r in results if r.method == name]) for name in RIVALS]
    for sampler in ("ddim", "ddpm"):
        lines.append((f"S3, {sampler.upper()}", chosen(results, CONCATENATION, 1.0, sampler)))
    rows = [[name, *cells(found, levels, figure)] for name, found in lines if found]
    one_pass = [(r.level, r.one_step) for r in chosen(results, BOTH, 1.0, "ddim") if r.one_step]
    if one_pass:
        known = dict(one_pass)
        rows.append(["S3, one pass from a matched start", *(in_words(known.get(level), figure) for level in levels)])
    return rows


def strategy_rows(results: Sequence[Result], levels: Sequence[float], figure: str) -> list[list[str]]:
    """Every strategy at every guidance by DDIM, then DDPM."""
    names = dict.fromkeys(r.method for r in ordered(results))
    return [[name, *cells([r for r in results if r.method == name], levels, figure)] for name in names]


def ordered(results: Sequence[Result]) -> list[Result]:
    """The model's results by sampler, strategy and guidance."""
    rank = {CONCATENATION: 0, START: 1, BOTH: 2}
    own = [r for r in results if r.strategy]
    return sorted(own, key=lambda r: (r.sampler, rank[r.strategy], r.guidance))


def chosen(results: Sequence[Result], strategy: str, guidance: float, sampler: str) -> list[Result]:
    return [r for r in results if (r.strategy, r.guidance, r.sampler) == (strategy, guidance, sampler)]


def cells(found: Sequence[Result], levels: Sequence[float], figure: str) -> list[str]:
    known = {r.level: r.scores for r in found}
    return [in_words(known.get(level), figure) for level in levels]


def in_words(scores: Scores | None, figure: str) -> str:
    """Mean and interval."""
    if scores is None:
        return "–"
    found, digits = scores.interval(figure), DECIMALS[figure]
    return f"{found.estimate:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def pass_rows(results: Sequence[Result], levels: Sequence[float]) -> list[list[str]]:
    names = dict.fromkeys(r.method for r in ordered(results))
    known = {(r.method, r.level): r.passes for r in results}
    return [[name, *(str(known.get((name, level), "–")) for level in levels)] for name in names]


def best_rows(results: Sequence[Result], levels: Sequence[float]) -> list[list[str]]:
    """For each level the model's setting with the highest PSNR, and its gain over the plain one."""
    rows = []
    for level in levels:
        there = [r for r in results if r.strategy and r.level == level]
        best = max(there, key=lambda r: r.scores.mean("psnr"))
        plain = [r for r in chosen(there, CONCATENATION, 1.0, "ddim")]
        gain = f"{best.scores.mean('psnr') - plain[0].scores.mean('psnr'):+.2f} dB" if plain else "–"
        rows.append([percent(level), best.method, in_words(best.scores, "psnr"), gain])
    return rows


def first_rows(results: Sequence[Result], levels: Sequence[float]) -> list[list[str]]:
    found = [r for r in ordered(results) if r.one_step is not None and r.sampler == "ddim"]
    known = {(r.method, r.level): r.one_step for r in found}
    names = dict.fromkeys(r.method for r in found)
    return [[name, *(in_words(known.get((name, level)), "psnr") for level in levels)] for name in names]


def csv_rows(results: Sequence[Result]) -> Iterator[list[object]]:
    """One for each method and level: means and intervals; another for the first estimate of a started chain."""
    for r in results:
        about = [r.method, r.strategy, "" if r.guidance is None else r.guidance, r.sampler, r.level, r.first]
        for estimate, scores, passes in (("result", r.scores, r.passes), ("first", r.one_step, 1)):
            if scores is None:
                continue
            found = [scores.interval(figure) for figure in FIGURES]
            values = [f"{v:.5g}" for i in found for v in (i.estimate, i.low, i.high)]
            seconds = f"{r.seconds:.2f}" if estimate == "result" else ""
            yield [*about, passes, seconds, estimate, *values]


def percent(level: float) -> str:
    return f"{100 * level:g} %"
