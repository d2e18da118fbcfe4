"""One dimension-generic U-Net and its blocks, and the denoisers made of it."""

from .denoiser import NO_CONDITION, NO_LABEL, Denoiser, ResidualDenoiser, WienerPrior
from .image_denoiser import ImageDenoiser
from .presets import PRESETS, DenoiserConfig, build_denoiser, unet_config
from .receptive_field import receptive_field
from .streaming import Queue, Trim, stream
from .unet import UNet, UNetConfig
from .upscaler import Upscaler, enlarged, halved

__all__ = [
    "NO_CONDITION",
    "NO_LABEL",
    "PRESETS",
    "Denoiser",
    "DenoiserConfig",
    "ImageDenoiser",
    "Queue",
    "ResidualDenoiser",
    "Trim",
    "UNet",
    "UNetConfig",
    "Upscaler",
    "WienerPrior",
    "build_denoiser",
    "enlarged",
    "halved",
    "receptive_field",
    "stream",
    "unet_config",
]
