"""Phase 1: both encoders learn to classify, each by itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ...classification import GuidanceNetwork
from ...classification.guidance import both_answers
from .config import ClassifierConfig
from .cutmix import cutmix
from .loader import Batch
from .phase import Phase
from .rates import cosine_with_warmup


class GuidanceTraining(Phase):
    """Cross-entropy of the global plus of the local answer, with label smoothing (S4)."""

    def __init__(self, config: ClassifierConfig, network: GuidanceNetwork, weights: torch.Tensor | None) -> None:
        super().__init__(config, network, config.guidance.ema)
        self.register_buffer("weights", weights)

    def training_loss(self, batch: Batch) -> torch.Tensor:
        smoothing = self.config.guidance.label_smoothing
        generator = torch.Generator().manual_seed(int(batch["seed"]) + 1)
        share, classes = self.config.augmentation.cutmix, len(self.config.data.classes)
        x, y = cutmix(batch["x"], batch["y"], classes, share, generator) if share else (batch["x"], batch["y"])
        with self.autocast():
            streams = self.network(x)
        answers = [streams.global_logits]
        if self.network.config.local_stream:
            answers.append(streams.local_logits)
        return sum(F.cross_entropy(logits.float(), y, self.weights, label_smoothing=smoothing) for logits in answers)

    def probabilities(self, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """(N, classes): the mean of both answers."""
        with self.autocast():
            streams = network(x)
        return both_answers(streams.global_logits, streams.local_logits)

    def configure_optimizers(self) -> dict[str, Any]:
        phase = self.config.guidance
        optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=phase.learning_rate, weight_decay=phase.weight_decay
        )
        if phase.schedule == "cosine":
            total = int(self.trainer.estimated_stepping_batches)
            return {"optimizer": optimiser, "lr_scheduler": cosine_with_warmup(optimiser, total, self.share_of_time)}
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.5, patience=phase.plateau_patience)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}
