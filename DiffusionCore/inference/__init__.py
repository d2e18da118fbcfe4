"""Running a denoiser over a scan on any device: memory plan, exact tiles or blended patches, samples, cancel.

Offers `sample_volume` with its `SamplingSettings`, `PRESETS` and `Samples`; `generate` images; `plan` and `Plan`;
`apply_exact`, `apply_blended` and what they take; `block_noise`; and the devices: `choose_device`, `choose_dtype`, `threads`,
`free_memory`, `parse_memory`.
"""

from .allocator import reused_memory
from .apply import apply_blended, apply_exact
from .call import Condition, place_denoiser
from .chain import network_passes
from .device import choose_device, choose_dtype, devices_here, threads
from .generate import GenerationSettings, Wanted, generate
from .memory import free_memory, parse_memory
from .noise import block_noise
from .plan import Plan, plan
from .run import Place, Runner, choose_places
from .sample import sample_volume
from .settings import PRESETS, Record, Samples, SamplingSettings

__all__ = [
    "PRESETS",
    "Condition",
    "GenerationSettings",
    "Place",
    "Plan",
    "Record",
    "Runner",
    "Samples",
    "SamplingSettings",
    "Wanted",
    "apply_blended",
    "apply_exact",
    "block_noise",
    "choose_device",
    "choose_dtype",
    "choose_places",
    "devices_here",
    "free_memory",
    "generate",
    "network_passes",
    "parse_memory",
    "place_denoiser",
    "plan",
    "reused_memory",
    "sample_volume",
    "threads",
]
