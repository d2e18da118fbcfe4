"""The U-Net in 2D and 3D: sizes, counts, receptive field."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.errors import UsageError
from DiffusionCore.networks import PRESETS, UNet, UNetConfig, receptive_field, unet_config
from DiffusionCore.networks.blocks import SelfAttention
from DiffusionCore.networks.dncnn import DnCNN


def randomised(network: torch.nn.Module) -> torch.nn.Module:
    """Small random weights everywhere, also where a new network has zeros, so that every path carries something."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("skip", ["add", "concatenate"])
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("norm", ["none", "group"])
def test_output_has_the_input_s_size_in_2d_and_3d(dims, skip, transposed, norm):
    config = UNetConfig(
        spatial_dims=dims, in_channels=3, out_channels=2, channels=(8, 16), skip=skip, transposed=transposed, norm=norm
    )
    x = torch.randn(2, 3, *[8, 12, 6][:dims])
    out = UNet(config)(x, torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]))
    assert out.shape == (2, 2, *x.shape[2:])


def test_a_new_network_answers_zero():
    network = UNet(UNetConfig(in_channels=1, channels=(8, 16)))
    answer = network(torch.randn(1, 1, 8, 8, 8), torch.tensor([3.0]), torch.tensor([3.0]))
    assert torch.count_nonzero(answer) == 0


@pytest.mark.parametrize("channels, blocks", [((4,), 1), ((4, 6), 1), ((4, 6, 8), 1), ((4, 6), 2)])
def test_a_voxel_reaches_no_further_than_the_receptive_field_and_nearly_that_far(channels, blocks):
    config = UNetConfig(spatial_dims=2, in_channels=1, channels=channels, blocks=blocks)
    network = randomised(UNet(config)).double()
    reach = receptive_field(network)
    size = 8 * ((2 * reach + 16) // 8 + 1)
    scalars = (torch.tensor([1.0]), torch.tensor([1.0]))
    x = torch.randn(1, 1, size, size, dtype=torch.float64)
    farthest = 0
    for offset in range(config.downsampling):
        centre = size // 2 + offset
        poked = x.clone()
        poked[0, 0, centre, centre] += 1
        with torch.no_grad():
            changed = (network(poked, *scalars) - network(x, *scalars)).abs()[0, 0].amax(dim=0) > 0
        where = changed.nonzero().flatten()
        farthest = max(farthest, centre - int(where.min()), int(where.max()) - centre)
    assert reach - config.downsampling < farthest <= reach


def test_group_norm_or_attention_see_the_whole_input():
    assert receptive_field(UNet(UNetConfig(channels=(8, 16), norm="group"))) is None
    assert receptive_field(UNet(UNetConfig(channels=(8, 16), attention_levels=(1,)))) is None


def test_dncnn_reaches_its_depth():
    assert receptive_field(DnCNN(3, 1, 1, width=4, depth=7)) == 7


def test_reference_has_the_parts_of_s0():
    config = PRESETS["reference"]
    assert config.channels == (64, 128, 256, 512)
    assert config.norm == "group" and config.transposed and config.skip == "concatenate"
    network = UNet(config)
    assert any(isinstance(m, torch.nn.ConvTranspose3d) for m in network.modules())
    bottleneck = [m for m in network.middle.modules() if isinstance(m, SelfAttention)]
    assert len(bottleneck) == 1
    # By hand: the 3-convolutions of encoder, middle and decoder alone are
    # 27 * (2*64² + 2*128² + 2*256² + 2*512² + (128+64)*64 + (256+128)*128 + (512+256)*256) weights.
    convolutions = sum(
        m.weight.numel() for m in network.modules() if isinstance(m, torch.nn.Conv3d) and m.kernel_size[0] == 3
    )
    by_hand = 27 * (2 * 64**2 + 2 * 128**2 + 2 * 256**2 + 2 * 512**2)
    by_hand += 27 * ((128 + 64) * 64 + (256 + 128) * 128 + (512 + 256) * 256)
    assert convolutions == by_hand + 27 * (2 * 64 + 64)  # and head and tail
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(31.1e6, rel=0.01)


def test_s3_has_base_64_multipliers_1_2_4_and_two_blocks():
    config = PRESETS["s3"]
    assert (config.spatial_dims, config.channels, config.blocks) == (2, (64, 128, 256), 2)


def test_attention_pools_what_has_more_tokens_than_it_may():
    attention = randomised(SelfAttention(8, heads=2, max_tokens=64))
    seen = []
    attention.attend.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0].shape[1]))
    x = torch.randn(1, 8, 16, 16, 16)
    assert attention(x).shape == x.shape
    assert seen == [64]


@pytest.mark.parametrize(
    "wrong",
    [
        {"spatial_dims": 4},
        {"norm": "batch"},
        {"skip": "none"},
        {"channels": ()},
        {"blocks": 0},
        {"attention_levels": (7,)},
    ],
)
def test_a_wrong_setting_is_refused(wrong):
    with pytest.raises(UsageError):
        unet_config("fast", **wrong)


def test_an_unknown_preset_or_field_is_refused():
    with pytest.raises(UsageError, match="choose one of"):
        unet_config("fastest")
    with pytest.raises(UsageError, match="no such setting"):
        unet_config("fast", colour="red")


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-4), (torch.bfloat16, 0.05)])
def test_fused_convolutions_answer_as_the_written_out_ones(dims, dtype, tolerance):
    network = randomised(UNet(UNetConfig(spatial_dims=dims, in_channels=2, channels=(8, 16)))).to(dtype)
    x = torch.randn(1, 2, *[16] * dims, generator=torch.Generator().manual_seed(3)).to(dtype)
    scalars = (torch.tensor([3.0]), torch.tensor([5.0]))
    written_out = network(x, *scalars).detach().float()
    with torch.no_grad():
        fused = network(x, *scalars).float()
    assert float((fused - written_out).abs().max()) <= tolerance * float(written_out.abs().max())


def test_a_pass_leaves_its_input_as_it_was():
    network = randomised(UNet(UNetConfig(in_channels=8, channels=(8, 16))))
    x = torch.randn(1, 8, 8, 8, 8)
    before = x.clone()
    with torch.no_grad():
        network(x, torch.tensor([3.0]), torch.tensor([5.0]))
    assert torch.equal(x, before)


KEPT = [
    ((20, 23), (0, 24), (0, 16)),
    ((0, 1), (5, 9), (15, 16)),
    ((0, 48), (0, 24), (0, 16)),
    ((41, 48), (23, 24), (7, 8)),
]


@pytest.mark.parametrize("keep", KEPT)
@pytest.mark.parametrize(
    "extra", [{}, {"blocks": 2}, {"fold": 2}, {"skip": "concatenate", "transposed": True}, {"reversible": True}]
)
@torch.no_grad()
def test_a_part_of_the_answer_is_that_part_of_the_whole(keep, extra):
    network = randomised(UNet(UNetConfig(channels=(4, 6, 8), embedding=8, **extra)))
    x, scalars = torch.randn(1, 2, 48, 24, 16), (torch.tensor([700.0]), torch.tensor([-3.0]))
    part = network(x, *scalars, keep=keep)
    assert torch.allclose(part, network(x, *scalars)[(..., *(slice(*window) for window in keep))], rtol=0, atol=1e-5)


def test_a_part_of_the_answer_costs_less_than_the_whole():
    network = UNet(UNetConfig(channels=(4, 6, 8), embedding=8)).requires_grad_(False)
    computed = []
    network.decoder[0].register_forward_hook(lambda level, given, answer: computed.append(answer.shape[2]))
    network(torch.randn(1, 2, 64, 8, 8), torch.zeros(1), torch.zeros(1), keep=((30, 33), (0, 8), (0, 8)))
    assert computed == [9]  # three voxels more on each side: two convolutions of the level, and the last one
