"""The conditioning study's picture: PSNR against guidance, and against noise."""

from __future__ import annotations

from collections.abc import Sequence

from DiffusionCore.benchmark.conditioning.sampling import BOTH, CONCATENATION, START
from DiffusionCore.benchmark.conditioning.scores import Result

RIVALS = ("input", "non-local means", "regression U-Net")
LINES = {CONCATENATION: "o-", BOTH: "s--"}


def draw(results: Sequence[Result], levels: Sequence[float]):
    """The matplotlib Figure, with bootstrap intervals as bars."""
    from matplotlib.figure import Figure  # no pyplot: it keeps figures in a global and asks for a screen

    figure = Figure(figsize=(12, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    sampled = [r for r in results if r.sampler == "ddim"]
    for n, level in enumerate(levels):
        colour = f"C{n % 10}"
        for strategy, style in LINES.items():
            found = [r for r in sampled if r.strategy == strategy and r.level == level]
            found.sort(key=lambda r: r.guidance)
            label = f"{100 * level:g} % noise, {strategy}"
            _line(left, [r.guidance for r in found], found, style, colour, label)
        for r in sampled:
            if r.strategy == START and r.level == level:
                left.axhline(r.scores.mean("psnr"), color=colour, linestyle=":", linewidth=1)
    # without a condition and from pure noise a picture is invented: its PSNR would squeeze all others
    seen = [r.scores.mean("psnr") for r in sampled if (r.strategy, r.guidance) != (CONCATENATION, 0.0)]
    left.set_ylim(min(seen) - 1, max(seen) + 1)
    left.set_xlabel("guidance (dotted: start without concatenation)")
    left.set_ylabel("PSNR, dB")
    left.legend(fontsize=7, ncols=2)

    named = [(name, [r for r in results if r.method == name]) for name in RIVALS]
    for strategy in (CONCATENATION, START, BOTH):
        for sampler in ("ddim", "ddpm"):
            found = [r for r in results if (r.strategy, r.sampler, r.guidance) == (strategy, sampler, 1.0)]
            named.append((f"{strategy}, {sampler.upper()}", found))
    for n, (name, found) in enumerate(named):
        found.sort(key=lambda r: r.level)
        style, colour = (".:", "black") if name == "input" else ("o-", f"C{n % 10}")
        _line(right, [100 * r.level for r in found], found, style, colour, name)
    right.set_xlabel("added noise, % of the 99.5th percentile")
    right.set_ylabel("PSNR, dB (guidance 1)")
    right.legend(fontsize=7)
    return figure


def _line(axes, x: Sequence[float], found: Sequence[Result], style: str, colour: str, label: str) -> None:
    """Means with their intervals; nothing where there is nothing."""
    if not found:
        return
    intervals = [r.scores.interval("psnr") for r in found]
    means = [i.estimate for i in intervals]
    below = [i.estimate - i.low for i in intervals]
    above = [i.high - i.estimate for i in intervals]
    axes.errorbar(x, means, (below, above), fmt=style, color=colour, label=label, markersize=4, capsize=2, linewidth=1)
