"""A little world to train in: six synthetic heads on disk, a split, and a configuration that takes seconds."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import yaml

# without the `train` extra there is nothing to test here
collect_ignore_glob = [] if find_spec("lightning") and find_spec("monai") else ["test_*.py"]
SPACING = (1.0, 1.0, 1.2)  # I, J, K


def head(seed: int) -> np.ndarray:
    """(I, J, K) uint8: an ellipsoid of 100 with a brighter one inside, background exactly 0."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in (26, 28, 20)), indexing="ij"))
    centre = rng.uniform(-0.2, 0.2, (3, 1, 1, 1))
    outer = ((grid / 0.85) ** 2).sum(0) < 1
    inner = (((grid - centre) / 0.4) ** 2).sum(0) < 1
    return (100 * outer + 100 * inner).astype(np.uint8)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/*.nii.gz` (four to train, two to validate), `split.json` and `tiny.yaml`."""
    root = tmp_path_factory.mktemp("world")
    (root / "data").mkdir()
    split: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    for n in range(6):
        affine = np.diag([*SPACING, 1.0])
        nibabel.save(nibabel.Nifti1Image(head(n), affine), root / "data" / f"head{n}.nii.gz")
        split["train" if n < 4 else "val"].append({"file": f"head{n}.nii.gz", "subject": f"s{n}", "noise": 1.0 + n})
    (root / "split.json").write_text(json.dumps(split))
    (root / "tiny.yaml").write_text(yaml.safe_dump(tiny(root)))
    return root


def tiny(root: Path) -> dict[str, Any]:
    """A configuration with every stage of a run, and hardly any work in each."""
    return {
        "name": "tiny",
        "seed": 3,
        "runs": str(root / "runs"),
        "data": {"root": str(root / "data"), "split": "split.json", "patch": [8, 8, 8], "workers": 0},
        "augmentation": {"affine": 0.0, "elastic": 0.0, "bias_field": 0.0},
        "network": {"target": "fast", "options": {"channels": [4, 8], "embedding": 8}},
        "diffusion": {"steps": 50},
        "trainer": {"max_steps": 12, "batch_size": 2, "threads": 1, "precision": "fp32", "accelerator": "cpu"},
        "validation": {"every_minutes": None, "every_steps": 6, "size": [8, 8, 8], "levels": [0.1]},
        "checkpoint": {"every_minutes": None, "every_steps": 4},
        "logging": {"tensorboard": False, "every_steps": 1},
        "card": {"modality": "MR"},
    }
