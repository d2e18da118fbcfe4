"""One dimension-generic U-Net and its blocks, and the denoisers made of it."""

from .denoiser import NO_CONDITION, Denoiser, ImageDenoiser, ResidualDenoiser, WienerPrior
from .presets import PRESETS, DenoiserConfig, build_denoiser, unet_config
from .receptive_field import receptive_field
from .unet import UNet, UNetConfig

__all__ = [
    "NO_CONDITION",
    "PRESETS",
    "Denoiser",
    "DenoiserConfig",
    "ImageDenoiser",
    "ResidualDenoiser",
    "UNet",
    "UNetConfig",
    "WienerPrior",
    "build_denoiser",
    "receptive_field",
    "unet_config",
]
