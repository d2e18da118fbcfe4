"""System S4 as one module: an image is encoded once, and its label is drawn from noise under that guidance."""

from __future__ import annotations

import torch
from torch import nn

from ..diffusion import make_process
from ..diffusion.targets import x0_from
from ..errors import UsageError
from .config import S4Config
from .denoiser import LabelUNet
from .feature_prior import FeaturePrior
from .guidance import Guidance, GuidanceNetwork, Streams
from .guidance_map import dense_guidance, grid_distance
from .label_sampling import denoise_labels, label_probabilities
from .timestep_maps import sampling_timesteps


class LabelDiffusion(nn.Module):
    """A classifier by diffusion of its label (DiffMIC-v2, Yang et al. 2025, in 3D).

    `encode(x)` runs the encoders once; `sample(guidance, ...)` draws labels. The label's state is 2 y - 1 of the one-hot
    y, repeated on a grid of `config.label_grid` cubed. `parts()` names the pieces with parameters of their own.
    """

    def __init__(self, config: S4Config) -> None:
        super().__init__()
        self.config = config
        self.process = make_process(config.schedule, config.steps, **config.schedule_options)
        self.guide = GuidanceNetwork(config)
        self.prior = FeaturePrior(config.features, config.local_features, config.regions, config.prior_hidden)
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(config.features, config.classes))
        self.denoiser = LabelUNet(config.classes, config.unet, config.embedding, config.features)
        self.register_buffer("distance", grid_distance(config.label_grid), persistent=False)

    def encode(self, x: torch.Tensor) -> Guidance:
        """What the encoders say of images x (N, 1, K, J, I), normalised as the card says.

        Raises `UsageError` where the regions don't fit into the image.
        """
        return self.guided(self.guide(x))

    def guided(self, streams: Streams) -> Guidance:
        """The guidance that the encoders' answers amount to: the dense map M and the feature prior F."""
        y_global = streams.global_logits.float().softmax(dim=1)
        y_local = streams.local_logits.float().softmax(dim=1)
        distance = self.distance if self.config.dense_map else torch.full_like(self.distance, 0.5)
        return Guidance(
            global_logits=streams.global_logits,
            local_logits=streams.local_logits,
            saliency=streams.saliency,
            where=streams.where,
            regions=streams.regions,
            attention=streams.attention,
            dense_map=dense_guidance(y_global, y_local, distance),
            features=self.prior(streams.global_features, streams.local_features),
        )

    def predict(self, y_t: torch.Tensor, t: torch.Tensor, guidance: Guidance) -> torch.Tensor:
        """The denoiser's output, of the kind `config.prediction`, for states y_t (N, classes, G, G, G) at t (N, 1, G, G, G)."""
        return self.denoiser(y_t, guidance.dense_map, t, guidance.features)

    def x0(self, y_t: torch.Tensor, t: torch.Tensor, guidance: Guidance) -> torch.Tensor:
        """The clean state that the denoiser expects, within the labels' range -1..1."""
        a, s = self.process.at(t, y_t)
        # epsilon says nothing where hardly any signal is left; the range keeps that from growing without bound
        prediction = self.predict(y_t, t, guidance).float()
        return x0_from(self.config.prediction, prediction, y_t, a, s).clamp(-1, 1)

    def sample(
        self, guidance: Guidance, *, samples: int = 10, steps: int = 10, seed: int = 0, spread: float | None = None
    ) -> torch.Tensor:
        """Probabilities (samples, N, classes): each sample starts from its own noise N(0, 1) and is averaged over the grid.

        The noise is a function of seed and sample alone, so an image's answer does not depend on the batch it is in.
        `spread` replaces the configuration's. Raises `UsageError` unless samples >= 1 and 1 <= steps <= T.
        """
        config = self.config
        if samples < 1:
            raise UsageError(f"samples must be 1 or more, got {samples}")
        spread = config.spread if spread is None else spread
        images, shape = len(guidance.dense_map), (1, config.classes, *[config.label_grid] * 3)
        noises, maps = [], []
        for sample in range(samples):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + sample)
            noises.append(torch.randn(shape, generator=generator))
            maps.append(sampling_timesteps(config.steps, steps, config.label_grid, spread, generator))
        # samples are one batch: the small grid leaves a processor idle otherwise
        every = guidance.repeated(samples)
        y_T = torch.cat(noises).repeat_interleave(images, dim=0).to(guidance.dense_map)
        together = [torch.cat(at).repeat_interleave(images, dim=0) for at in zip(*maps, strict=True)]
        labels = denoise_labels(lambda y, t: self.x0(y, t, every), y_T, self.process, together)
        return label_probabilities(labels).unflatten(0, (samples, images))

    def parts(self) -> dict[str, nn.Module]:
        """The rows of S4's table that have parameters; together they are all of the model but the head of F."""
        local = nn.ModuleList([self.guide.local_encoder, self.guide.attention, self.guide.local_classifier])
        return {
            "global encoder": nn.ModuleList([self.guide.encoder, self.guide.saliency]),
            "local encoder": local,
            "feature prior": self.prior,
            "denoiser": self.denoiser,
        }

    def set_checkpointing(self, active: bool) -> None:
        """Whether activations inside blocks are computed again for the gradients instead of kept (less memory, more time)."""
        for module in (self.guide.encoder, self.guide.local_encoder, self.denoiser):
            module.checkpointing = active
