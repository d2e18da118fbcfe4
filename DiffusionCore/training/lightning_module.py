"""The Lightning module: one training step of the diffusion model, its optimiser, and its validation."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch

from ..diffusion import Process, forward, loss
from ..errors import UsageError
from ..metrics.bootstrap import Blocks, Interval, blocks_of, within_subjects
from ..networks.denoiser import Denoiser
from ..networks.gradients import leave_out_broken
from .clock import CLOCKS
from .config import OptimiserConfig, TrainingConfig
from .ema import MovingAverage
from .network import autocast_network, wants_bf16
from .validation import relative_error, restore, to_psnr

FEWEST_BLOCKS = 4


def learning_rate(config: OptimiserConfig, step: int, done: float) -> float:
    """Linear warm-up over `warmup_steps`, times a cosine from 1 to `final` as `done` goes from 0 to 1."""
    warmup = min(1.0, (step + 1) / (config.warmup_steps + 1))
    cosine = config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    return config.learning_rate * warmup * cosine


class DenoiserTraining(pl.LightningModule):
    """Trains a denoiser on batches of `examples.ExampleSource`; keeps the moving average of its weights.

    Logs `train_loss`, `learning_rate`, `examples_per_second`, `gradients_left_out`; `val_psnr` (dB, in tissue, averaged weights)
    with one `val_psnr/LEVEL` per noise level, or `val_loss` for an unconditional model.
    """

    def __init__(self, config: TrainingConfig, denoiser: Denoiser, process: Process) -> None:
        super().__init__()
        self.config, self.denoiser, self.process = config, denoiser, process
        self.average = MovingAverage(denoiser, config.optimiser.ema)
        self.criterion = loss(config.diffusion.loss)
        self.seconds_trained = 0.0
        self.validated_at: int | None = None
        self._errors: dict[str, list[Blocks]] = {}
        self._clock = CLOCKS[config.trainer.clock]
        self._began = 0.0
        self._swap: Any = None

    def setup(self, stage: str) -> None:
        if stage != "fit":
            return
        device = self.trainer.strategy.root_device
        autocast_network(self.denoiser, wants_bf16(self.config.trainer.precision, device), device.type)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optimiser = self.config.optimiser
        # a fresh rate for every step is set in on_train_batch_start: a schedule without state of its own to resume
        return torch.optim.AdamW(
            self.denoiser.parameters(),
            lr=optimiser.learning_rate,
            betas=optimiser.betas,
            weight_decay=optimiser.weight_decay,
        )

    def diffusion_loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean loss of x0_hat in units of the error that is expected of it at t; r_T is fed as zeros where a_T = 0."""
        denoiser, t = self.denoiser, batch["t"]
        y, sigma = batch.get("y"), batch.get("sigma")
        x0 = denoiser.to_state(batch["x"], y, sigma)
        x_t = forward(self.process, x0, t, batch["epsilon"])
        if self.process.signal[-1] == 0:
            last = (t == self.process.steps).reshape(-1, *[1] * (x_t.ndim - 1))
            x_t = torch.where(last, 0.0, x_t)
        unit = denoiser.expected_error(t, x0 if sigma is None else sigma)
        asked = {name: batch[name] for name in ("label", "level") if name in batch}
        return self.criterion(denoiser(x_t, t, y, sigma, **asked) / unit, x0 / unit)

    def on_train_start(self) -> None:
        self._began = self._clock()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        rate = learning_rate(self.config.optimiser, self.global_step, self.done)
        for group in self.optimizers().param_groups:
            group["lr"] = rate

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        value = self.diffusion_loss(batch)
        self.log("train_loss", value, prog_bar=True)
        if self.global_step % self.config.logging.every_steps == 0 and not torch.isfinite(value):
            raise UsageError(
                f"the loss is no longer a number at step {self.global_step}; go on from best.ckpt (--resume PATH) with a "
                "lower optimiser.learning_rate, or with trainer.precision=fp32"
            )
        return value

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        left_out = leave_out_broken(self.denoiser)
        self.log("gradients_left_out", float(left_out))

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        # here and not in on_train_batch_end, which comes after the step's checkpoint has been written
        self.average.update(self.denoiser, self.global_step)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        now = self._clock()
        seconds, self._began = now - self._began, now
        # the first process's clock counts for all: it decides on the learning rate and on when to stop
        self.seconds_trained = self.trainer.strategy.broadcast(self.seconds_trained + seconds)
        world = self.trainer.world_size
        self.log("learning_rate", self.optimizers().param_groups[0]["lr"])
        self.log("examples_per_second", len(batch["x"]) * world / max(seconds, 1e-9))
        limit = self.config.trainer.max_minutes
        if limit is not None and self.seconds_trained >= 60 * limit:
            self.trainer.should_stop = True

    @property
    def done(self) -> float:
        """The share of the run that is over: by steps, or by minutes of training where those end sooner."""
        trainer = self.config.trainer
        by_time = self.seconds_trained / (60 * trainer.max_minutes) if trainer.max_minutes else 0.0
        return max(self.global_step / trainer.max_steps, by_time)

    def on_validation_start(self) -> None:
        self._errors = {}
        self._swap = self.average.applied(self.denoiser)
        self._swap.__enter__()

    def on_validation_epoch_end(self) -> None:
        # not in on_validation_end: by then the best checkpoint has been written, and with it whose weights are in place
        self._swap.__exit__(None, None, None)
        self.validated_at = self.global_step
        self._began = self._clock()

    def validation_step(self, item: dict[str, Any], batch_idx: int) -> torch.Tensor | None:
        """Logs the figures of one crop at one level; returns the restored crop (unconditional: None)."""
        if "y" not in item or "level" not in item:
            self.log("val_loss", self.diffusion_loss(item), prog_bar=True, batch_size=1, sync_dist=True)
            return None
        validation = self.config.validation
        restored = restore(
            self.denoiser, self.process, item["y"], item["sigma"], validation.steps, item.get("sigma_level")
        )
        error, tissue = (
            t[0, 0].cpu() for t in (relative_error(restored, item["x"], validation.window), item["tissue"])
        )
        blocks = blocks_of(error, tissue)
        figure = float(to_psnr(blocks.sums.sum() / blocks.counts.sum()))
        for name, shown in (("val_psnr", True), (f"val_psnr/{item['level']:g}", False)):
            self.log(name, figure, prog_bar=shown, batch_size=1, sync_dist=True)
            self._errors.setdefault(name, []).append(blocks)
        return restored

    def intervals(self) -> dict[str, Interval]:
        """Of each figure of the last validation in dB: how well these crops tell it, which says nothing about others.
        Empty where a crop has too few blocks to resample."""
        return {
            name: within_subjects(crops, transform=to_psnr)
            for name, crops in self._errors.items()
            if min(len(crop.sums) for crop in crops) >= FEWEST_BLOCKS
        }

    @property
    def monitored(self) -> tuple[str, str]:
        """The figure that best checkpoints and early stopping go by, and whether it is to be "max" or "min"."""
        return ("val_loss", "min") if self.config.degradation.target == "none" else ("val_psnr", "max")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["average"] = self.average.state_dict()
        checkpoint["seconds_trained"] = self.seconds_trained

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.average.load_state_dict(checkpoint["average"])
        self.seconds_trained = checkpoint["seconds_trained"]
