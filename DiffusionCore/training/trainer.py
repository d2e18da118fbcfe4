"""Lightning's trainer as a run needs it: checkpoints, early stopping, loggers, devices."""

from __future__ import annotations

import datetime
import logging
import warnings
from collections.abc import Callable

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from ..errors import UsageError
from .callbacks import ExportBest, SampleImages, StepBar, ValidateByTheClock
from .config import TrainingConfig
from .lightning_module import DenoiserTraining
from .samples import SaveSamples
from .timestep import device_count

LAST = "last.ckpt"
BEST = "best.ckpt"


def make_trainer(
    config: TrainingConfig,
    module: DenoiserTraining,
    export: Callable[[DenoiserTraining, dict[str, float]], None],
    first_step: int,
    validates: bool,
    quiet: bool,
) -> pl.Trainer:
    """A trainer that runs to `max_steps`, validates and keeps checkpoints as configured, and says so in a bar."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    # advice about worker counts and log intervals that the configuration has decided on
    warnings.filterwarnings("ignore", module=r"lightning\.pytorch")
    hardware, validation = config.trainer, config.validation
    every = (validation.every_steps or ValidateByTheClock.NEVER) if validates else None
    return pl.Trainer(
        max_steps=hardware.max_steps,
        max_epochs=-1,
        accelerator=hardware.accelerator,
        devices=hardware.devices,
        num_nodes=hardware.num_nodes,
        strategy="ddp" if device_count(config) > 1 else "auto",
        gradient_clip_val=config.optimiser.clip,
        val_check_interval=every,
        check_val_every_n_epoch=None if validates else 1,
        num_sanity_val_steps=0,
        limit_val_batches=None if validates else 0,
        log_every_n_steps=config.logging.every_steps,
        callbacks=_callbacks(config, module, export, validates, quiet),
        logger=_loggers(config, first_step),
        enable_progress_bar=not quiet,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=config.folder,
    )


def _callbacks(
    config: TrainingConfig,
    module: DenoiserTraining,
    export: Callable[[DenoiserTraining, dict[str, float]], None],
    validates: bool,
    quiet: bool,
) -> list[Callback]:
    callbacks: list[Callback] = [] if quiet else [StepBar(refresh_rate=10)]
    callbacks += _last_checkpoints(config)
    if validates:
        name, mode = module.monitored
        best = ModelCheckpoint(
            dirpath=config.folder,
            filename=BEST.removesuffix(".ckpt"),
            monitor=name,
            mode=mode,
            enable_version_counter=False,
            save_weights_only=False,
        )
        pictures = SaveSamples() if name == "val_loss" else SampleImages()
        callbacks += [pictures, ExportBest(export), best]
        if not config.validation.every_steps and config.validation.every_minutes:
            callbacks.append(ValidateByTheClock(config.validation.every_minutes))
        if config.validation.patience:
            callbacks.append(EarlyStopping(name, mode=mode, patience=config.validation.patience))
    return callbacks


def _last_checkpoints(config: TrainingConfig) -> list[Callback]:
    """Both write the same file; each is whole, since Lightning writes beside it and renames."""
    kept = config.checkpoint
    conditions = []
    if kept.every_steps is not None:
        conditions.append({"every_n_train_steps": kept.every_steps})
    if kept.every_minutes is not None:
        conditions.append({"train_time_interval": datetime.timedelta(minutes=kept.every_minutes)})
    return [
        ModelCheckpoint(
            dirpath=config.folder,
            filename=LAST.removesuffix(".ckpt"),
            save_top_k=1,
            enable_version_counter=False,
            **condition,
        )
        for condition in conditions
    ]


def _loggers(config: TrainingConfig, first_step: int) -> list[Logger]:
    wanted, folder = config.logging, config.folder
    loggers: list[Logger] = []
    if wanted.tensorboard:
        loggers.append(TensorBoardLogger(folder, name="", version="tensorboard", purge_step=first_step or None))
    if wanted.csv:
        # one file per start of the run: Lightning's logger begins its file anew
        loggers.append(CSVLogger(folder, name="csv", version=f"from-{first_step:07d}"))
    if wanted.wandb:
        loggers.append(_wandb(config))
    return loggers


def _wandb(config: TrainingConfig) -> Logger:
    try:
        import wandb
    except ImportError as error:
        raise UsageError("logging.wandb needs Weights & Biases; install DiffusionCore[wandb]") from error
    from lightning.pytorch.loggers import WandbLogger

    return WandbLogger(
        project="DiffusionCore",
        name=config.name,
        id=config.name,
        resume="allow",
        save_dir=config.folder,
        offline=config.logging.wandb_mode == "offline",
        config=config.model_dump(mode="json"),
        # what is printed may name scans; code and repository are nobody's business
        settings=wandb.Settings(console="off", disable_git=True, disable_code=True),
    )
