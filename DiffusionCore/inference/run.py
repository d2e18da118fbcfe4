"""A denoiser at work on a device, and what is tried when memory runs out: smaller slabs, tiles, then the CPU."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import DeviceError
from ..progress import Progress
from .apply import Report, apply_blended, apply_exact
from .call import Condition, place_denoiser
from .device import choose_device, choose_dtype
from .memory import free_memory
from .plan import Plan, plan
from .tiles import Box, sizes


@dataclass(frozen=True)
class Place:
    """A device, the format of weights and activations there, and the bytes that may be used."""

    device: torch.device
    dtype: torch.dtype
    memory: int


def choose_places(
    device: str = "auto", dtype: str = "auto", memory: int | None = None, fallback: bool = True
) -> list[Place]:
    """The device asked for with `memory` bytes (what is free, by default), then the CPU if `fallback` allows it."""
    chosen = choose_device(device)
    places = [Place(chosen, choose_dtype(chosen, dtype), free_memory(chosen) if memory is None else memory)]
    if fallback and chosen.type != "cpu":
        cpu = torch.device("cpu")
        places.append(Place(cpu, choose_dtype(cpu, dtype), free_memory(cpu)))
    return places


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, of the device's driver or of Python says that memory ran out."""
    words = ("out of memory", "not enough memory", "can't allocate memory", "failed to allocate", "alloc_failed")
    said = isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    return said or isinstance(error, MemoryError)


class Runner:
    """A denoiser at work on scans of one shape: where it is, under which plan, and what it had to give up.

    places    where to try, in this order (the last is mostly the CPU)
    arrays    float32 volumes beside the network while it runs; `home` is where they are best kept: on the device if
              all fits there, else in main memory
    """

    def __init__(
        self,
        denoiser: nn.Module,
        shape: Sequence[int],
        places: Sequence[Place],
        *,
        arrays: int,
        progress: Progress,
        tile: int | Sequence[int] | None = None,
        region: Box | None = None,
    ) -> None:
        self.original, self.shape, self.region, self.tile = denoiser, tuple(shape), region, tile
        self.progress = progress
        self.held = 4 * arrays * math.prod(shape if region is None else sizes(region))
        self.fallbacks: list[str] = []
        self.left = list(places)
        self._move()

    def __call__(
        self, condition: Condition, state: Tensor | None, t: int, *, report: Report, **boxes: object
    ) -> Tensor:
        """x0_hat by the current plan; by a smaller one, or at the next place, as long as memory runs out."""
        while True:
            apply = apply_blended if self.plan.kind == "patches" else apply_exact
            try:
                return apply(self.placed, self.plan, condition, state, t, report=report, **boxes)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
            # outside of the handler, so that nothing of the failed pass is kept alive by its traceback
            self._step_down()

    def _plan(self, memory: int, tile: int | Sequence[int] | None) -> Plan:
        return plan(
            self.shape,
            self.original,
            memory=memory,
            device=self.place.device,
            dtype=self.place.dtype,
            tile=tile,
            region=self.region,
        )

    def _move(self) -> None:
        """To the next place where the network and the scan fit at all."""
        while True:
            self.place = self.left.pop(0)
            try:
                self.plan = self._plan_beside_arrays()
                self.placed = place_denoiser(self.original, self.place.device, self.place.dtype)
                return
            except DeviceError as error:
                problem = str(error)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                problem = f"{self.place.device} has too little memory for the network"
            if not self.left:
                raise DeviceError(problem)
            self._say(f"{problem}; going on with {self.left[0].device}")

    def _plan_beside_arrays(self) -> Plan:
        """With the arrays on the device if the whole scan fits there beside them, else with them in main memory."""
        beside = max(self.place.memory - self.held, 0)
        self.home = torch.device("cpu")
        if self.place.device.type == "cpu":
            return self._plan(beside, self.tile)
        with contextlib.suppress(DeviceError):
            at_home = self._plan(beside, self.tile)
            if at_home.kind == "whole":
                self.home = self.place.device
                return at_home
        return self._plan(self.place.memory, self.tile)

    def _step_down(self) -> None:
        if self.place.device.type == "cuda":
            torch.cuda.empty_cache()
        before = self.plan
        for memory in (before.bytes * 2 // 3, before.bytes - 1):
            with contextlib.suppress(DeviceError):
                self.plan = self._plan(memory, None)
                self._say(f"{self.place.device} ran out of memory; going on with {self.plan.in_words()}")
                return
        size = "×".join(map(str, before.core))
        if not self.left:
            advice = "give the scan in parts" if self.place.device.type == "cpu" else "try --device cpu"
            raise DeviceError(f"{self.place.device} ran out of memory even with {size} tiles; {advice}")
        self._say(f"{self.place.device} ran out of memory even with {size} tiles; going on with {self.left[0].device}")
        self._move()

    def _say(self, message: str) -> None:
        self.fallbacks.append(message)
        self.progress.say(message)
