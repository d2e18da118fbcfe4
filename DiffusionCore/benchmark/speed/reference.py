"""What S0's network costs over a 512³ scan: counted, not measured."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

PEAK = 989.0  # TFLOP/s, dense bfloat16, of an H100 or H200 (NVIDIA's data sheets)
REACHED = 0.4  # of the peak: what a well-run network gets
CLAIMED_SECONDS = 2.0


@dataclass(frozen=True)
class ReferenceCost:
    """Counted for the preset `reference` (64-128-256-512).

    macs_per_voxel       multiply-accumulates of convolutions and linear layers
    attention_per_voxel  those of attention: projections, Q·K and weights·V in a patch of 64³
    overlap              voxels computed for each voxel of 512³ with patches of 64³ that overlap by half
    pflop                of all steps, without overlap
    """

    macs_per_voxel: float
    attention_per_voxel: float
    overlap: float
    steps: int
    pflop: float

    @property
    def seconds_at_40_percent(self) -> float:
        return 1000 * self.pflop / (REACHED * PEAK)

    @property
    def seconds_at_peak(self) -> float:
        return 1000 * self.pflop / PEAK


def reference_cost(size: int = 512, steps: int = 50, patch: int = 64) -> ReferenceCost:
    """Count it; 2 FLOP a multiply-accumulate."""
    from DiffusionCore.diffusion import make_process
    from DiffusionCore.inference.blend import starts
    from DiffusionCore.networks import DenoiserConfig, build_denoiser, unet_config

    config = unet_config("reference")
    process = make_process("linear")
    denoiser = build_denoiser(
        DenoiserConfig(network=config, state="image", prediction="epsilon"), process.signal, process.noise
    )
    attention = 0.0
    for level in config.attention_levels:
        # on the way down and up, once in the middle
        layers = config.blocks * (1 if level == len(config.channels) - 1 else 2)
        width, tokens = config.channels[level], min((patch // 2**level) ** 3, config.attention_tokens)
        attention += layers * (4 * tokens * width**2 + 2 * tokens**2 * width) / patch**3
    macs = denoiser.macs_per_voxel
    pflop = steps * 2 * (macs + attention) * size**3 / 1e15
    return ReferenceCost(macs, attention, prod([len(starts(size, patch)) * patch / size] * 3), steps, pflop)
