"""Which device computes, in which number format, on how many threads."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from ..errors import DeviceError, UsageError


def devices_here() -> list[str]:
    """The names of this machine's devices, the fastest first: 'cuda:0', 'mps', 'cpu'."""
    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def choose_device(name: str = "auto") -> torch.device:
    """'auto' (the fastest there is), 'cpu', 'cuda', 'cuda:1' or 'mps' -> a device that exists, else `DeviceError`."""
    here = devices_here()
    wanted = {"auto": here[0], "cuda": "cuda:0"}.get(name, name)
    if wanted not in here:
        raise DeviceError(f"no such device {name} (this machine has {', '.join(here)})")
    return torch.device(wanted)


def choose_dtype(device: torch.device, wanted: str = "auto") -> torch.dtype:
    """The format of weights and activations: 'float32', 'bfloat16', or 'auto': bfloat16 where it is fast."""
    if wanted in ("float32", "bfloat16"):
        return getattr(torch, wanted)
    if wanted != "auto":
        raise UsageError(f"the number format must be auto, float32 or bfloat16, got {wanted!r}")
    fast = {"cuda": cuda_has_bfloat16, "cpu": lambda _: cpu_has_bfloat16()}.get(device.type)
    return torch.bfloat16 if fast is not None and fast(device) else torch.float32


def cuda_has_bfloat16(device: torch.device) -> bool:
    """Ampere and later have bfloat16 units; older GPUs only imitate them."""
    return torch.version.hip is not None or torch.cuda.get_device_capability(device)[0] >= 8


def cpu_has_bfloat16() -> bool:
    """Whether convolutions in bfloat16 pay on this CPU: by its flags (AVX512_BF16 or AMX), else by a short trial.

    With AVX2 alone bfloat16 is about 180 times slower than float32, so an x86 CPU without the flags is not tried.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    flags = cpu_flags()
    if flags is not None:
        return bool({"avx512_bf16", "amx_bf16"} & flags)
    return bfloat16_wins_trial()


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str] | None:
    """The CPU's instruction sets in Linux' words, from torch or /proc/cpuinfo; None where neither can tell (ARM)."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    asked = getattr(torch.cpu, "get_capabilities", None)
    if asked is not None:
        return {name for name, has in asked().items() if has is True}
    if cpuinfo.is_file():
        lines = (line for line in cpuinfo.read_text().splitlines() if line.startswith("flags"))
        return set(next(lines, "flags:").split(":", 1)[1].split())
    has = {"avx512_bf16": "_is_avx512_bf16_supported", "amx_bf16": "_is_amx_tile_supported"}
    return {flag for flag, name in has.items() if getattr(torch.cpu, name, lambda: False)()}


def bfloat16_wins_trial(seconds: float = 0.05) -> bool:
    """Times one small 3D convolution in both formats for `seconds`; bfloat16 must win by a quarter to be worth it."""
    best = {}
    with torch.no_grad():
        for dtype in (torch.float32, torch.bfloat16):
            layer = torch.nn.Conv3d(16, 16, 3, padding=1, dtype=dtype).to(memory_format=torch.channels_last_3d)
            x = torch.ones(1, 16, 12, 12, 12, dtype=dtype).to(memory_format=torch.channels_last_3d)
            end = time.perf_counter() + seconds / 2
            best[dtype] = float("inf")
            while True:
                started = time.perf_counter()
                layer(x)
                now = time.perf_counter()
                best[dtype] = min(best[dtype], now - started)
                if now > end:
                    break
    return best[torch.bfloat16] < 0.8 * best[torch.float32]


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute on `count` CPU threads (None: as many as torch takes by itself), then as before."""
    if count is None:
        yield
        return
    if not 1 <= count <= 4 * (os.cpu_count() or 1):
        raise UsageError(f"--threads must be 1 to {4 * (os.cpu_count() or 1)} on this machine, got {count}")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def repeatable(dtype: torch.dtype) -> Iterator[None]:
    """The same bytes on every run; float32 means float32 (no TF32, which would be off by 1e-3)."""
    exact = dtype != torch.float32
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=exact):
        yield
