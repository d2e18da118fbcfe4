"""The plan: whole first, then the cut that computes least twice, a sentence where nothing fits."""

from __future__ import annotations

import pytest
import torch

from DiffusionCore.errors import DeviceError, UsageError
from DiffusionCore.inference import plan
from DiffusionCore.inference.tiles import whole

CPU = torch.device("cpu")
A1 = 51  # receptive field of PERFORMANCE's A1


class Network:
    """Figures of a network; 40 bytes a voxel, as measured at A1."""

    streams = False

    def __init__(self, reach: int = A1, downsampling: int = 8, dims: int = 3, exact: bool = True) -> None:
        self.receptive_field, self.downsampling, self.spatial_dims, self.exact_in_tiles = (
            reach,
            downsampling,
            dims,
            exact,
        )

    def bytes_per_voxel(self, dtype: torch.dtype) -> float:
        return 20.0 * dtype.itemsize


def decide(shape, network, memory, **more):
    return plan(shape, network, memory=memory, device=CPU, dtype=torch.bfloat16, **more)


def largest_input(decided):
    pieces = [max(s.input_hi - s.input_lo for s in axis) for axis in decided.axes(whole(decided.shape))]
    return pieces[0] * pieces[1] * pieces[2]


def test_whole_when_it_fits():
    decided = decide((100, 200, 203), Network(), memory=40 * 104 * 200 * 208)
    assert (decided.kind, decided.padded, decided.work_factor) == ("whole", (104, 200, 208), 1.0)
    assert decided.bytes == 40 * 104 * 200 * 208


def test_two_slabs_of_256_with_the_halo_clipped_at_the_border():
    decided = decide((512, 512, 512), Network(), memory=int(3.4 * 2**30))
    # 256 + 56 on the one inner side of each: 2 · 312 / 512
    assert decided.kind == "slabs"
    assert decided.core == (256, 512, 512)
    assert decided.work_factor == pytest.approx(2 * 312 / 512)
    assert decided.bytes == 40 * 312 * 512 * 512


def test_the_longest_axis_is_cut():
    assert decide((64, 96, 512), Network(reach=8), memory=40 * 64 * 96 * 300).core[:2] == (64, 96)


def test_tiles_where_slabs_would_waste_more():
    decided = decide((512, 512, 512), Network(), memory=40 * 360**3)
    assert decided.kind == "tiles"
    assert decided.work_factor < 8 * 512 / (512 + 2 * 56)


@pytest.mark.parametrize("shape", [(512, 512, 512), (6, 512, 512), (129, 65, 300), (17, 19, 23)])
@pytest.mark.parametrize("megabytes", [60, 200, 1000, 4000])
def test_no_call_takes_more_than_the_memory_given(shape, megabytes):
    network = Network(reach=25, downsampling=4)
    decided = decide(shape, network, memory=megabytes * 10**6)
    assert 40 * largest_input(decided) == decided.bytes <= megabytes * 10**6
    work = 1.0
    for axis in decided.axes(whole(shape)):
        work *= sum(s.input_hi - s.input_lo for s in axis)
    padded = decided.padded[0] * decided.padded[1] * decided.padded[2]
    assert decided.work_factor == pytest.approx(work / padded)


def test_more_memory_never_means_more_work():
    work = [decide((200, 256, 256), Network(25, 4), memory=int(10**8 * 1.3**i)).work_factor for i in range(16)]
    assert work == sorted(work, reverse=True)
    assert work[-1] == 1


def test_too_little_memory_is_said_in_words():
    with pytest.raises(DeviceError, match=r"even 16×16×16 tiles need 80 MB and .* may be used; .*--memory"):
        decide((512, 512, 512), Network(), memory=10 * 2**20)


def test_a_person_may_choose_the_tile():
    decided = decide((100, 100, 100), Network(reach=10, downsampling=4), memory=10**12, tile=30)
    assert (decided.kind, decided.core) == ("tiles", (32, 32, 32))
    assert decide((100, 20, 20), Network(reach=10, downsampling=4), memory=1, tile=64).kind == "slabs"
    with pytest.raises(UsageError, match="--tile"):
        decide((9, 9, 9), Network(), memory=10**9, tile=0)


def test_slices_of_a_2d_network_cost_nothing_to_part():
    decided = decide((100, 64, 64), Network(reach=30, downsampling=4, dims=2), memory=40 * 64 * 64 * 7)
    assert (decided.kind, decided.work_factor, decided.halo) == ("slabs", 1.0, (0, 30, 30))
    assert decided.core == (7, 64, 64)


def test_a_region_is_planned_with_the_ring_it_needs():
    network, region = Network(reach=8, downsampling=4), ((40, 72), (40, 72), (0, 32))
    decided = decide((128, 128, 128), network, memory=10**12, region=region)
    assert decided.kind == "whole"
    assert decided.bytes == 40 * 48 * 48 * 40  # 8 on each side, and none beyond the border
    assert decided.work_factor == 48 * 48 * 40 / 32**3


def test_patches_of_64_half_overlapping_for_a_network_with_statistics():
    decided = decide((100, 64, 20), Network(exact=False), memory=10**9)
    assert (decided.kind, decided.core, decided.padded) == ("patches", (64, 64, 64), (100, 64, 64))
    # 100 voxels take patches at 0, 18, 36 (steps of at most 32)
    assert decided.work_factor == pytest.approx(3 * 64 / 100)
    assert decided.batch == 3


def test_patches_shrink_when_even_one_does_not_fit():
    assert decide((100, 100, 100), Network(exact=False), memory=40 * 64**3 - 1).core == (32, 32, 32)
    with pytest.raises(DeviceError, match="16×16×16 patches"):
        decide((100, 100, 100), Network(exact=False), memory=40 * 16**3 - 1)


def test_a_plan_in_words():
    assert decide((64, 64, 64), Network(), 10**12).in_words() == "the whole scan at once"
    assert decide((512, 512, 512), Network(), int(3.4 * 2**30)).in_words() == "slabs of 256×512×512 voxels"
