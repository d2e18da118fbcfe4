"""Running a phase to its end: checkpoints, early stopping, logs; and the weights that did best in validation."""

from __future__ import annotations

import logging
import signal
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import nn

from ...errors import Cancelled, InputError
from .cases import Cases
from .config import ClassifierConfig, GuidancePhase, LabelPhase
from .loader import evaluation_loader, training_loader
from .phase import Phase


class Stopwatch(Callback):
    """Ends a phase after its time."""

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Phase) -> None:
        trainer.should_stop = trainer.should_stop or module.share_of_time() >= 1


def fit_phase(
    config: ClassifierConfig,
    phase: GuidancePhase | LabelPhase,
    name: str,
    module: Phase,
    train: Cases,
    val: Cases,
    *,
    seconds: float,
    resume: bool,
    quiet: bool,
) -> nn.Module:
    """Train `module` to the phase's end and return the averaged network of its best epoch.

    Checkpoints `NAME.last.ckpt` and `NAME.best.ckpt` are in the run's folder; with `resume`, training goes on from the
    former. `seconds` of training end the phase early. Raises `Cancelled` on Ctrl-C.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"lightning\.pytorch")
    folder = config.folder
    mode = "max" if phase.monitor == "val_auc" else "min"
    best = ModelCheckpoint(folder, f"{name}.best", phase.monitor, mode=mode, enable_version_counter=False)
    last = ModelCheckpoint(
        folder, f"{name}.last", every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False
    )
    module.limit = seconds
    callbacks: list[Callback] = [best, Stopwatch()]
    if phase.patience:
        callbacks.append(EarlyStopping(phase.monitor, mode=mode, patience=phase.patience))
    start = folder / f"{name}.last.ckpt"
    resumed = resume and start.is_file()
    # one file per start of the run: Lightning's logger begins its file anew
    loggers: list[Logger] = [
        CSVLogger(folder, name="csv", version=f"{name}-{1 + len(list(folder.glob(f'csv/{name}-*')))}")
    ]
    if config.tensorboard:
        loggers.append(TensorBoardLogger(folder, name="tensorboard", version=name))
    trainer = pl.Trainer(
        max_epochs=phase.epochs,
        accelerator=config.trainer.accelerator,
        devices=1,
        gradient_clip_val=phase.clip,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        callbacks=[*callbacks, last],
        logger=loggers,
        enable_progress_bar=not quiet,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(
            module,
            training_loader(train, config.trainer.batch_size, config.seed, config.trainer.balance == "sampling"),
            evaluation_loader(val, 4 * config.trainer.batch_size),
            ckpt_path=start if resumed else None,
            weights_only=True,
        )
    except SystemExit as error:
        raise Cancelled(f"stopped in epoch {module.current_epoch + 1}; go on with --resume") from error
    finally:
        signal.signal(signal.SIGINT, handler)
    load_best(folder / f"{name}.best.ckpt", module)
    (folder / f"{name}.done").touch()
    return module.average.module


def load_best(path: Path, module: Phase) -> None:
    """Put the phase's best checkpoint into `module`. Raises `InputError` if it is no checkpoint of this network."""
    try:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"{path}: not a checkpoint of this training, or damaged") from error
