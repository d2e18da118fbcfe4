"""Our Swin block against MONAI's on the same weights."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.networks.swin import SwinBlock

swin_unetr = pytest.importorskip("monai.networks.nets.swin_unetr")

NAMES = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.project",
    "mlp.linear1": "mlp.0",
    "mlp.linear2": "mlp.2",
}


def renamed(theirs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    ours = {"attention.bias_table": theirs["attn.relative_position_bias_table"]}
    for name, tensor in theirs.items():
        for old, new in NAMES.items():
            if name.startswith(old):
                ours[name.replace(old, new)] = tensor
    return ours


@pytest.mark.parametrize("sizes", [(8, 12), (8, 4, 12)])
@pytest.mark.parametrize("shifted", [False, True])
def test_the_answers_are_equal(sizes, shifted):
    torch.manual_seed(0)
    dims, window = len(sizes), 4
    shift = window // 2 if shifted else 0
    theirs = swin_unetr.SwinTransformerBlock(
        dim=16, num_heads=4, window_size=[window] * dims, shift_size=[shift] * dims, mlp_ratio=4.0
    ).eval()
    torch.nn.init.normal_(theirs.attn.relative_position_bias_table)
    ours = SwinBlock(dims, 16, 4, window, shifted).eval()
    ours.load_state_dict(renamed(theirs.state_dict()))
    x = torch.randn(2, 16, *sizes)
    used_window, used_shift = swin_unetr.get_window_size(sizes, [window] * dims, [shift] * dims)
    mask = swin_unetr.compute_mask(list(sizes), used_window, used_shift, x.device)
    with torch.no_grad():
        expected = theirs(x.movedim(1, -1), mask).movedim(-1, 1)
        assert torch.allclose(ours(x), expected, atol=1e-5)
