"""S2 by configuration: its two capped schedules and its reversible blocks, in both families."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore import load_model
from DiffusionCore.training.run import train

REVERSIBLE = {
    "residual": "network.options={channels: [4, 8], embedding: 8, reversible: true, blocks: 2}",
    "image": "network.options={channels: [8, 8], embedding: 8, reversible: true, blocks: 2, attention_levels: []}",
}


@pytest.mark.parametrize("schedule", ["capped_cosine", "capped_cosine_literal"])
@pytest.mark.parametrize("state", ["residual", "image"])
def test_a_model_of_the_capped_process_and_reversible_blocks_trains_and_loads(world, schedule, state):
    name = f"s2-{state}-{schedule.replace('_', '-')}"
    settings = [f"name={name}", "trainer.max_steps=6", f"diffusion.schedule={schedule}", REVERSIBLE[state]]
    if state == "image":
        settings += ["network.target=reference-quarter", "diffusion.state=image", "validation.steps=2"]
    model = load_model(train(world / "tiny.yaml", settings, quiet=True))
    assert model.card.network.unet["reversible"] and model.process.noise[-1] == pytest.approx(0.3**0.5)
    y, sigma = torch.rand(1, 1, 8, 8, 8), torch.full((1, 1, 1, 1, 1), 0.05)
    answer = model.denoiser(torch.zeros_like(y), torch.tensor([model.process.steps]), y, sigma)
    assert answer.shape == y.shape and answer.isfinite().all()
