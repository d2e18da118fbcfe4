"""What both phases share: averaged weights, augmentation of a batch, validation by probabilities."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ...metrics.classifier import Predictions, auc
from ...networks.gradients import leave_out_broken
from ..clock import CLOCKS
from ..network import wants_bf16
from .augmentation import augmented
from .config import ClassifierConfig
from .loader import Batch


class Phase(pl.LightningModule, ABC):
    """A phase trains `network` and keeps `average`, the running mean of its weights and statistics, which is what is
    validated and kept.

    A subclass has `training_loss(batch)` and `probabilities(network, x)`. `limit` is the seconds that the phase may take,
    `seconds_trained` what whole epochs have taken, both by `trainer.clock`. Logs `train_loss`, `val_loss` (the mean negative
    log-likelihood of the validation cases' classes) and `val_auc` (of more than two classes each against the rest).
    """

    def __init__(self, config: ClassifierConfig, network: nn.Module, ema: float) -> None:
        super().__init__()
        self.config, self.network = config, network
        self.average = AveragedModel(network, multi_avg_fn=running_mean(ema), use_buffers=True)
        self.average.requires_grad_(False)
        self.seconds_trained = 0.0
        self.limit = math.inf
        self._clock = CLOCKS[config.trainer.clock]
        self._began: float | None = None
        self._seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    @abstractmethod
    def training_loss(self, batch: Batch) -> torch.Tensor:
        """The mean loss of a batch."""

    @abstractmethod
    def probabilities(self, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """(N, classes) of the images x, by `network`."""

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        if not self.trainer.training:
            return batch
        generator = torch.Generator().manual_seed(int(batch["seed"]))
        labelmap = self.config.data.input == "labelmap"
        return {**batch, "x": augmented(batch["x"], self.config.augmentation, labelmap, generator)}

    def autocast(self) -> torch.autocast:
        """What the networks run in: bfloat16 where that is asked for, or fast."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=wants_bf16(self.config.trainer.precision, self.device)
        )

    def share_of_time(self) -> float:
        """How much of `limit` is over; 0 without one."""
        now = 0.0 if self._began is None else self._clock() - self._began
        return (self.seconds_trained + now) / self.limit

    def on_train_epoch_start(self) -> None:
        self._began = self._clock()

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        loss = self.training_loss(batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch["y"]))
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        left_out = leave_out_broken(self.network)
        self.log("gradients_left_out", float(left_out), on_step=False, on_epoch=True, reduce_fx="sum")

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.average.update_parameters(self.network)

    def on_train_epoch_end(self) -> None:
        self.seconds_trained += self._clock() - self._began
        self._began = None

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._seen.append((self.probabilities(self.average.module, batch["x"]).float(), batch["y"]))

    def on_validation_epoch_end(self) -> None:
        p, y = (torch.cat(parts) for parts in zip(*self._seen, strict=True))
        self._seen.clear()
        self.log("val_loss", -p[torch.arange(len(y)), y].clamp_min(1e-6).log().mean(), prog_bar=True)
        given = Predictions(p.double().cpu().numpy(), y.cpu().numpy())
        self.log("val_auc", float(auc(given, np.ones((1, len(y))))[0]), prog_bar=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["seconds_trained"] = self.seconds_trained

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.seconds_trained = checkpoint["seconds_trained"]


def running_mean(decay: float) -> Callable[[list[torch.Tensor], list[torch.Tensor], torch.Tensor | int], None]:
    """For `AveragedModel`: exponential, of decay min(decay, (1 + n) / (10 + n)) after n updates, so that the mean forgets
    its random start early; whole numbers are copied."""

    @torch.no_grad()
    def update(means: list[torch.Tensor], values: list[torch.Tensor], updates: torch.Tensor | int) -> None:
        share = 1 - min(decay, (1 + int(updates)) / (10 + int(updates)))
        for mean, value in zip(means, values, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value.to(mean.dtype), share)
            else:
                mean.copy_(value)

    return update
