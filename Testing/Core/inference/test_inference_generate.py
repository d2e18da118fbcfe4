"""Images from noise: what the network is shown at each step, and where each image's noise comes from."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.diffusion import make_process
from DiffusionCore.errors import UsageError
from DiffusionCore.inference import GenerationSettings, Wanted, block_noise, generate
from DiffusionCore.networks import DenoiserConfig, UNetConfig, build_denoiser, enlarged

STEPS = 20


@pytest.fixture
def watched():
    """watched(state, labels) -> a denoiser, its process, and the list of what it is called with."""

    def make(state: str = "image", labels: int = 0):
        process = make_process("cosine_zero_snr", STEPS)
        own = 2 if state == "upscale" else 1
        unet = UNetConfig(spatial_dims=2, in_channels=own, channels=(4, 8), embedding=8, scalars=own + labels)
        denoiser = build_denoiser(DenoiserConfig(network=unet, state=state), process.signal, process.noise).eval()
        calls: list[dict] = []

        def note(_module, arguments, keywords):
            calls.append({"x": arguments[0], "t": arguments[1], "y": arguments[2], "sigma": arguments[3], **keywords})

        denoiser.register_forward_pre_hook(note, with_kwargs=True)
        return denoiser, process, calls

    return make


def test_at_t_equal_t_the_network_is_shown_zeros_and_later_the_state(watched):
    denoiser, process, calls = watched()
    generate(denoiser, process, Wanted(2, (8, 8)), GenerationSettings(steps=4))
    assert [int(call["t"][0]) for call in calls] == [20, 15, 10, 5]
    assert not calls[0]["x"].any() and all(call["x"].any() for call in calls[1:])


def test_a_network_that_answers_zero_leaves_the_images_own_noise(watched):
    """With x0_hat = a x_t (v = 0), DDIM's first step from zero signal leaves s_s times the noise of (seed, image)."""
    denoiser, process, calls = watched()
    generate(denoiser, process, Wanted(3, (8, 8)), GenerationSettings(steps=4, seed=5, first=10))
    _, noise = process.pair(15)
    for n in range(3):
        drawn = torch.from_numpy(block_noise((8, 8), 5, 10 + n, 0))
        assert torch.allclose(calls[1]["x"][n, 0], noise * drawn, atol=1e-6)


def test_every_stage_has_noise_of_its_own(watched):
    denoiser, process, calls = watched()
    for stage in (0, 1):
        generate(denoiser, process, Wanted(1, (8, 8)), GenerationSettings(steps=2, stage=stage))
    assert not torch.allclose(calls[1]["x"], calls[3]["x"])


def test_an_upscaler_starts_from_the_smaller_image_spoilt_as_it_is_told(watched):
    denoiser, process, calls = watched("upscale")
    smaller = torch.full((1, 1, 32, 32), 0.5)
    for sigma in (0.0, 0.1):
        generate(denoiser, process, Wanted(1, (64, 64), smaller=smaller, sigma=sigma), GenerationSettings(steps=1))
    clean, spoilt = calls
    assert torch.equal(clean["y"], enlarged(smaller, (64, 64)))
    assert float(spoilt["sigma"]) == pytest.approx(0.1)
    assert 0.05 < float((spoilt["y"] - 0.5).std()) < 0.12


def test_guidance_asks_with_the_label_and_without(watched):
    denoiser, process, calls = watched(labels=1)
    label = torch.tensor([[0.3]])
    generate(denoiser, process, Wanted(1, (8, 8), label), GenerationSettings(steps=1, guidance=2.0))
    assert [call["label"] is None for call in calls] == [True, False] and torch.equal(calls[1]["label"], label)
    calls.clear()
    generate(denoiser, process, Wanted(1, (8, 8), label), GenerationSettings(steps=1, guidance=1.0))
    assert len(calls) == 1


def test_a_size_that_the_network_can_not_halve_is_refused(watched):
    denoiser, process, _ = watched()
    with pytest.raises(UsageError, match="multiples of 2"):
        generate(denoiser, process, Wanted(1, (7, 8)))
