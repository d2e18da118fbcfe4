"""Classifiers on disk: a model folder whose card has the part `classify`, and the label diffusion that it describes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ModelError, UsageError
from .card import Card, DiffusionSpec, NetworkSpec, read_card, write_card
from .registry import CARD, find_model, new_model
from .weights_file import WEIGHTS, load_weights, save_weights

if TYPE_CHECKING:
    from ..classification import LabelDiffusion


@dataclass(frozen=True, eq=False)
class Classifier:
    """A loaded classifier: its card, and its network in evaluation mode."""

    card: Card
    network: LabelDiffusion
    folder: Path


def load_classifier(name_or_path: str | Path, device: str = "cpu") -> Classifier:
    """Load a classifier by name or folder onto `device`, in float32.

    Raises `ModelError` if it is not there, is for another task, or its weights don't fit its card.
    """
    from ..classification import LabelDiffusion, S4Config

    folder = find_model(name_or_path)
    card = read_card(folder / CARD)
    if card.classify is None:
        raise ModelError(f"the model {card.name!r} doesn't classify; `models list` shows which do")
    state = load_weights(folder / WEIGHTS, card.sha256, card.name)
    try:
        network = LabelDiffusion(S4Config(**card.classify.network))
    except (TypeError, ValueError, UsageError) as error:
        raise ModelError(f"the card of {card.name!r} describes no network that can be built: {error}") from None
    if network.config.classes != len(card.classify.classes):
        raise ModelError(
            f"the card of {card.name!r} names {len(card.classify.classes)} classes of its network's others"
        )
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise ModelError(f"the weights of {card.name!r} don't fit the network on its card") from None
    return Classifier(card, network.eval().requires_grad_(False).to(device), folder)


def save_classifier(folder: Path, card: Card, network: LabelDiffusion) -> Card:
    """Write a model folder: weights in half precision, and the card with the network's configuration, process, checksum,
    counts and golden output filled in.

    Raises `OutputError` if the folder cannot be written, `UsageError` if the card is not a classifier's.
    """
    if card.classify is None:
        raise UsageError(f"the card of {card.name!r} has no part 'classify'")
    config = network.config
    parts = {
        "classify": card.classify.model_copy(update={"network": plain(dataclasses.asdict(config))}),
        "diffusion": DiffusionSpec(process=config.schedule, steps=config.steps, options=dict(config.schedule_options)),
        "network": NetworkSpec(
            unet={}, prediction=config.prediction, parameters=sum(p.numel() for p in network.parameters())
        ),
    }
    with new_model(folder, overwrite=True) as new:
        checksum = save_weights(network.state_dict(), new / WEIGHTS)
        card = card.model_copy(update={**parts, "sha256": checksum})
        write_card(card, new / CARD)
        kept = load_classifier(new).network
        work = macs_per_voxel(kept, card.classify.samples, card.classify.steps)
        spec = card.network.model_copy(update={"macs_per_voxel": round(work, 1)})
        card = card.model_copy(update={"golden": golden_answer(kept), "network": spec})
        write_card(card, new / CARD)
    return card


def macs_per_voxel(network: LabelDiffusion, samples: int, steps: int) -> float:
    """Multiply-accumulates of an answer by `samples` of `steps`, for each voxel of its image."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    x = torch.zeros((1, 1, *network.config.grid))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.sample(network.encode(x), samples=samples, steps=steps)
    return counter.get_total_flops() / 2 / x.numel()


def golden_answer(network: LabelDiffusion) -> str:
    """A short checksum of what the network answers to a fixed image, rounded to 1e-3."""
    import torch

    generator = torch.Generator().manual_seed(0)
    x = torch.rand((1, 1, *network.config.grid), generator=generator)
    with torch.no_grad():
        guidance = network.encode(x)
        drawn = network.sample(guidance, samples=2, steps=min(4, network.config.steps))
    answer = torch.cat([guidance.global_logits, guidance.local_logits, drawn.flatten(0, 1)]).flatten()
    return " ".join(f"{float(value):.3f}" for value in answer)


def plain(content: object) -> object:
    """The same in what YAML holds safely: tuples become lists."""
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [plain(value) for value in content]
    return content
