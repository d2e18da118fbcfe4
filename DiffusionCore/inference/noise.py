"""Gaussian noise as a function of (seed, sample, step, position), so that any crop of it is the crop of the whole.

The grid of voxels is cut into fixed blocks. Each block is drawn from its own stream of the counter-based generator
Philox 4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the key holds the seed and the
(sample, step) pair, the upper three counter words the block's index, so that no two blocks share a number.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..errors import UsageError

BLOCK = {2: 128, 3: 32}  # voxels along each axis of a block; changing them changes every result


def block_noise(shape: Sequence[int], seed: int, sample: int, step: int, origin: Sequence[int] = ()) -> np.ndarray:
    """Standard normal float32 noise of `shape` (K, J, I) or (J, I) for the voxels that begin at `origin` (default 0).

    `seed` 0..2^63-1, `sample` and `step` 0..2^32-1. The result does not depend on the number of threads.
    Raises `UsageError` outside these ranges.
    """
    shape, origin = tuple(shape), tuple(origin) or (0,) * len(shape)
    if len(shape) not in BLOCK or len(origin) != len(shape) or min(origin) < 0:
        raise UsageError(f"noise is drawn in 2 or 3 dimensions from an origin >= 0, got {shape} at {origin}")
    if not 0 <= seed < 2**63:
        raise UsageError(f"--seed must be 0 to 2^63-1, got {seed}")
    if not (0 <= sample < 2**32 and 0 <= step < 2**32):
        raise UsageError(f"a sample's number and a step must be 0 to 2^32-1, got {sample} and {step}")
    size = BLOCK[len(shape)]
    noise = np.empty(shape, np.float32)
    key = np.array([seed, sample << 32 | step], np.uint64)

    def draw(block: tuple[int, ...]) -> None:
        counter = np.zeros(4, np.uint64)
        counter[1 : 1 + len(block)] = block
        values = np.random.Generator(np.random.Philox(key=key, counter=counter)).standard_normal(
            (size,) * len(block), dtype=np.float32
        )
        into, out_of = [], []
        for index, start, length in zip(block, origin, shape, strict=True):
            lo, hi = max(index * size, start), min((index + 1) * size, start + length)
            into.append(slice(lo - start, hi - start))
            out_of.append(slice(lo - index * size, hi - index * size))
        noise[tuple(into)] = values[tuple(out_of)]

    spans = [range(o // size, -(-(o + n) // size)) for o, n in zip(origin, shape, strict=True)]
    blocks = list(itertools.product(*spans))
    if len(blocks) < 8:
        for block in blocks:
            draw(block)
    else:  # numpy lets go of the interpreter lock while it draws
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
            for _ in pool.map(draw, blocks, chunksize=8):
                pass
    return noise
