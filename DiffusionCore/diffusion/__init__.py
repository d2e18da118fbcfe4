"""Schedules, the forward process, prediction targets, losses, samplers and guidance, on tensors of any dimension.

Offers `Process` and what makes one (`make_process`, `zero_terminal_snr`); `forward`; `target`, `x0_from` and
`epsilon_from`; `loss`; `timesteps`; the samplers `ddpm`, `ddim` and `dpm_solver_pp_2m`, where they start
(`initial_state`, `matched_start`), and `classifier_free` guidance.
"""

from .guidance import classifier_free
from .losses import loss
from .process import Process, forward, initial_state, matched_start, matched_timestep, posterior, transition
from .samplers import SAMPLERS, ddim, ddpm, dpm_solver_pp_2m, named_sampler
from .schedules import SCHEDULES, make_process, zero_terminal_snr
from .targets import epsilon_from, target, x0_denoiser, x0_from
from .timesteps import check_timesteps, timesteps

__all__ = [
    "SAMPLERS",
    "SCHEDULES",
    "Process",
    "check_timesteps",
    "classifier_free",
    "ddim",
    "ddpm",
    "dpm_solver_pp_2m",
    "epsilon_from",
    "forward",
    "initial_state",
    "loss",
    "make_process",
    "matched_start",
    "matched_timestep",
    "named_sampler",
    "posterior",
    "target",
    "timesteps",
    "transition",
    "x0_denoiser",
    "x0_from",
    "zero_terminal_snr",
]
