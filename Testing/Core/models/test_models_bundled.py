"""The models that come with the package: small, in half precision, what their cards say, and of nobody who is tested on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.degradation import axis_lowering, lowered
from DiffusionCore.models import load_model, read_card, verify_model
from DiffusionCore.models.cascade import cascade_of
from DiffusionCore.models.registry import bundled_folder
from DiffusionCore.models.weights_file import WEIGHTS
from DiffusionCore.tasks.superres.super_resolve import super_resolve
from DiffusionCore.volume import Volume, read_volume
from DiffusionCore.volume.geometry import crop

FOLDERS = sorted(card.parent for card in bundled_folder().glob("*/card.yaml"))
MIB = 2**20
bundled = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


@bundled
def test_a_bundled_model_computes_what_its_card_says(folder: Path) -> None:
    assert verify_model(folder).name == folder.name


@bundled
def test_a_bundled_model_is_small_and_in_half_precision(folder: Path) -> None:
    from safetensors import safe_open

    assert (folder / WEIGHTS).stat().st_size <= 12 * MIB
    with safe_open(folder / WEIGHTS, "pt") as weights:
        kinds = {weights.get_slice(name).get_dtype() for name in weights.keys()}  # noqa: SIM118  (it is no dictionary)
    assert kinds <= {"F16", "I64"}


def test_the_bundled_models_are_small_together() -> None:
    assert sum((folder / WEIGHTS).stat().st_size for folder in FOLDERS) <= 60 * MIB


@bundled
def test_a_bundled_card_says_what_a_person_must_know(folder: Path) -> None:
    card = read_card(folder / "card.yaml")
    assert "Not for clinical use" in card.notice and card.limits and card.figures
    assert card.licence and all(source.licence for source in card.data) and card.data
    assert card.recipe["commit"] and "seed" in card.recipe
    assert card.network.macs_per_voxel > 0 or card.task == "classify"


@bundled
def test_nobody_who_is_tested_on_was_learnt_from(folder: Path, shared_data: Path) -> None:
    card = read_card(folder / "card.yaml")
    stages = [*card.recipe.get("before", ()), card.recipe]
    learnt = {subject for stage in stages for subject in stage.get("subjects", {}).get("train", ())}
    if card.task == "classify":
        tables = [shared_data / "classify" / "index_sts.csv"]
    else:
        tables = [shared_data / modality / "index.csv" for modality in ("mr", "ct")]
    tested = set()
    for table in tables:
        with table.open(encoding="utf-8") as file:
            tested |= {row["subject"] for row in csv.DictReader(file) if row["split"] == "test"}
    with (shared_data / "mr" / "slices2d" / "brain_t1_axial2d.csv").open(encoding="utf-8") as file:
        tested |= {row["subject"] for row in csv.DictReader(file) if row["stack"].endswith("_test.nii.gz")}
    assert not learnt & tested


@pytest.mark.parametrize(
    "folder", [f for f in FOLDERS if read_card(f / "card.yaml").input == "none"], ids=lambda folder: folder.name
)
def test_a_bundled_generator_makes_images_by_its_whole_cascade(folder: Path) -> None:
    stages = cascade_of(load_model(folder))
    assert all(stage.folder.parent == folder.parent for stage in stages)
    (image,) = stages[0].sample(count=1, steps=2, upscaler_steps=1)
    assert tuple(image.shape[1:]) == tuple(stages[-1].card.synthesis.size)
    assert image.isfinite().all() and image.std() > 0.01


VALIDATION = {
    "MR": ("mr/brain_t1/ds002748_sub-26_T1w.nii.gz", (slice(48, 80), slice(72, 120), slice(56, 104))),
    "CT": ("ct/sts_035_extremity.nii.gz", (slice(16, 32), slice(48, 96), slice(48, 96))),
}
CARDS = {folder: read_card(folder / "card.yaml") for folder in FOLDERS}


@pytest.mark.parametrize(
    "folder", [f for f, card in CARDS.items() if card.task == "super_resolve"], ids=lambda folder: folder.name
)
def test_a_bundled_super_resolver_is_nearer_to_the_truth_than_what_it_starts_from(
    folder: Path, shared_data: Path
) -> None:
    """On a part of a validation subject's scan, made coarse as the model's card says; it is chosen without being named."""
    card = CARDS[folder]
    spec, (file, part) = card.resolution, VALIDATION[card.modality]
    truth = crop(read_volume(shared_data / file, modality=card.modality), part)
    factors = (spec.typical,) * 3 if "all" in spec.axes else (spec.typical, 1.0, 1.0)
    axes = [axis_lowering(n, f, spec.kind) if f > 1 else None for n, f in zip(truth.shape, factors, strict=True)]
    by_axis = np.array(factors[::-1])
    matrix = truth.ijk_to_ras.copy()
    matrix[:3, 3] += matrix[:3, :3] @ ((by_axis - 1) / 2)
    matrix[:3, :3] *= by_axis
    coarse = Volume(lowered(truth.voxels.astype(np.float32), axes), matrix, card.modality)
    spacing = ",".join(f"{s:.9f}" for s in reversed(truth.spacing))
    result = super_resolve(coarse, spacing=spacing, reference=truth, force=True)
    assert {stage["model"]["name"] for stage in result.provenance["stages"]} == {folder.name}
    before, after = (result.metrics["reference"][when] for when in ("before", "after"))
    name = next(key for key in after if key.startswith("PSNR"))
    assert after[name] > before[name]
