"""Named networks: what `target: unet` with a preset name means in a training configuration and on a card."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from ..errors import UsageError
from .denoiser import Denoiser, ResidualDenoiser, WienerPrior
from .dncnn import DnCNN
from .image_denoiser import ImageDenoiser
from .unet import UNet, UNetConfig
from .upscaler import Upscaler

# S0: 64-128-256-512, GroupNorm, transposed convolution, attention where a 64³ patch has at most 16³ positions.
REFERENCE = UNetConfig(
    in_channels=2,
    channels=(64, 128, 256, 512),
    norm="group",
    skip="concatenate",
    transposed=True,
    attention_levels=(2, 3),
    embedding=256,
    scalars=1,
)

PRESETS: dict[str, UNetConfig] = {
    # Every day: full resolution first, no statistics over space, so that tiles are exact.
    "fast": UNetConfig(in_channels=5, channels=(16, 48, 96)),
    "fast-2d": UNetConfig(spatial_dims=2, in_channels=5, channels=(32, 64, 128)),
    "reference": REFERENCE,
    "reference-quarter": replace(REFERENCE, channels=(16, 32, 64, 128), embedding=128),
    # S3: base 64, multipliers 1-2-4, two residual blocks a level, attention at 16² of a 64² patch.
    "s3": UNetConfig(
        spatial_dims=2,
        in_channels=2,
        channels=(64, 128, 256),
        blocks=2,
        norm="group",
        skip="concatenate",
        attention_levels=(2,),
        embedding=256,
        scalars=1,
    ),
    # S1: from noise at 64², with self-attention at 8² and Swin blocks in the bottleneck; 256² at once, folded by 4.
    "synth-base": UNetConfig(
        spatial_dims=2,
        in_channels=1,
        channels=(48, 96, 128),
        norm="group",
        skip="concatenate",
        attention_levels=(2,),
        embedding=128,
        scalars=2,
        swin=True,
        fold=2,
    ),
    "synth-single": UNetConfig(
        spatial_dims=2,
        in_channels=1,
        channels=(48, 64, 96, 128),
        norm="group",
        skip="concatenate",
        attention_levels=(3,),
        embedding=128,
        scalars=2,
        swin=True,
        fold=4,
    ),
    # S1: an image from half its size, without attention over the whole image; works at any size.
    "synth-upscale": UNetConfig(
        spatial_dims=2, in_channels=2, channels=(32, 64, 96), embedding=64, scalars=2, swin=True, fold=2
    ),
    "toy": UNetConfig(
        spatial_dims=2, in_channels=1, channels=(32, 64), norm="group", skip="concatenate", embedding=64, scalars=1
    ),
}


def unet_config(preset: str, **changes: object) -> UNetConfig:
    """The preset's configuration with some fields changed. Raises `UsageError` for an unknown name or field."""
    if preset not in PRESETS:
        raise UsageError(f"no network preset {preset!r}; choose one of {', '.join(PRESETS)}")
    try:
        return replace(PRESETS[preset], **changes)
    except TypeError as error:
        raise UsageError(f"a U-Net has no such setting: {error}") from None


@dataclass(frozen=True)
class DenoiserConfig:
    """A denoiser in full.

    state       "residual" (`fast`), "image" (`reference`), or "upscale" (a stage of a synthesis cascade)
    body        "unet", or "dncnn" with `dncnn_width` and `dncnn_depth` (a rival)
    prediction  of the image state: "epsilon", "x0" or "v"; the other states always v
    smoothing, detail, shrink   of the residual state's Wiener prior; `detail` of the upscale state is the residual's
                typical size
    """

    network: UNetConfig = field(default_factory=lambda: PRESETS["fast"])
    state: str = "residual"
    body: str = "unet"
    prediction: str = "v"
    smoothing: float = 1.2
    detail: float = 0.05
    shrink: bool = True
    dncnn_width: int = 32
    dncnn_depth: int = 17


def build_denoiser(config: DenoiserConfig, signal: torch.Tensor, noise: torch.Tensor) -> Denoiser:
    """A new denoiser with random weights for the process with coefficients signal[t], noise[t], t = 0..T.

    Raises `UsageError` where the parts do not go together.
    """
    unet = config.network
    if config.body == "dncnn":
        network = DnCNN(unet.spatial_dims, unet.in_channels, unet.out_channels, config.dncnn_width, config.dncnn_depth)
        unet = replace(unet, channels=(config.dncnn_width,), attention_levels=(), norm="none")
    elif config.body == "unet":
        network = UNet(unet)
    else:
        raise UsageError(f"body must be 'unet' or 'dncnn', got {config.body!r}")
    if config.state == "upscale":
        if unet.in_channels != Upscaler.input_channels or config.prediction != "v":
            raise UsageError("an upscaler feeds 2 channels and predicts v")
        return Upscaler(network, unet, signal, noise, config.detail)
    if config.state == "residual":
        if unet.in_channels != ResidualDenoiser.input_channels:
            raise UsageError(
                f"a residual denoiser feeds {ResidualDenoiser.input_channels} channels, "
                f"the network takes {unet.in_channels}"
            )
        if config.prediction != "v":
            raise UsageError(f"a residual denoiser predicts v, got {config.prediction!r}")
        prior = WienerPrior(config.smoothing, config.detail, config.shrink)
        return ResidualDenoiser(network, unet, signal, noise, prior)
    if config.state == "image":
        return ImageDenoiser(network, unet, signal, noise, config.prediction)
    raise UsageError(f"state must be 'residual', 'image' or 'upscale', got {config.state!r}")
