"""The committed toy: from nothing to drawn digits, by the configuration as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from DiffusionCore.inference import GenerationSettings, Wanted, generate
from DiffusionCore.models.registry import load_model
from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.readers import read_scans
from DiffusionCore.training.run import train

CONFIG = Path(__file__).resolve().parents[3] / "configs" / "toy_digits.yaml"


def test_the_toy_draws_new_digits_of_most_kinds(tmp_path):
    model = load_model(train(CONFIG, [f"runs={tmp_path}"], quiet=True))
    with torch.no_grad():
        wanted = Wanted(60, (16, 16), clip=(0.0, 1.0))
        drawn = generate(model.denoiser, model.process, wanted, GenerationSettings(steps=25, batch=60))
        drawn = drawn.numpy().reshape(60, -1)
    data = load_config(CONFIG).data
    learnt = read_scans(data, "train")[0].voxels.reshape(-1, 256).astype(np.float32)
    labels = load_digits().target[np.arange(1797) % 10 != 0]

    def nearest(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        distance = np.linalg.norm(images[:, None] - learnt[None], axis=-1)
        return distance.min(axis=1), labels[distance.argmin(axis=1)]

    distance, kind = nearest(drawn)
    noise, _ = nearest(np.random.default_rng(0).random((60, 256), dtype=np.float32))
    assert np.median(distance) < 0.5 * np.median(noise)
    assert distance.min() > 0.3  # drawn, not remembered
    assert len(set(kind.tolist())) >= 7
