"""Which of the T timesteps a sampler visits: descending lists of Ho's t, 1 to T."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from ..errors import UsageError

Spacing = Literal["trailing", "quadratic", "leading", "linspace"]


def timesteps(steps: int, count: int, spacing: str = "trailing") -> tuple[int, ...]:
    """`count` timesteps of a process with T = `steps`, descending (Lin et al. 2024, table 2).

    "trailing" begins at T (needed with zero terminal SNR), and so does "quadratic", whose steps shrink towards the data
    (Song et al. 2021, appendix D.2): where the posterior is narrow, its width is decided at small t. "leading" ends at 1;
    "linspace" does both.
    Raises UsageError unless 1 <= count <= T.
    """
    if not 1 <= count <= steps:
        raise UsageError(f"steps must be 1 to {steps}, got {count}")
    match spacing:
        case "trailing":
            # exact fractions: in floating point a tie may round either way
            return tuple(round(Fraction(steps * (count - i), count)) for i in range(count))
        case "quadratic":
            # where the squares lie closer than a timestep, every timestep is visited
            left = range(count, 0, -1)
            return tuple(max(n, round(Fraction(steps * n * n, count * count))) for n in left)
        case "leading":
            return tuple(1 + i * (steps // count) for i in reversed(range(count)))
        case "linspace":
            if count == 1:
                return (steps,)
            return tuple(1 + round(Fraction((steps - 1) * i, count - 1)) for i in reversed(range(count)))
    raise UsageError(f"no timestep spacing '{spacing}'; there are trailing, quadratic, leading, linspace")


def check_timesteps(steps: int, chosen: Sequence[int]) -> tuple[int, ...]:
    """Any list of timesteps, as a tuple of ints, if a sampler can visit it: not empty, strictly descending, in 1..T.

    Raises UsageError otherwise.
    """
    try:
        visited = tuple(operator.index(t) for t in chosen)
    except TypeError:
        raise UsageError("timesteps must be a list of whole numbers") from None
    if not visited:
        raise UsageError("the list of timesteps is empty; give one or more")
    if any(later >= earlier for earlier, later in pairwise(visited)):
        raise UsageError("timesteps must descend, each below the one before it")
    if visited[0] > steps or visited[-1] < 1:
        raise UsageError(f"timesteps must lie in 1 to {steps}, got {visited[-1]} to {visited[0]}")
    return visited
