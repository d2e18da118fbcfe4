"""Which timesteps a sampler visits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from DiffusionCore.diffusion import check_timesteps, timesteps
from DiffusionCore.errors import UsageError


@pytest.mark.parametrize(
    ("spacing", "visited"),
    [
        ("trailing", (1000, 800, 600, 400, 200)),
        ("quadratic", (1000, 640, 360, 160, 40)),
        ("leading", (801, 601, 401, 201, 1)),
        ("linspace", (1000, 750, 501, 251, 1)),
    ],
)
def test_five_of_a_thousand(spacing, visited):
    assert timesteps(1000, 5, spacing) == visited


def test_one_step_is_from_the_end_unless_leading():
    assert timesteps(1000, 1) == timesteps(1000, 1, "linspace") == (1000,)
    assert timesteps(1000, 1, "leading") == (1,)


@pytest.mark.parametrize("spacing", ["trailing", "quadratic", "leading", "linspace"])
def test_all_of_them_is_every_timestep(spacing):
    assert timesteps(20, 20, spacing) == tuple(range(20, 0, -1))


@given(st.integers(1, 300), st.data(), st.sampled_from(["trailing", "quadratic", "leading", "linspace"]))
def test_any_count_gives_that_many_valid_timesteps(steps, data, spacing):
    count = data.draw(st.integers(1, steps))
    visited = timesteps(steps, count, spacing)
    assert len(visited) == count
    assert check_timesteps(steps, visited) == visited
    if spacing in ("trailing", "quadratic"):
        assert visited[0] == steps


def test_any_list_of_descending_whole_numbers_will_do():
    assert check_timesteps(10, [9, 4, 1]) == (9, 4, 1)
    assert check_timesteps(10, np.array([10, 1])) == (10, 1)
    assert check_timesteps(10, range(3, 0, -1)) == (3, 2, 1)


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ([], "empty"),
        ([3, 3], "descend"),
        ([1, 2], "descend"),
        ([11, 1], "1 to 10"),
        ([3, 0], "1 to 10"),
        ([2.5, 1], "whole numbers"),
    ],
)
def test_lists_that_cannot_be_visited_are_refused(chosen, says):
    with pytest.raises(UsageError, match=says):
        check_timesteps(10, chosen)


@pytest.mark.parametrize("count", [0, -3, 1001])
def test_a_count_outside_the_process_is_refused(count):
    with pytest.raises(UsageError, match="must be 1 to 1000"):
        timesteps(1000, count)


def test_an_unknown_spacing_is_refused():
    with pytest.raises(UsageError, match="no timestep spacing 'random'"):
        timesteps(1000, 5, "random")
