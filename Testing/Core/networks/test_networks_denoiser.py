"""The denoisers' scalings, against the algebra they claim."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from DiffusionCore.diffusion import make_process
from DiffusionCore.errors import UsageError
from DiffusionCore.networks import DenoiserConfig, UNetConfig, build_denoiser

STEPS = 100


def fast(dims: int = 3, **changes) -> torch.nn.Module:
    process = make_process("cosine_zero_snr", STEPS)
    unet = UNetConfig(spatial_dims=dims, in_channels=5, channels=(4, 8))
    return build_denoiser(DenoiserConfig(network=unet, **changes), process.signal, process.noise).eval()


def image(prediction: str, process: str = "linear") -> torch.nn.Module:
    made = make_process(process, STEPS)
    unet = UNetConfig(spatial_dims=2, in_channels=2, channels=(4, 8), norm="group", scalars=1)
    config = DenoiserConfig(network=unet, state="image", prediction=prediction)
    return build_denoiser(config, made.signal, made.noise).eval()


def randomise_tail(denoiser: torch.nn.Module) -> None:
    torch.manual_seed(1)
    torch.nn.init.normal_(denoiser.network.tail.weight)


def test_at_t_equal_t_the_state_is_not_used():
    denoiser = fast()
    randomise_tail(denoiser)
    y = torch.rand(1, 1, 8, 8, 8)
    sigma = torch.full((1, 1, 1, 1, 1), 0.05)
    t = torch.tensor([STEPS])
    with torch.no_grad():
        one = denoiser(torch.randn_like(y), t, y, sigma)
        other = denoiser(torch.zeros_like(y), t, y, sigma)
    assert torch.equal(one, other)


def test_a_new_network_at_t_equal_t_is_the_wiener_estimate():
    denoiser = fast(smoothing=1.0, detail=0.04)
    y = torch.zeros(1, 1, 16, 16, 16)
    y[0, 0, 8, 8, 8] = 1.0
    sigma = torch.full((1, 1, 1, 1, 1), 0.03)
    with torch.no_grad():
        x_hat = denoiser.from_state(denoiser(torch.zeros_like(y), torch.tensor([STEPS]), y, sigma), y, sigma)
    weights = [math.exp(-0.5 * n**2) for n in range(-3, 4)]
    low = (1 / sum(weights)) ** 3
    by_hand = low + 0.04**2 / (0.04**2 + 0.03**2) * (1 - low)
    assert float(x_hat[0, 0, 8, 8, 8]) == pytest.approx(by_hand, rel=1e-4)


def test_without_shrinking_a_new_network_leaves_the_scan_as_it_is():
    """What y lacks can't be told from y's own details: r_0 ~ N(0, 1), so that E[r_0 | r_t] = a r_t / (a² + s²)."""
    denoiser = fast(shrink=False)
    y, sigma = torch.rand(1, 1, 16, 16, 16), torch.rand(1, 1, 16, 16, 16) + 0.1
    rt, t = torch.randn(1, 1, 16, 16, 16), torch.tensor([40])
    a, s = float(denoiser.signal[40]), float(denoiser.noise[40])
    with torch.no_grad():
        assert torch.equal(denoiser.from_state(denoiser(rt, torch.tensor([STEPS]), y, sigma), y, sigma), y)
        assert torch.allclose(denoiser(rt, t, y, sigma), a / (a**2 + s**2) * rt, atol=1e-6)
        assert torch.allclose(denoiser.expected_error(t, sigma), torch.tensor(s / math.sqrt(a**2 + s**2)), rtol=1e-5)


def test_a_new_network_is_the_linear_estimate_of_a_gaussian_residual():
    """For r_0 ~ N(m, q²), E[r_0 | r_t] = m + a q² (r_t - a m) / (a² q² + s²), its error q s / sqrt(a² q² + s²)."""
    denoiser = fast()
    sigma, t = torch.full((1, 1, 1, 1, 1), 0.05), torch.tensor([40])
    y = torch.zeros(1, 1, 24, 24, 24)  # no detail: m = 0
    a, s = float(denoiser.signal[40]), float(denoiser.noise[40])
    q = math.sqrt(0.5)  # detail 0.05 = sigma
    generator = torch.Generator().manual_seed(0)
    r0 = q * torch.randn(y.shape, generator=generator)
    rt = a * r0 + s * torch.randn(y.shape, generator=generator)
    with torch.no_grad():
        estimate = denoiser(rt, t, y, sigma)
        error = denoiser.expected_error(t, sigma)
    assert torch.allclose(estimate, a * q**2 / (a**2 * q**2 + s**2) * rt, atol=1e-5)
    assert float(error) == pytest.approx(q * s / math.sqrt(a**2 * q**2 + s**2), rel=1e-5)
    assert float((estimate - r0).std()) == pytest.approx(float(error), rel=0.02)


def test_state_and_image_are_inverses():
    y, sigma, x = torch.rand(1, 1, 4, 4, 4), torch.rand(1, 1, 4, 4, 4) + 0.1, torch.rand(1, 1, 4, 4, 4)
    for denoiser in (fast(), image("x0")):
        assert torch.allclose(denoiser.from_state(denoiser.to_state(x, y, sigma), y, sigma), x, atol=1e-6)


def test_sigma_may_be_a_map_and_a_constant_map_changes_nothing():
    denoiser = fast()
    randomise_tail(denoiser)
    y, r = torch.rand(1, 1, 8, 8, 8), torch.randn(1, 1, 8, 8, 8)
    t = torch.tensor([30])
    with torch.no_grad():
        scalar = denoiser(r, t, y, torch.full((1, 1, 1, 1, 1), 0.07))
        constant = denoiser(r, t, y, torch.full_like(y, 0.07))
    assert torch.allclose(scalar, constant, atol=1e-6)


def test_level_is_the_median_of_the_map_unless_given():
    denoiser = fast()
    with torch.no_grad():
        for parameter in denoiser.network.parameters():
            parameter.normal_(0, 0.1)
    y, r, t = torch.rand(1, 1, 8, 8, 8), torch.randn(1, 1, 8, 8, 8), torch.tensor([30])
    sigma = torch.linspace(0.02, 0.1, 512).reshape(y.shape)
    with torch.no_grad():
        default = denoiser(r, t, y, sigma)
        median = denoiser(r, t, y, sigma, level=sigma.flatten().median()[None])
        other = denoiser(r, t, y, sigma, level=torch.tensor([0.2]))
    assert torch.equal(default, median)
    assert not torch.allclose(default, other)


def test_receptive_field_counts_the_smoothing():
    wide, narrow = fast(smoothing=2.0), fast(smoothing=1.0)
    assert wide.receptive_field - narrow.receptive_field == 3
    assert wide.exact_in_tiles


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
def test_an_image_denoiser_converts_what_its_network_predicts(prediction):
    denoiser = image(prediction)
    t = torch.tensor([60])
    a, s = float(denoiser.signal[60]), float(denoiser.noise[60])
    x0, epsilon = torch.rand(1, 1, 8, 8), torch.randn(1, 1, 8, 8)
    right = {"epsilon": epsilon, "x0": x0, "v": a * epsilon - s * x0}[prediction]
    denoiser.network.forward = lambda *inputs, **_: right
    with torch.no_grad():
        assert torch.allclose(denoiser(a * x0 + s * epsilon, t, x0), x0, atol=1e-4)


def test_the_loss_unit_of_an_image_denoiser_is_that_of_its_prediction():
    t, like = torch.tensor([60]), torch.zeros(1, 1, 4, 4)
    for prediction in ("epsilon", "x0", "v"):
        denoiser = image(prediction)
        a, s = float(denoiser.signal[60]), float(denoiser.noise[60])
        unit = {"epsilon": s / a, "x0": 1.0, "v": s}[prediction]
        assert float(denoiser.expected_error(t, like)) == pytest.approx(unit, rel=1e-5)


def test_epsilon_is_refused_where_the_process_ends_without_signal():
    with pytest.raises(UsageError, match="predict x0 or v"):
        image("epsilon", "cosine_zero_snr")


def test_macs_are_counted_per_voxel():
    denoiser = fast()
    # head 27·5·4, encoder and decoder blocks 2·2·27·16, tail 27·4; below, at an eighth of the voxels: down 8·4·8,
    # middle 2·27·64, up 8·4; the embedding's few products are per pass, not per voxel.
    by_hand = 27 * 20 + 4 * 27 * 16 + 27 * 4 + (8 * 32 + 2 * 27 * 64 + 32) / 8
    assert denoiser.macs_per_voxel == pytest.approx(by_hand, rel=0.2)
    assert sum(denoiser.macs_by_layer().values()) == pytest.approx(denoiser.macs_per_voxel)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_fast_family_works_in_2d_and_3d(dims):
    denoiser = fast(dims)
    y = torch.rand(2, 1, *[8] * dims)
    out = denoiser(torch.randn_like(y), torch.tensor([5, STEPS]), y, torch.full_like(y, 0.1))
    assert out.shape == y.shape and out.dtype == torch.float32


def test_full_width_s0_steps_forward_and_backward():
    process = make_process("linear", 1000)
    from DiffusionCore.networks import PRESETS

    config = DenoiserConfig(network=PRESETS["reference"], state="image", prediction="epsilon")
    denoiser = build_denoiser(config, process.signal, process.noise)
    y = torch.rand(1, 1, 16, 16, 16)
    loss = denoiser(torch.randn_like(y), torch.tensor([500]), y).square().mean()
    loss.backward()
    assert denoiser.network.tail.weight.grad.abs().sum() > 0


def test_a_pass_loads_no_algebra():
    """torch.broadcast_shapes would import sympy, a second of processor time of every first pass."""
    code = """
import sys, torch
from DiffusionCore.diffusion import make_process
from DiffusionCore.networks import DenoiserConfig, UNetConfig, build_denoiser
process = make_process("cosine_zero_snr", 10)
denoiser = build_denoiser(DenoiserConfig(network=UNetConfig(in_channels=5, channels=(4, 8))), process.signal, process.noise)
with torch.no_grad():
    denoiser(torch.zeros(1, 1, 8, 8, 8), torch.tensor([10]), torch.rand(1, 1, 8, 8, 8), torch.full((1, 1, 1, 1, 1), 0.1))
assert "sympy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
