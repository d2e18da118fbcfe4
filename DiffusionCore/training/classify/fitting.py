"""Running a phase to its end: checkpoints, early stopping, logs; and the weights that did best in validation."""

from __future__ import annotations

import logging
import shutil
import signal
import warnings
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from torch import nn

from ...errors import Cancelled
from ..checkpoint import read_checkpoint
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
    former, and a phase that had come to its end is only loaded. `seconds` of training end the phase early. Raises
    `InputError` for checkpoints of another network, or damaged, `Cancelled` on Ctrl-C.
    """
    folder = config.folder
    start, done = folder / f"{name}.last.ckpt", folder / f"{name}.done"
    if resume and done.exists():
        module.seconds_trained = read_checkpoint(start, module)["seconds_trained"]
        return best_of(folder, name, module)
    resumed = start if resume and start.is_file() else None
    if resumed:
        read_checkpoint(resumed, module)
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"lightning\.pytorch")
    mode = "max" if phase.monitor == "val_auc" else "min"
    best = ModelCheckpoint(folder, f"{name}.best", phase.monitor, mode=mode, enable_version_counter=False)
    last = ModelCheckpoint(
        folder, f"{name}.last", every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False
    )
    module.limit = seconds
    callbacks: list[Callback] = [best, Stopwatch()]
    if phase.patience:
        callbacks.append(EarlyStopping(phase.monitor, mode=mode, patience=phase.patience))
    if resumed:
        read_checkpoint(start, module)  # refuses in a sentence what Lightning would stumble over
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
            ckpt_path=resumed,
            weights_only=True,
        )
    except SystemExit as error:
        raise Cancelled(f"stopped in epoch {module.current_epoch + 1}; go on with --resume") from error
    finally:
        signal.signal(signal.SIGINT, handler)
    done.touch()
    return best_of(folder, name, module)


def best_of(folder: Path, name: str, module: Phase) -> nn.Module:
    """The averaged network of the phase's best checkpoint. Raises `InputError` if that is none of this network."""
    module.load_state_dict(read_checkpoint(folder / f"{name}.best.ckpt", module)["state_dict"])
    return module.average.module


def take_over(name: str, source: Path, folder: Path) -> None:
    """Let the run in `folder` begin with a phase that the run in `source` has finished; one that is there stays."""
    if (folder / f"{name}.done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("best.ckpt", "last.ckpt", "done"):
        shutil.copyfile(source / f"{name}.{part}", folder / f"{name}.{part}")
