"""Classification by diffusing labels (system S4): encoders, regions, guidance map, feature prior, label diffusion.

Offers `LabelDiffusion` (`encode` an image, `sample` its label), its configuration `S4Config` with the presets "s4" and
"small" (`preset`), and `Guidance`, what the encoders say of an image.
"""

from .config import PRESETS, S4Config, preset
from .guidance import Guidance, GuidanceNetwork
from .label_diffusion import LabelDiffusion
from .pointing import pointed_regions
from .regions import crop_regions, top_regions
from .timestep_maps import staggered, training_timesteps

__all__ = [
    "PRESETS",
    "Guidance",
    "GuidanceNetwork",
    "LabelDiffusion",
    "S4Config",
    "crop_regions",
    "pointed_regions",
    "preset",
    "staggered",
    "top_regions",
    "training_timesteps",
]
