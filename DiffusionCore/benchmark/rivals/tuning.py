"""Choosing each rival's parameters on validation subjects, and the file that keeps the choice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from DiffusionCore.benchmark.rivals.method import Array, Method, NoisyScan, Parameters
from DiffusionCore.benchmark.rivals.outputs import output_of
from DiffusionCore.errors import InputError
from DiffusionCore.volume.atomic import atomic_file

HEADER = (
    "# Parameters of the rivals in `benchmark denoise`: of each grid the ones with the highest PSNR in tissue, in dB,\n"
    "# on the validation subjects at noise of standard deviation `sigma` (normalised units). `at_edge` names those at\n"
    "# their grid's end. Made by `benchmark denoise --tune`.\n"
)

Score = Callable[[Array, "ValidationPair"], float]


@dataclass(frozen=True, eq=False)
class ValidationPair:
    """A scan of a validation subject with noise added, and without: `clean` (K, J, I) normalised, `tissue` bool."""

    scan: NoisyScan
    clean: Array
    tissue: np.ndarray


@dataclass(frozen=True)
class Tuned:
    """The best of a method's grid at one modality and noise level.

    psnr      mean over the validation pairs, in dB
    seconds   mean of one run with these parameters
    at_edge   parameters that took an end of their grid
    """

    method: str
    modality: str
    sigma: float
    parameters: Parameters
    psnr: float
    seconds: float
    at_edge: tuple[str, ...] = ()


def tune(method: Method, pairs: Sequence[ValidationPair], score: Score, folder: Path | None = None) -> Tuned | None:
    """The setting of the method's grid with the highest mean `score` over `pairs` (one modality, one noise level).

    Outputs are kept in `folder`. None where the method is not installed or fails with every setting.
    """
    best: Tuned | None = None
    modality = pairs[0].scan.modality
    sigma = float(np.exp(np.mean([np.log(pair.scan.sigma) for pair in pairs])))
    for parameters in method.settings(modality):
        outputs = [output_of(method, pair.scan, parameters, folder) for pair in pairs]
        if any(output.voxels is None for output in outputs):
            continue
        mean = float(np.mean([score(output.voxels, pair) for output, pair in zip(outputs, pairs, strict=True)]))
        if best is None or mean > best.psnr:
            seconds = float(np.mean([output.seconds for output in outputs]))
            edge = tuple(method.at_edge(modality, parameters))
            best = Tuned(method.name, modality, sigma, parameters, mean, seconds, edge)
    return best


def parameters_for(method: Method, modality: str, sigma: float, tuned: Iterable[Tuned]) -> Parameters:
    """What was tuned for the method in this modality at the nearest sigma (by ratio), else its defaults."""
    fitting = [t for t in tuned if (t.method, t.modality) == (method.name, modality)]
    if not fitting:
        return method.defaults
    return min(fitting, key=lambda t: abs(np.log(t.sigma / sigma))).parameters


def write_tuned(tuned: Iterable[Tuned], path: Path) -> None:
    """Write as YAML: method -> modality -> a list over noise levels."""
    import yaml

    content: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for t in tuned:
        entry = {"sigma": round(t.sigma, 5), "parameters": dict(t.parameters), "psnr": round(t.psnr, 2)}
        entry |= {"seconds": round(t.seconds, 2)} | ({"at_edge": list(t.at_edge)} if t.at_edge else {})
        content.setdefault(t.method, {}).setdefault(t.modality, []).append(entry)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, overwrite=True) as temporary:
        text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=120)
        temporary.write_text(HEADER + text, encoding="utf-8")


def read_tuned(path: Path) -> list[Tuned]:
    """What `write_tuned` wrote; nothing where there is no file. Raises `InputError` if it is not such a file."""
    import yaml

    if not path.is_file():
        return []
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return [
            Tuned(
                method=method,
                modality=modality,
                sigma=float(entry["sigma"]),
                parameters=dict(entry["parameters"]),
                psnr=float(entry["psnr"]),
                seconds=float(entry["seconds"]),
                at_edge=tuple(entry.get("at_edge", ())),
            )
            for method, modalities in content.items()
            for modality, entries in modalities.items()
            for entry in entries
        ]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        raise InputError(f"{path.name} is not a file of tuned parameters; make it again with --tune") from None
