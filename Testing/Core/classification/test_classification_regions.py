"""The K regions: the most salient ones, side by side, at the border too."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from DiffusionCore.classification import crop_regions, top_regions
from DiffusionCore.classification.regions import candidate_starts, window_means


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
