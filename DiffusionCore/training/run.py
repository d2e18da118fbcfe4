"""A whole training run: from a configuration to a model folder, to be interrupted and resumed at will."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import torch

from ..errors import Cancelled, InputError, UsageError
from ..inference import reused_memory
from .checkpoint import read_checkpoint
from .classify.config import ClassifierConfig
from .classify.run import run_classifier
from .config import TrainingConfig
from .config_file import load_config
from .data_module import TrainingData
from .export import commit_of, export_model, start_from
from .folder import prepare_folder
from .lightning_module import DenoiserTraining
from .network import make_denoiser
from .trainer import LAST, make_trainer


def train(
    config_path: str | Path, overrides: Sequence[str] = (), resume: bool | str | Path = False, quiet: bool = False
) -> Path:
    """Train as the YAML file at `config_path` says; returns the model's folder, `runs/NAME/model`.

    overrides   "key.sub=value" strings, each replacing one setting
    resume      True: go on from the run's last checkpoint (from the start, if there is none yet); a path: from that one
    quiet       no progress bar

    A run that was killed and resumed ends with the weights it would have ended with. Raises `UsageError` for a bad
    configuration, `InputError` for missing data, `ModelError` if `init` does not fit, `Cancelled` on Ctrl-C.
    """
    config = load_config(config_path, overrides)
    commit = commit_of(Path(config_path).resolve().parent)
    if isinstance(config, ClassifierConfig):
        if resume not in (True, False):
            raise UsageError("a classifier's training goes on from its own run; give --resume without a path")
        return run_classifier(config, bool(resume), quiet, commit)
    return run(config, resume, quiet, commit)


def run(config: TrainingConfig, resume: bool | str | Path = False, quiet: bool = False, commit: str = "") -> Path:
    """`train` for a configuration that is loaded already."""
    checkpoint = find_checkpoint(config, resume)
    denoiser, process = make_denoiser(config)
    start = None if config.init is None else start_from(config, denoiser)
    module = DenoiserTraining(config, denoiser, process)
    first_step = 0 if checkpoint is None else int(read_checkpoint(checkpoint, module)["global_step"])
    data = TrainingData(config, first_step, quiet)
    prepare_folder(config)
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)

    def export(module: DenoiserTraining, figures: dict[str, float]) -> None:
        export_model(config.folder / "model", module, figures, commit, start)

    trainer = make_trainer(config, module, export, first_step, data.validates, quiet)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with reused_memory():
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        if data.validates and module.validated_at != module.global_step:
            trainer.validate(module, datamodule=data, verbose=False)
        elif not data.validates and trainer.is_global_zero:
            export(module, {})
    except SystemExit as error:
        raise Cancelled(
            f"stopped at step {module.global_step}; go on from the last checkpoint with --resume"
        ) from error
    finally:
        signal.signal(signal.SIGINT, handler)  # after a Ctrl-C Lightning leaves it ignored
    return config.folder / "model"


def find_checkpoint(config: TrainingConfig, resume: bool | str | Path) -> Path | None:
    """The checkpoint to go on from. Raises `InputError` if a named one is not there, `UsageError` if a run is in the way."""
    last = config.folder / LAST
    if resume is True:
        return last if last.is_file() else None
    if resume:
        if not Path(resume).is_file():
            raise InputError(f"{resume}: no such checkpoint")
        return Path(resume)
    if last.exists():
        raise UsageError(f"{config.folder} holds a run already; go on with --resume, or give another name=NAME")
    return None
