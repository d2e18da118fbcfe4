"""What happens beside the training: sample images, the exported model, the progress bar's length."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger

from .lightning_module import DenoiserTraining


class StepBar(TQDMProgressBar):
    """A progress bar over the run's steps; the stream of examples itself has no end."""

    @property
    def total_train_batches(self) -> int | float:
        return self.trainer.max_steps


class ValidateByTheClock(Callback):
    """Validates every so many minutes. The first process's clock counts for all, since those that disagreed would wait
    for each other for ever."""

    NEVER = 1 << 60

    def __init__(self, minutes: float) -> None:
        self.seconds = 60 * minutes
        self._last = 0.0

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._last = time.monotonic()

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        due = trainer.strategy.broadcast(time.monotonic() - self._last >= self.seconds)
        # Lightning validates when the number of batches so far is a multiple of this
        trainer.val_check_batch = trainer.fit_loop.total_batch_idx + 1 if due else self.NEVER
        if due:
            self._last = time.monotonic()


class SampleImages(Callback):
    """Shows middle slices of the first validation crops to TensorBoard: input, restored, target."""

    def __init__(self, crops: int = 6) -> None:
        self.crops = crops

    def on_validation_batch_end(
        self, trainer: pl.Trainer, module: DenoiserTraining, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        if outputs is None or batch_idx >= self.crops or trainer.sanity_checking:
            return
        window = module.config.validation.window
        row = torch.cat([_middle(image, window) for image in (batch["y"], outputs, batch["x"])], dim=-1)
        _show(trainer, f"validation/{batch_idx}", row)


def _middle(image: torch.Tensor, window: tuple[float, float] | None) -> torch.Tensor:
    """(J, I) in 0..1: the middle slice of the first image of (N, 1, *S), within the window."""
    low, high = window or (0.0, 1.0)
    slice_ = image[0, 0]
    if slice_.ndim == 3:
        slice_ = slice_[len(slice_) // 2]
    return ((slice_.float() - low) / (high - low)).clamp(0, 1).cpu()


def _show(trainer: pl.Trainer, tag: str, image: torch.Tensor) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(tag, image[None], trainer.global_step)


class ExportBest(Callback):
    """Calls `export` with the averaged weights whenever the monitored figure is the best so far, and remembers which."""

    def __init__(self, export: Callable[[DenoiserTraining, dict[str, float]], None]) -> None:
        self.export = export
        self.best: float | None = None

    def on_validation_end(self, trainer: pl.Trainer, module: DenoiserTraining) -> None:
        if trainer.sanity_checking:
            return
        name, direction = module.monitored
        value = trainer.callback_metrics.get(name)
        if value is None:
            return
        better = self.best is None or (value > self.best if direction == "max" else value < self.best)
        if better:
            self.best = float(value)
            if trainer.is_global_zero:
                self.export(module, figures(trainer))

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = state["best"]


def figures(trainer: pl.Trainer) -> dict[str, float]:
    """The validation figures that were logged last."""
    return {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val_")}
