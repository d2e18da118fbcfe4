"""CT, MR, label map or neither, with the reason in words."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from DiffusionCore.volume import Volume, read_volume, write_volume
from DiffusionCore.volume.modality import guess_modality, looks_like_hu, named_kind

RNG = np.random.default_rng(0)
SHAPE = (12, 40, 40)


def body() -> np.ndarray:
    k, j, i = np.indices(SHAPE)
    return np.broadcast_to(np.hypot(j - 20, i - 20) < 15, SHAPE) & (k >= 0)


def ct() -> np.ndarray:
    """A cylinder of 40 HU in air, 15 HU noise, clipped at -1024."""
    return np.maximum(np.where(body(), 40, -1000) + RNG.normal(0, 15, SHAPE), -1024).round().astype(np.int16)


def mr() -> np.ndarray:
    """A cylinder of 300 in nothing, Rician noise of 10."""
    return np.hypot(np.where(body(), 300, 0) + RNG.normal(0, 10, SHAPE), RNG.normal(0, 10, SHAPE)).astype(np.int16)


def test_every_scan_of_the_collection_is_told_by_its_voxels_alone(shared_data: Path) -> None:
    wrong = []
    for folder in ("mr", "ct"):
        with (shared_data / folder / "index.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                volume = read_volume(shared_data / folder / row["file"])
                guesses = {volume.modality, guess_modality(volume.voxels)[0]}
                if guesses != {folder.upper()}:
                    wrong.append((row["file"], guesses))
    assert wrong == []


def test_shape_masks_of_the_collection_are_label_maps(shared_data: Path) -> None:
    masks = np.load(shared_data / "classify" / "adrenalmnist3d.npz")["train_images"][:50]
    assert {guess_modality(mask)[0] for mask in masks} == {"LABEL"}


def test_ct_and_mr_by_their_values() -> None:
    voxels = ct()
    reason = f"values -1024 to {voxels.max()} with air near -1000 and soft tissue near 0 are HU"
    assert guess_modality(voxels) == ("CT", reason)
    modality, reason = guess_modality(mr())
    assert modality == "MR"
    assert "MR is assumed" in reason


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_type_on_disk_does_not_matter(dtype: str) -> None:
    assert guess_modality(ct().astype(dtype))[0] == "CT"
    assert guess_modality(mr().astype(dtype))[0] == "MR"


@pytest.mark.parametrize("filling", [-3024, -2000])
def test_filled_corners_do_not_hide_a_ct(filling: int) -> None:
    voxels = ct()
    voxels[:, :8] = filling
    assert guess_modality(voxels)[0] == "CT"


def test_ct_without_hu_is_no_ct() -> None:
    grey = ((np.clip(ct(), -1000, 1000) + 1000) / 2000 * 255).astype(np.uint8)
    assert not looks_like_hu(grey)
    modality, reason = guess_modality(grey)
    assert modality == "MR"
    assert "assumed (a CT that was rescaled would look the same)" in reason
    named = ("OTHER", f"the name says CT, but values {grey.min()} to {grey.max()} are no HU")
    assert guess_modality(grey, "sub-01_ct") == named


def test_phase_and_field_maps_are_no_ct() -> None:
    phase = RNG.integers(-4096, 4096, SHAPE).astype(np.int16)
    field = RNG.normal(0, 200, SHAPE).astype(np.float32)
    for voxels in (phase, field):
        assert guess_modality(voxels)[0] == "OTHER"


def test_overshoot_below_zero_is_still_mr() -> None:
    voxels = mr().astype(np.float32)
    voxels[0, 0, 0] = -20
    assert guess_modality(voxels)[0] == "MR"


def test_standardised_values_need_a_name() -> None:
    voxels = (mr().astype(np.float32) - 100) / 80
    assert guess_modality(voxels)[0] == "OTHER"
    modality, reason = guess_modality(voxels, "sub-01_T1w")
    assert (modality, reason.startswith("the name says MR")) == ("MR", True)


@pytest.mark.parametrize("name", ["sub-01_trc-FDG_pet", "PET", "lung_suv"])
def test_pet_is_told_by_name_only(name: str, tmp_path: Path) -> None:
    assert named_kind(name) == "PET"
    assert guess_modality(mr(), name) == ("OTHER", f"the name ends in {name.lower().split('_')[-1]}: PET")
    volume = read_volume(write_pet(tmp_path / f"{name}.nii.gz"))
    assert (volume.modality, volume.meta["kind"]) == ("OTHER", "PET")


def write_pet(path: Path) -> Path:
    import nibabel as nib

    nib.save(nib.Nifti1Image(mr().T, np.eye(4)), path)
    return path


@pytest.mark.parametrize("name", ["petra", "carpet_T1w", "sub-1_ses-pet_T1w"])
def test_pet_within_a_word_is_no_pet(name: str) -> None:
    assert named_kind(name) is None


def test_label_maps_by_their_flat_regions() -> None:
    labels = body().astype(np.int16) * 2
    labels[3:6, 10:20, 10:20] = 7
    modality, reason = guess_modality(labels)
    assert (modality, "regions of one value" in reason) == ("LABEL", True)
    assert guess_modality(body())[0] == "LABEL"


def test_name_makes_a_small_label_map() -> None:
    few = np.array([[[0, 1, 2, 3]]], np.uint8)
    assert guess_modality(few)[0] == "MR"
    assert guess_modality(few, "a.seg")[0] == "LABEL"
    assert guess_modality(few, "sub-1_dseg")[0] == "LABEL"
    assert guess_modality(few + 0.5, "sub-1_dseg")[0] != "LABEL"


def test_constant_image_is_told_as_such() -> None:
    assert guess_modality(np.full(SHAPE, 3, np.int16)) == ("OTHER", "every voxel is 3")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_what_nobody_knew_when_it_was_written_is_guessed_again(tmp_path: Path, suffix: str) -> None:
    volume = read_volume(write_volume(Volume(mr(), np.eye(4)), tmp_path / f"a{suffix}"))
    assert (volume.modality, "assumed" in volume.meta["modality_reason"]) == ("MR", True)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
def test_what_was_known_to_be_another_stays_so(tmp_path: Path, suffix: str) -> None:
    pet = Volume(mr(), np.eye(4), "OTHER", {"kind": "PET"})
    assert read_volume(write_volume(pet, tmp_path / f"a{suffix}")).modality == "OTHER"
