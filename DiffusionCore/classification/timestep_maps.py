"""Timesteps on the label's grid: maps (N, 1, G, G, G) in which every point may be elsewhere between noise and label.

If every point's timestep is drawn independently, some points always show the clean label, and the network learns to
copy it rather than to read the guidance; sampling starts with all points at T, which it then hardly ever saw. So the
maps of training are drawn from those that sampling visits.
"""

from __future__ import annotations

import torch

from ..errors import UsageError


def staggered(steps: int, progress: torch.Tensor, lag: torch.Tensor, spread: float) -> torch.Tensor:
    """t = T clip((1 - progress)(1 + spread) - spread lag, 0, 1), rounded, int64.

    progress (N,) and lag (N or 1, 1, G, G, G), both 0 to 1. At progress 0 all points are at T, at 1 all at 0; between,
    those of small lag are behind by up to `spread` of the way. With spread 0 all share one t.
    """
    at = progress.reshape(-1, *[1] * (lag.ndim - 1))
    return (steps * ((1 - at) * (1 + spread) - spread * lag).clamp(0, 1)).round().long()


def training_timesteps(
    kind: str, steps: int, count: int, edge: int, generator: torch.Generator, *, spread: float = 1.0, at_T: float = 0.1
) -> torch.Tensor:
    """Maps (count, 1, edge, edge, edge) int64 of 1..T to train on, on the generator's device.

    kind   "shared": one t per example; "staggered": half of the examples shared, half as per-point sampling with
           `spread` visits them; "independent": every point its own, uniform (S4 taken literally)
    at_T   share of the examples with every point at T, where sampling starts
    """
    device = generator.device
    progress = torch.rand(count, generator=generator, device=device)
    lag = torch.rand((count, 1, edge, edge, edge), generator=generator, device=device)
    start = torch.rand(count, generator=generator, device=device) < at_T
    match kind:
        case "shared":
            t = staggered(steps, progress, torch.zeros_like(lag), 0.0)
        case "staggered":
            shared = staggered(steps, progress, torch.zeros_like(lag), 0.0)
            apart = staggered(steps, progress, lag, spread)
            even = (torch.arange(count, device=device) % 2 == 0).reshape(-1, 1, 1, 1, 1)
            t = torch.where(even, shared, apart)
        case "independent":
            t = 1 + (lag * steps).long().clamp(max=steps - 1)
        case _:
            raise UsageError(f"no timesteps {kind!r}; there are shared, staggered, independent")
    t = torch.where(start.reshape(-1, 1, 1, 1, 1), steps, t)
    return t.clamp(1, steps)


def sampling_timesteps(
    steps: int, count: int, edge: int, spread: float, generator: torch.Generator
) -> list[torch.Tensor]:
    """count + 1 maps (1, 1, edge, edge, edge) from all at T to all at 0, each at or below the one before it.

    Raises `UsageError` unless 1 <= count <= T.
    """
    if not 1 <= count <= steps:
        raise UsageError(f"steps must be 1 to {steps}, got {count}")
    lag = torch.rand((1, 1, edge, edge, edge), generator=generator, device=generator.device)
    return [staggered(steps, torch.tensor([n / count], device=lag.device), lag, spread) for n in range(count + 1)]
