"""What a synthesis model can do so far: the same images at every validation, from the same noise, on one sheet."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger

from ..inference import GenerationSettings, Wanted, generate
from ..models.cascade import clip_of
from ..networks import NO_LABEL, halved
from ..report.sheet import tiled, write_sheet
from .export import on_card
from .lightning_module import DenoiserTraining
from .whole_images import ImageSource

WINDOW = (0.0, 1.0)  # of the normalised values that a sheet shows
SHOWN_BY_UPSCALER = 4


class SaveSamples(Callback):
    """At every validation draws images by the averaged weights, writes `samples/STEP.png` into the run's folder and shows
    them in TensorBoard."""

    def on_validation_epoch_end(self, trainer: pl.Trainer, module: DenoiserTraining) -> None:
        wanted = module.config.synthesis
        if trainer.sanity_checking or not trainer.is_global_zero or (wanted is not None and wanted.sheet == 0):
            return
        rows = drawn(module, trainer.datamodule.validation_source)
        picture, columns = [image[0] for row in rows for image in row.cpu().numpy()], len(rows[0])
        folder = module.config.folder / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        write_sheet(folder / f"{trainer.global_step:07d}.png", picture, WINDOW, columns, overwrite=True)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                shown = torch.from_numpy(tiled(picture, WINDOW, columns))[None]
                logger.experiment.add_image("samples", shown, trainer.global_step)


def drawn(module: DenoiserTraining, source: Any) -> list[torch.Tensor]:
    """Rows of images (n, 1, *S). From noise: asked for evenly over the first label's range. Of an upscaler: what it is
    given, its answer and the truth, of validation images."""
    config = module.config
    wanted = config.synthesis
    if wanted is None:
        settings = GenerationSettings(batch=16)
        made = generate(module.denoiser, module.process, Wanted(16, config.data.patch, clip=WINDOW), settings)
        return list(made.split(4))
    settings = GenerationSettings(steps=wanted.steps, guidance=wanted.guidance, batch=4)
    device = module.denoiser.signal.device
    if wanted.upscale == 1:
        label = None
        if wanted.labels:
            label = torch.full((wanted.sheet, len(wanted.labels)), NO_LABEL)
            label[:, 0] = torch.linspace(0, 1, wanted.sheet)
        asked = Wanted(wanted.sheet, wanted.size, label, clip=clip_of(on_card(config.data.normalisation)))
        return list(generate(module.denoiser, module.process, asked, settings).split(-(-wanted.sheet // 2)))
    truth = torch.cat([source.image(n) for n in spread(source, SHOWN_BY_UPSCALER)]).to(device)
    smaller = halved(truth, wanted.upscale)
    label = torch.stack([torch.from_numpy(source.label(n)) for n in spread(source, SHOWN_BY_UPSCALER)])
    asked = Wanted(len(truth), wanted.size, label if wanted.labels else None, smaller, wanted.told)
    answer = generate(module.denoiser, module.process, asked, settings)
    given = smaller.repeat_interleave(wanted.upscale, -1).repeat_interleave(wanted.upscale, -2)
    return [given, answer, truth]


def spread(source: ImageSource, count: int) -> list[int]:
    """Numbers of `count` images, evenly over all there are."""
    return np.linspace(0, len(source.images), count, endpoint=False).astype(int).tolist()
