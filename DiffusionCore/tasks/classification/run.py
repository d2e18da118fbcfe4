"""Running a classifier: the encoders once, then samples of the label; on the device asked for, else on the CPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DeviceError, ModelError, UsageError
from ...progress import Progress
from .options import ClassifyOptions

if TYPE_CHECKING:
    from ...models import Classifier


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a classifier said of N images, as arrays.

    samples    (S, N, classes) probabilities as drawn; guidance (N, classes) the guidance network's own answer
    saliency   (N, *cells) 0 to 1, spanning each image evenly
    regions    (N, R, 3) first voxels (k, j, i), best first; extent (3,) voxels of each; evidence (N, R) in each, 0 to 1
    device     that it ran on; fallbacks: what had to be given up for that, in sentences
    """

    samples: np.ndarray
    guidance: np.ndarray
    saliency: np.ndarray
    regions: np.ndarray
    extent: tuple[int, ...]
    evidence: np.ndarray
    device: str
    fallbacks: tuple[str, ...] = ()


def answer(model: Classifier, images: np.ndarray, asked: ClassifyOptions, progress: Progress) -> Evidence:
    """Classify images (N, K, J, I) as the network sees them. The same seed gives the same answer whatever N is.

    A GPU that is out of memory is given up for the CPU, unless `no_fallback`. Raises `DeviceError` out of memory,
    `UsageError` for steps that the model hasn't got, `ModelError` where the network's answer is no number, `Cancelled`.
    """
    import torch

    from ...inference import choose_device, threads
    from ...inference.run import out_of_memory

    config = model.network.config
    spec = model.card.classify
    steps, samples = asked.steps or min(spec.steps, config.steps), asked.samples or spec.samples
    if asked.steps and asked.steps > config.steps:
        raise UsageError(f"--steps must be 1 to {config.steps} for {model.card.name!r}, got {asked.steps}")
    device = choose_device(asked.device)
    places = [device] if asked.no_fallback or device.type == "cpu" else [device, torch.device("cpu")]
    with threads(asked.threads):
        for place in places:
            try:
                found = _run(model, images, samples, steps, asked.seed, place, progress)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                progress.say(f"{place} ran out of memory")
            else:
                given_up = () if place is device else (f"{device} ran out of memory; the CPU was used",)
                return replace(found, fallbacks=given_up)
            finally:
                model.network.to("cpu")
    instead = "take fewer --samples" if places[-1].type == "cpu" else "try --device cpu"
    raise DeviceError(f"{places[-1]} ran out of memory; {instead}")


def _run(
    model: Classifier,
    images: np.ndarray,
    samples: int,
    steps: int,
    seed: int,
    device: object,
    progress: Progress,
) -> Evidence:
    import torch

    from ...classification import pointed_regions
    from ...inference.watch import shares_of_work, watched

    network = model.network.to(device)
    x = torch.from_numpy(np.array(images, dtype=np.float32))[:, None].to(device)
    with torch.inference_mode():
        progress.stage("look")
        with watched(shares_of_work(network.guide), progress.advance):
            guidance = network.encode(x)
        regions, evidence = pointed_regions(guidance, x, network.config, outline=model.card.input == "labelmap")
        progress.stage("draw labels")
        # all samples are one batch, which takes as many passes as there are steps
        shares = [(layer, share / steps) for layer, share in shares_of_work(network.denoiser)]
        with watched(shares, progress.advance):
            drawn = network.sample(guidance, samples=samples, steps=steps, seed=seed)
    found = Evidence(
        samples=as_array(drawn),
        guidance=as_array(guidance.probabilities),
        saliency=as_array(guidance.where),
        regions=regions.cpu().numpy(),
        extent=tuple(network.config.region),
        evidence=as_array(evidence),
        device=str(device),
    )
    if not (np.isfinite(found.samples).all() and np.isfinite(found.saliency).all()):
        raise ModelError(f"the model {model.card.name!r} answered with numbers that are not finite; it is damaged")
    return found


def as_array(tensor: object) -> np.ndarray:
    return np.asarray(tensor.float().cpu().numpy(), dtype=np.float64)
