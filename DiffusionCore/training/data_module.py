"""The data of a run: scans read once, an endless stream of training examples, and the crops to validate on."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from torch.utils.data import DataLoader

from .config import TrainingConfig
from .examples import Source, make_loader, make_source
from .readers import read_scans
from .validation import validation_items


class TrainingData(pl.LightningDataModule):
    """Reads the scans when made; `first_step` is the step that the stream of examples begins at."""

    def __init__(self, config: TrainingConfig, first_step: int, quiet: bool = True) -> None:
        super().__init__()
        self.first_step = first_step
        self.source = make_source(config, read_scans(config.data, "train"), quiet)
        validating = read_scans(config.data, "val")
        self.crops: list[dict[str, Any]] = []
        self.validation_source: Source | None = None
        if validating:
            self.validation_source = make_source(config, validating, quiet)
            self.crops = validation_items(config, self.validation_source)

    @property
    def validates(self) -> bool:
        return bool(self.crops)

    def train_dataloader(self) -> DataLoader:
        return make_loader(self.source, self.first_step, self.trainer.global_rank, self.trainer.world_size)

    def val_dataloader(self) -> DataLoader | list:
        return DataLoader(self.crops, batch_size=None) if self.crops else []
