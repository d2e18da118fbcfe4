"""The K regions: the most salient ones, side by side, at the border too."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from DiffusionCore.classification import LabelDiffusion, crop_regions, pointed_regions, preset, top_regions
from DiffusionCore.classification.regions import candidate_starts, region_evidence, window_means


def overlap(a: list[int], b: list[int], size: tuple[int, ...]) -> bool:
    return all(abs(x - y) < s for x, y, s in zip(a, b, size, strict=True))


def test_the_brightest_places_are_found_in_order():
    saliency = torch.zeros(1, 8, 8, 8)
    saliency[0, 0:2, 0:2, 0:2] = 0.5
    saliency[0, 6:8, 6:8, 6:8] = 1.0
    found = top_regions(saliency, (8, 8, 8), (2, 2, 2), (2, 2, 2), 2)
    assert found.tolist() == [[[6, 6, 6], [0, 0, 0]]]


def test_a_region_reaches_the_far_border_where_steps_do_not():
    """Of 11 voxels, regions of 4 at every fourth begin at 0 and 4; the last one that fits begins at 7."""
    assert candidate_starts((11,), (4,), (4,)) == [[0, 4, 7]]
    saliency = torch.zeros(1, 11, 11, 11)
    saliency[0, -1, -1, -1] = 1.0
    assert top_regions(saliency, (11, 11, 11), (4, 4, 4), (4, 4, 4), 1).tolist() == [[[7, 7, 7]]]


def test_means_over_windows_by_hand():
    image = torch.arange(8.0).reshape(1, 1, 2, 4)
    means = window_means(image, [[0], [0], [0, 1, 2]], (1, 2, 2))
    assert torch.allclose(means.flatten(), torch.tensor([2.5, 3.5, 4.5], dtype=torch.float64))


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(*[st.integers(8, 20)] * 3),
    region=st.tuples(*[st.integers(1, 3)] * 3),
    seed=st.integers(0, 1000),
)
def test_regions_never_overlap_and_always_fit(size, region, seed):
    generator = torch.Generator().manual_seed(seed)
    saliency = torch.rand((2, 3, 3, 3), generator=generator)
    found = top_regions(saliency, size, region, region, 4).tolist()
    for places in found:
        assert all(0 <= p <= n - s for place in places for p, n, s in zip(place, size, region, strict=True))
        assert not any(overlap(a, b, region) for a, b in itertools.combinations(places, 2))


def test_a_constant_map_still_gives_separate_regions():
    found = top_regions(torch.full((1, 2, 2, 2), 0.5), (16, 16, 16), (8, 8, 8), (4, 4, 4), 3).tolist()[0]
    assert not any(overlap(a, b, (8, 8, 8)) for a, b in itertools.combinations(found, 2))


def test_the_choice_does_not_depend_on_the_batch():
    saliency = torch.rand(5, 4, 4, 4)
    together = top_regions(saliency, (24, 24, 24), (8, 8, 8), (4, 4, 4), 4)
    alone = torch.cat([top_regions(one[None], (24, 24, 24), (8, 8, 8), (4, 4, 4), 4) for one in saliency])
    assert torch.equal(together, alone)


def test_crops_are_the_voxels_at_their_places():
    image = torch.arange(2 * 4 * 5 * 6).reshape(2, 1, 4, 5, 6)
    starts = torch.tensor([[[0, 0, 0], [2, 3, 4]], [[1, 1, 1], [2, 0, 4]]])
    crops = crop_regions(image, starts, (2, 2, 2))
    assert crops.shape == (2, 2, 1, 2, 2, 2)
    assert torch.equal(crops[0, 1, 0], image[0, 0, 2:4, 3:5, 4:6])
    assert torch.equal(crops[1, 1, 0], image[1, 0, 2:4, 0:2, 4:6])


@pytest.mark.parametrize("corner", list(itertools.product((0, 1), repeat=3)))
def test_every_corner_of_a_scan_can_be_pointed_at(corner):
    saliency = torch.zeros(1, 4, 4, 4)
    saliency[(0, *(3 * c for c in corner))] = 1.0
    found = top_regions(saliency, (30, 26, 22), (8, 8, 8), (4, 4, 4), 1).tolist()[0][0]
    assert found == [c * (n - 8) for c, n in zip(corner, (30, 26, 22), strict=True)]


def bar() -> torch.Tensor:
    """An outline (1, 1, 28, 28, 28): a bar of 4×4×20 voxels along the last axis, nothing elsewhere."""
    image = torch.zeros(1, 1, 28, 28, 28)
    image[..., 12:16, 12:16, 4:24] = 1
    return image


def test_evidence_over_empty_cells_does_not_count_where_there_is_a_structure():
    saliency = torch.ones(1, 4, 4, 4)
    saliency[..., 2:] = 0.5  # less over the bar's far half
    structure = bar()[:, 0] > 0
    free = top_regions(saliency, (28, 28, 28), (8, 8, 8), (4, 4, 4), 2)
    kept = top_regions(saliency, (28, 28, 28), (8, 8, 8), (4, 4, 4), 2, structure)
    assert free[0, 0].tolist() == [0, 0, 0]  # empty, and as good as any
    for place in kept[0].tolist():
        k, j, i = place
        assert structure[0, k : k + 8, j : j + 8, i : i + 8].any()
    assert kept[0, 0, 2] < kept[0, 1, 2]


def test_evidence_of_a_region_is_the_maps_mean_over_the_structure_in_it():
    saliency = torch.zeros(1, 4, 4, 4)
    saliency[..., 0] = 0.8
    structure = torch.zeros(1, 8, 8, 8, dtype=torch.bool)
    structure[..., 0:2, 0:2, 0] = True  # where the map, linear between cells, is still at its end's value
    starts = torch.tensor([[[0, 0, 0], [4, 4, 4]]])
    assert region_evidence(saliency, starts, (4, 4, 4), structure)[0].tolist() == pytest.approx([0.8, 0.0])


@pytest.mark.parametrize("on_structure", [False, True])
def test_a_person_is_pointed_to_the_structure_of_an_outline(on_structure):
    torch.manual_seed(0)
    network = LabelDiffusion(preset("small", on_structure=on_structure)).eval()
    x = bar()
    with torch.no_grad():
        guidance = network.encode(x)
    shown, evidence = pointed_regions(guidance, x, network.config, outline=True)
    assert shown.shape == guidance.regions.shape == (1, 5, 3)
    k, j, i = shown[0, 0].tolist()
    assert x[0, 0, k : k + 8, j : j + 8, i : i + 8].sum() > 64
    assert 0 < evidence[0, 0] <= 1
    assert (evidence[0] == 0).sum() >= 1  # five regions of 8 don't all meet a bar of 20
    grey, weights = pointed_regions(guidance, x, network.config, outline=False)
    assert torch.equal(grey, guidance.regions)
    assert (weights > 0).all()


def test_the_local_encoder_looks_at_the_structure_if_told():
    torch.manual_seed(0)
    x = bar()
    for on_structure in (False, True):
        network = LabelDiffusion(preset("small", on_structure=on_structure)).eval()
        network.guide.saliency.classify.weight.data.zero_()  # the same evidence in every cell
        with torch.no_grad():
            k, j, i = network.encode(x).regions[0, 0].tolist()
        assert bool(x[0, 0, k : k + 8, j : j + 8, i : i + 8].any()) == on_structure


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_eight_regions_at_any_voxel_find_room_in_an_image_three_times_their_size(seed):
    saliency = torch.rand((1, 3, 3, 3), generator=torch.Generator().manual_seed(seed))
    found = top_regions(saliency, (23, 24, 25), (8, 8, 8), (1, 1, 1), 8).tolist()[0]
    assert not any(overlap(a, b, (8, 8, 8)) for a, b in itertools.combinations(found, 2))
