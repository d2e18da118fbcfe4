"""The upscaler's scalings, and labels, against the algebra they claim."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.diffusion import make_process
from DiffusionCore.errors import UsageError
from DiffusionCore.networks import NO_LABEL, DenoiserConfig, UNetConfig, build_denoiser, enlarged, halved

STEPS = 100


def build(state: str, labels: int = 0, dims: int = 2, **changes: object) -> torch.nn.Module:
    process = make_process("cosine_zero_snr", STEPS)
    own = 2 if state == "upscale" else 1
    unet = UNetConfig(spatial_dims=dims, in_channels=own, channels=(4, 8), embedding=8, scalars=own + labels)
    return build_denoiser(DenoiserConfig(network=unet, state=state, **changes), process.signal, process.noise).eval()


def awake(denoiser: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return denoiser


@pytest.mark.parametrize("dims", [2, 3])
def test_halving_and_enlarging_keep_a_ramp_in_its_place(dims):
    ramp = torch.arange(16.0).expand(1, 1, *[16] * dims)
    assert torch.equal(halved(ramp), torch.arange(0.5, 16, 2).expand(1, 1, *[8] * dims))
    inner = (..., slice(4, -4))
    error = (enlarged(halved(ramp), ramp.shape[2:]) - ramp)[inner]
    assert error.abs().max() < 0.1  # torch's bicubic kernel ripples on a ramp, but does not move it
    assert error.mean().abs() < 1e-5


def test_the_state_is_what_the_enlarged_image_lacks_in_units_of_detail():
    denoiser = build("upscale", detail=0.1)
    x, y = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    assert torch.allclose(denoiser.to_state(x, y, None), (x - y) / 0.1)
    assert torch.allclose(denoiser.from_state(denoiser.to_state(x, y, None), y, None), x, atol=1e-6)


def test_a_new_upscaler_answers_in_one_step_with_the_enlarged_image():
    denoiser = build("upscale", detail=0.1)
    y = torch.rand(1, 1, 8, 8)
    r0 = denoiser(torch.zeros_like(y), torch.tensor([STEPS]), y, torch.zeros(1, 1, 1, 1))
    assert torch.allclose(denoiser.from_state(r0, y, None), y)


def test_the_answer_is_v_prediction():
    """r0 = a r_t - s F, so that an error of F is s times as large in r0: the loss's unit."""
    denoiser = awake(build("upscale"))
    r, y, sigma, t = torch.randn(1, 1, 8, 8), torch.rand(1, 1, 8, 8), torch.zeros(1, 1, 1, 1), torch.tensor([30])
    a, s = denoiser.signal[30], denoiser.noise[30]
    with torch.no_grad():
        answer = denoiser.network(torch.cat([r, 2 * y - 1], 1), torch.tensor([300.0]), torch.tensor([0.0]))
        assert torch.allclose(denoiser(r, t, y, sigma), a * r - s * answer, atol=1e-6)
    assert float(denoiser.expected_error(t, y)) == pytest.approx(float(s))


def test_the_noise_that_it_is_told_and_the_label_matter():
    denoiser = awake(build("upscale", labels=1))
    r, y, t = torch.randn(1, 1, 8, 8), torch.rand(1, 1, 8, 8), torch.tensor([30])
    with torch.no_grad():
        clean, noisy = (denoiser(r, t, y, torch.full((1, 1, 1, 1), sigma)) for sigma in (0.0, 0.1))
        labelled = denoiser(r, t, y, torch.zeros(1, 1, 1, 1), label=torch.tensor([[0.5]]))
    assert not torch.allclose(clean, noisy) and not torch.allclose(clean, labelled)


def test_no_label_is_what_the_network_sees_without_one():
    denoiser = awake(build("image", labels=2))
    x, t = torch.randn(3, 1, 8, 8), torch.tensor([5, 50, 100])
    with torch.no_grad():
        without = denoiser(x, t)
        assert torch.equal(without, denoiser(x, t, label=torch.full((3, 2), NO_LABEL)))
        assert not torch.allclose(without, denoiser(x, t, label=torch.full((3, 2), 0.5)))


@pytest.mark.parametrize("shape", [(1, 2), (2, 1)])
def test_another_number_of_labels_is_refused(shape):
    with pytest.raises(UsageError, match="takes 1 labels for each image"):
        build("image", labels=1)(torch.randn(1, 1, 8, 8), torch.tensor([5]), label=torch.zeros(shape))


def test_an_upscaler_predicts_v_of_two_channels():
    with pytest.raises(UsageError, match="feeds 2 channels and predicts v"):
        build("upscale", prediction="epsilon")
