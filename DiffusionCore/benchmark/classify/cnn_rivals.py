"""Rivals of MONAI: 3D ResNet-18 and DenseNet-121, trained for given minutes of processor time on the same cases.

At 28³ their own stems would leave less than a voxel: the pooling after the first convolution is left out, and ResNet's
first convolution is 3³, as MedMNIST's baselines have it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from DiffusionCore.benchmark.classify.datasets import Cases, Dataset
from DiffusionCore.benchmark.classify.record import Facts, Predict
from DiffusionCore.metrics.calibration import LEAST_PROBABILITY
from DiffusionCore.metrics.classifier import Predictions, auc
from DiffusionCore.networks.gradients import leave_out_broken
from DiffusionCore.progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import nn

Augment = Callable[["torch.Tensor", "torch.Generator"], "torch.Tensor"]
"""A changed copy of images (N, 1, K, J, I), as our own training changes them."""

BATCH, RATE, DECAY, SMOOTHING, WARM_UP, CLIP = 16, 1e-3, 0.01, 0.1, 0.1, 1.0
EVERY_SECONDS = 120.0  # between checkpoints, and between validations
CHECKPOINT = "last.pt"


def resnet18(classes: int) -> nn.Module:
    """MONAI's 3D ResNet-18 (33.1 M parameters) for small images."""
    from monai.networks.nets import resnet18 as monai_resnet18

    sizes = {"conv1_t_size": 3, "conv1_t_stride": 2, "no_max_pool": True}
    return monai_resnet18(spatial_dims=3, n_input_channels=1, num_classes=classes, **sizes)


def densenet121(classes: int) -> nn.Module:
    """MONAI's 3D DenseNet-121 (11.2 M parameters) for small images."""
    from monai.networks.nets import DenseNet121
    from torch import nn

    network = DenseNet121(spatial_dims=3, in_channels=1, out_channels=classes)
    network.features.pool0 = nn.Identity()
    return network


def train_cnn(
    build: Callable[[int], nn.Module],
    data: Dataset,
    seed: int,
    minutes: float,
    folder: Path,
    augment: Augment,
    progress: Progress,
) -> tuple[Predict, Facts]:
    """Train for `minutes` of processor time (AdamW, one cycle of warm-up and cosine over them, class weights, label
    smoothing) and keep the weights of the best validation AUC. Goes on from the checkpoint in `folder`.
    """
    import torch
    from torch.nn import functional as F

    from DiffusionCore.inference.device import cpu_has_bfloat16

    bfloat16 = cpu_has_bfloat16()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(2).to(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    counts = np.bincount(data.train.labels, minlength=2)
    weights = torch.from_numpy(len(data.train) / (2 * counts)).float()
    state = {"spent": 0.0, "step": 0, "best": -1.0, "kept": copy.deepcopy(network.state_dict())}
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / CHECKPOINT).is_file():
        held = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)
        network.load_state_dict(held["network"])
        optimiser.load_state_dict(held["optimiser"])
        state = held["state"]
    limit, last = 60 * minutes, state["spent"]
    began = time.process_time() - state["spent"]
    while state["spent"] < limit:
        share = state["spent"] / limit
        for group in optimiser.param_groups:
            group["lr"] = RATE * cycle(share)
        x, y = batch(data.train, seed, state["step"], augment)
        network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = network(x)
        loss = F.cross_entropy(logits.float(), y, weight=weights, label_smoothing=SMOOTHING)
        optimiser.zero_grad()
        loss.backward()
        leave_out_broken(network)
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimiser.step()
        state["step"] += 1
        state["spent"] = time.process_time() - began
        progress.advance(min(state["spent"] / limit, 1.0))
        if state["spent"] - last > EVERY_SECONDS or state["spent"] >= limit:
            keep_best(network, data.val, state)
            torch.save(
                {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "state": state},
                folder / f".{CHECKPOINT}",
            )
            (folder / f".{CHECKPOINT}").replace(folder / CHECKPOINT)
            state["spent"] = last = time.process_time() - began
    network.load_state_dict(state["kept"])
    note = f"validation AUC {state['best']:.3f}"
    parameters = sum(p.numel() for p in network.parameters())
    facts = Facts(cpu_minutes=state["spent"] / 60, parameters=parameters, note=note, steps=state["step"])
    return lambda images: probabilities(network, images), facts


def cycle(share: float) -> float:
    """Learning rate over its highest: a linear rise over the first tenth, then a cosine to 0."""
    if share < WARM_UP:
        return 0.02 + 0.98 * share / WARM_UP
    return 0.5 * (1 + float(np.cos(np.pi * min((share - WARM_UP) / (1 - WARM_UP), 1.0))))


def batch(cases: Cases, seed: int, step: int, augment: Augment) -> tuple[torch.Tensor, torch.Tensor]:
    """The images and labels of a step: each epoch in an order of its own, the same after a restart."""
    import torch

    size = min(BATCH, len(cases))
    epoch, place = divmod(step, len(cases) // size)
    order = np.random.default_rng([seed, epoch]).permutation(len(cases))[place * size : (place + 1) * size]
    x = torch.from_numpy(cases.images[order])[:, None]
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    changed = augment(x, generator).contiguous(memory_format=torch.channels_last_3d)
    return changed, torch.from_numpy(cases.labels[order])


def keep_best(network: nn.Module, val: Cases, state: dict) -> None:
    """Put the weights into `state` if their validation AUC is the best so far."""
    found = float(auc(Predictions(probabilities(network, val.images), val.labels), np.ones((1, len(val))))[0])
    if found > state["best"]:
        state["best"] = found
        state["kept"] = copy.deepcopy(network.state_dict())


def probabilities(network: nn.Module, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """(N, classes) of images (N, K, J, I)."""
    import torch

    network.eval()
    with torch.inference_mode():
        logits = [
            network(torch.from_numpy(np.array(part))[:, None]) for part in np.array_split(images, -(-len(images) // 32))
        ]
    p = torch.cat(logits).double().softmax(dim=1).clamp_min(LEAST_PROBABILITY).numpy()
    return p / p.sum(axis=1, keepdims=True)
