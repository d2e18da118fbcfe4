"""The network of a run: built from its configuration, computing in bfloat16 where the machine is fast at it."""

from __future__ import annotations

import torch

from ..diffusion import Process, make_process
from ..errors import UsageError
from ..inference.device import choose_dtype
from ..networks.denoiser import Denoiser
from ..networks.presets import DenoiserConfig, build_denoiser, unet_config
from .config import TrainingConfig


def denoiser_config(config: TrainingConfig) -> DenoiserConfig:
    """The denoiser that a configuration describes. Raises `UsageError` where its parts do not go together."""
    network = config.network
    options = dict(network.options)
    if config.synthesis is not None:  # the timestep, of an upscaler also the noise in its input, and the labels
        options["scalars"] = (1 if config.synthesis.upscale == 1 else 2) + len(config.synthesis.labels)
    unet = unet_config(network.target, **options)
    if unet.spatial_dims != len(config.data.patch):
        raise UsageError(
            f"network {network.target!r} is {unet.spatial_dims}D, data.patch has {len(config.data.patch)} sizes"
        )
    if any(size % unet.downsampling for size in config.data.patch):
        raise UsageError(f"data.patch must be multiples of {unet.downsampling} for this network")
    return DenoiserConfig(
        network=unet,
        state=config.diffusion.state,
        body=network.body,
        prediction=config.diffusion.prediction,
        smoothing=network.smoothing,
        detail=network.detail,
        shrink=network.shrink,
        dncnn_width=network.dncnn_width,
        dncnn_depth=network.dncnn_depth,
    )


def make_denoiser(config: TrainingConfig) -> tuple[Denoiser, Process]:
    """A denoiser with weights drawn from the configuration's seed, and its process."""
    diffusion = config.diffusion
    process = make_process(diffusion.schedule, steps=diffusion.steps, **diffusion.options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        denoiser = build_denoiser(denoiser_config(config), process.signal, process.noise)
    layout = torch.channels_last_3d if denoiser.spatial_dims == 3 else torch.channels_last
    return denoiser.to(memory_format=layout), process


def wants_bf16(precision: str, device: torch.device) -> bool:
    """Whether to autocast: as told, or, for "auto", where the device is fast in bfloat16."""
    wanted = {"auto": "auto", "bf16": "bfloat16", "fp32": "float32"}[precision]
    return choose_dtype(device, wanted) is torch.bfloat16


def autocast_network(denoiser: Denoiser, enabled: bool, device_type: str) -> None:
    """Let only the network itself autocast to bfloat16: what stands around it (normalising by sigma) needs float32."""
    if not enabled:
        return
    context = torch.autocast(device_type, dtype=torch.bfloat16)

    def enter(*_: object) -> None:
        context.__enter__()

    def leave(*_: object) -> None:
        context.__exit__(None, None, None)

    denoiser.network.register_forward_pre_hook(enter)
    denoiser.network.register_forward_hook(leave, always_call=True)
