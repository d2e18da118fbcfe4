"""Phase 2: with the encoders as they are, the feature prior, its linear classifier and the denoiser learn to draw labels."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ...classification import LabelDiffusion, training_timesteps
from ...diffusion import forward, target
from .config import ClassifierConfig
from .loader import Batch
from .phase import Phase
from .rates import cosine_with_warmup


class LabelTraining(Phase):
    """Mean squared error of what the denoiser predicts, plus a share of the cross-entropy of the head on F (S4)."""

    def __init__(self, config: ClassifierConfig, network: LabelDiffusion) -> None:
        super().__init__(config, network, config.labels.ema)
        network.guide.requires_grad_(False)

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        # frozen means its statistics too, and no dropout: the guidance is that of sampling
        self.network.guide.eval()

    def training_loss(self, batch: Batch) -> torch.Tensor:
        phase, network = self.config.labels, self.network
        config, y = network.config, batch["y"]
        # a stream of its own, or the timesteps would go with the augmentation
        generator = torch.Generator().manual_seed(int(batch["seed"]) + 1)
        shape = (len(y), config.classes, *[config.label_grid] * 3)
        epsilon = torch.randn(shape, generator=generator).to(self.device)
        t = training_timesteps(
            phase.timesteps, config.steps, len(y), config.label_grid, generator, spread=phase.spread, at_T=phase.at_T
        ).to(self.device)
        x0 = (2 * F.one_hot(y, config.classes).float() - 1)[..., None, None, None].expand(shape)
        y_t = forward(network.process, x0, t, epsilon)
        with self.autocast():
            with torch.no_grad():
                streams = network.guide(batch["x"])
            guidance = network.guided(streams)
            prediction = network.predict(y_t, t, guidance)
            logits = network.head(guidance.features)
        a, s = network.process.at(t, x0)
        diffusion = F.mse_loss(prediction.float(), target(config.prediction, x0, epsilon, a, s))
        return diffusion + phase.head_weight * F.cross_entropy(logits.float(), y)

    def probabilities(self, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """(N, classes): the mean over samples."""
        phase = self.config.labels
        with self.autocast():
            drawn = network.sample(network.encode(x), samples=phase.samples, steps=phase.steps, seed=self.config.seed)
        return drawn.float().mean(dim=0)

    def configure_optimizers(self) -> dict[str, Any]:
        phase, network = self.config.labels, self.network
        groups = [
            {"params": network.prior.parameters(), "lr": phase.prior_rate},
            {"params": network.denoiser.parameters(), "lr": phase.denoiser_rate},
            {"params": network.head.parameters(), "lr": phase.head_rate},
        ]
        optimiser = torch.optim.AdamW(groups, weight_decay=phase.weight_decay)
        if phase.schedule == "cosine":
            total = int(self.trainer.estimated_stepping_batches)
            return {"optimizer": optimiser, "lr_scheduler": cosine_with_warmup(optimiser, total, self.share_of_time)}
        restarts = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimiser, phase.restart_epochs, T_mult=2)
        return {"optimizer": optimiser, "lr_scheduler": restarts}
