"""Running a method once: its output and its seconds are kept on disk under a hash of all they depend on."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from DiffusionCore.benchmark.rivals.method import Array, Method, NoisyScan, Parameters
from DiffusionCore.benchmark.rivals.other_work import Stopwatch, disturbs
from DiffusionCore.errors import Cancelled
from DiffusionCore.volume.atomic import atomic_file


@dataclass(frozen=True, eq=False)
class Output:
    """What a method made of a scan.

    voxels   float32 (K, J, I) normalised, or None where it could not run
    seconds  wall-clock time of the run that made it, or None
    reason   "" or why there are no voxels
    others   processors that other work took during that run, on average; None where the system does not tell
    """

    voxels: Array | None
    seconds: float | None
    reason: str = ""
    others: float | None = None

    @property
    def disturbed(self) -> bool:
        """Whether `seconds` was taken beside other work, and is longer than the method needs."""
        return disturbs(self.others)


def output_of(
    method: Method, scan: NoisyScan, parameters: Parameters, folder: Path | None = None, *, retime: bool = False
) -> Output:
    """The method's output for the scan, from `folder` if it was made before, else made now and kept there.

    A package that is not installed, and a method that fails, give an `Output` with the reason: one row of a table.
    What is kept is the change in half precision (under 0.001 of the noise): a run and a rerun give the same numbers.
    With `retime` what was timed beside other work is made again.
    """
    if reason := method.missing():
        return Output(None, None, reason)
    key = None if folder is None else folder / output_key(method, scan, parameters)
    if key is not None and (kept := _read(key, scan)) is not None and not (retime and kept.disturbed):
        return kept
    if method.module:
        importlib.import_module(method.module)  # not on the clock
    watch = Stopwatch()
    try:
        voxels = method.run(scan, **parameters)
    except Cancelled:
        raise
    except Exception as error:  # whatever a foreign package raises must not end hours of benchmark
        return Output(None, None, f"failed: {type(error).__name__}: {error}")
    seconds, others = watch.read()
    if voxels.shape != scan.voxels.shape or not np.all(np.isfinite(voxels)):
        return Output(None, None, "failed: the output has another shape or values that are not finite")
    change = (voxels - scan.voxels).astype(np.float16)
    if key is not None:
        timing = {"seconds": round(seconds, 4), "others": None if others is None else round(others, 2)}
        _write(key, change, timing, method, parameters)
    return Output(scan.voxels + change.astype(np.float32), seconds, others=others)


def is_kept(method: Method, scan: NoisyScan, parameters: Parameters, folder: Path, *, retime: bool = False) -> bool:
    """Whether `output_of` would only read."""
    record = _record(folder / output_key(method, scan, parameters))
    return record is not None and not (retime and disturbs(record.get("others")))


def output_key(method: Method, scan: NoisyScan, parameters: Parameters) -> str:
    """`name-` and the SHA-256 of the scan, the method with its version, and the parameters, in hexadecimal."""
    described = {
        "method": method.name,
        "version": method.version(),
        "parameters": dict(parameters),
        "sigma": scan.sigma,
        "modality": scan.modality,
        "spacing": scan.spacing,
        "shape": scan.voxels.shape,
    }
    if scan.correlation is not None:
        described["correlation"] = scan.correlation
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode())
    digest.update(scan.voxels.tobytes())
    if scan.spectrum is not None:
        digest.update(np.ascontiguousarray(scan.spectrum, dtype=np.float32).tobytes())
    return f"{method.name}-{digest.hexdigest()}"


def _record(key: Path) -> dict[str, Any] | None:
    """What is kept of a run beside its voxels. The JSON is written last, so it stands for both files."""
    record, change = key.with_suffix(".json"), key.with_suffix(".npy")
    return json.loads(record.read_text(encoding="utf-8")) if record.is_file() and change.is_file() else None


def _read(key: Path, scan: NoisyScan) -> Output | None:
    """The kept output; None if there is none."""
    record = _record(key)
    if record is None:
        return None
    change = np.load(key.with_suffix(".npy"), allow_pickle=False).astype(np.float32)
    return Output(scan.voxels + change, record["seconds"], others=record.get("others"))


def _write(key: Path, change: np.ndarray, timing: dict[str, Any], method: Method, parameters: Parameters) -> None:
    key.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "method": method.name,
        "version": method.version(),
        "parameters": dict(parameters),
        **timing,
        "machine": platform.machine(),
        "processors": os.cpu_count(),
    }
    with atomic_file(key.with_suffix(".npy"), overwrite=True) as path, path.open("wb") as stream:
        np.save(stream, change)
    with atomic_file(key.with_suffix(".json"), overwrite=True) as path:
        path.write_text(json.dumps(record, indent=1, default=str), encoding="utf-8")
