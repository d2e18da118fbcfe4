"""A classifier's whole training: two phases, then calibration, results and the model folder."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from ...classification import LabelDiffusion, S4Config, preset
from ...errors import UsageError
from ..folder import prepare_folder
from ..splits import data_root
from .cases import Cases, check_cases, read_cases
from .class_split import make_class_split, write_class_split
from .config import ClassifierConfig
from .export import export_classifier
from .fitting import fit_phase
from .guidance_phase import GuidanceTraining
from .label_phase import LabelTraining
from .loader import class_weights
from .results import predict, write_results
from .scans import find_scans


def run_classifier(config: ClassifierConfig, resume: bool = False, quiet: bool = False, commit: str = "") -> Path:
    """Train the classifier that `config` describes; returns the model's folder, `runs/NAME/model`.

    Phase 1 ends with the guidance network of its best validation epoch, phase 2 with the whole. Test cases are never
    read. Resumed, the phase that was interrupted goes on from its last epoch.

    Raises `UsageError` for a configuration that can't be, `InputError` for cases that can't be learnt from, `Cancelled`
    on Ctrl-C.
    """
    network_config = classifier_network(config)
    if not resume and any(config.folder.glob("*.last.ckpt")):
        raise UsageError(f"{config.folder} holds a run already; go on with --resume, or give another name=NAME")
    train, val = (read_cases(config.data, split, network_config.region) for split in ("train", "val"))
    check_cases({"train": train, "val": val}, config.data.classes)
    prepare_folder(config)
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = LabelDiffusion(network_config).to(memory_format=torch.channels_last_3d)
        network.set_checkpointing(config.trainer.checkpointing)
        guided = _guidance(config, network, train, val, resume, quiet)
        best, seconds = _labels(config, network, train, val, guided, resume, quiet)
    best.set_checkpointing(False)
    best.eval()
    found = predict(best, val, config)
    write_results(config.folder, found, val, config.data.classes)
    recipe = {"commit": commit, "hours": round(seconds / 3600, 3), "guidance_hours": round(guided / 3600, 3)}
    export_classifier(config.folder / "model", config, best, train, val, found, recipe)
    return config.folder / "model"


def classifier_network(config: ClassifierConfig) -> S4Config:
    """The network of a configuration. Raises `UsageError` where its parts do not go together."""
    options = config.network.options
    if taken := sorted({"grid", "classes"} & options.keys()):
        raise UsageError(f"network.options.{taken[0]} follows from the data; set data.size and data.classes")
    return preset(config.network.preset, grid=config.data.size, classes=len(config.data.classes), **options)


def make_split(config: ClassifierConfig) -> Path:
    """Write the split file that the configuration names, of the scans in its classes' folders; returns its path.

    Raises `UsageError` for data that come with their own split, `InputError` as `find_scans` and `make_class_split`,
    `OutputError` if there is one already.
    """
    if config.data.target == "medmnist":
        raise UsageError("a MedMNIST file holds its official split; there is none to make")
    scans = find_scans(config.data, data_root(config.data.root))
    return write_class_split(make_class_split(scans, seed=config.seed, most=config.data.most), config.data.split)


def _guidance(
    config: ClassifierConfig, network: LabelDiffusion, train: Cases, val: Cases, resume: bool, quiet: bool
) -> float:
    """Phase 1; puts its best weights into `network`. Returns the seconds it took."""
    weights = None
    if config.trainer.balance == "weights":
        weights = class_weights(train.labels, len(config.data.classes))
    module = GuidanceTraining(config, network.guide, weights)
    # half of the time, so that the labels' phase has its own
    seconds = 30 * (config.trainer.max_minutes or math.inf)
    best = fit_phase(
        config, config.guidance, "guidance", module, train, val, seconds=seconds, resume=resume, quiet=quiet
    )
    network.guide.load_state_dict(best.state_dict())
    return module.seconds_trained


def _labels(
    config: ClassifierConfig,
    network: LabelDiffusion,
    train: Cases,
    val: Cases,
    seconds: float,
    resume: bool,
    quiet: bool,
) -> tuple[LabelDiffusion, float]:
    """Phase 2; returns the averaged network of its best epoch, and the seconds of both phases."""
    module = LabelTraining(config, network)
    left = max(60 * (config.trainer.max_minutes or math.inf) - seconds, 1.0)
    best = fit_phase(config, config.labels, "labels", module, train, val, seconds=left, resume=resume, quiet=quiet)
    return best, seconds + module.seconds_trained
