"""The measurements, each run in a process of its own: `python -m DiffusionCore.benchmark.speed.jobs NAME OPTIONS`.

OPTIONS are the function's keywords as JSON; the record of `measured` that it returns is printed as JSON. Shapes
are (K, J, I). A network is a model (folder or name), or `channels` of the `fast` family with random weights.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from DiffusionCore.benchmark.rivals.other_work import others_now
from DiffusionCore.benchmark.speed.comparisons import bm4d, sliding_window
from DiffusionCore.benchmark.speed.measured import Machine
from DiffusionCore.benchmark.speed.network import gemm, network_pass, on_gpu
from DiffusionCore.errors import DiffusionCoreError


def machine() -> Machine:
    """This machine in words that name nobody's."""
    import torch

    from DiffusionCore.inference import choose_dtype, devices_here
    from DiffusionCore.inference.memory import free_host_memory

    gpu = torch.cuda.get_device_name(0) if devices_here()[0].startswith("cuda") else ""
    return Machine(
        cpu=cpu_name(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory_gb=round(free_host_memory() / 2**30, 1),
        python=platform.python_version(),
        torch=torch.__version__.split("+")[0],
        system=f"{platform.system()} {platform.machine()}",
        bfloat16=choose_dtype(torch.device("cpu")) is torch.bfloat16,
        gpu=gpu,
        others=others_now(),
    )


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def write_head(path: str, shape: Sequence[int]) -> dict[str, Any]:
    """The noisy head as int16 .nii.gz; its size on disk in bytes."""
    from DiffusionCore.benchmark.speed.input import noisy_head
    from DiffusionCore.volume import write_volume

    written = write_volume(noisy_head(tuple(shape)), Path(path), overwrite=True)
    return {"bytes": written.stat().st_size}


JOBS: dict[str, Callable[..., Any]] = {
    "machine": machine,
    "write_head": write_head,
    "gemm": gemm,
    "network_pass": network_pass,
    "sliding_window": sliding_window,
    "bm4d": bm4d,
    "on_gpu": on_gpu,
}


def main(arguments: Sequence[str]) -> int:
    """Run one job and print its record."""
    name, options = arguments
    try:
        record = JOBS[name](**json.loads(options))
    except DiffusionCoreError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(json.dumps(record if isinstance(record, dict) else asdict(record)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
