"""The models that come with the package: small, in half precision, what their cards say, and of nobody who is tested on."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from DiffusionCore.models import load_model, read_card, verify_model
from DiffusionCore.models.cascade import cascade_of
from DiffusionCore.models.registry import bundled_folder
from DiffusionCore.models.weights_file import WEIGHTS

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
    learnt = set(read_card(folder / "card.yaml").recipe.get("subjects", {}).get("train", ()))
    tested = set()
    for modality in ("mr", "ct"):
        with (shared_data / modality / "index.csv").open(encoding="utf-8") as file:
            tested |= {row["subject"] for row in csv.DictReader(file) if row["split"] == "test"}
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
