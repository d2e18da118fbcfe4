"""Patch files: cut by size and stride, nothing lost at the far end, and read back by the trainer."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from DiffusionCore.errors import InputError, OutputError, UsageError
from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.patches import read_patches, write_patches
from DiffusionCore.training.readers import read_scans
from DiffusionCore.volume import Volume


def volume(*shape: int, modality: str = "CT") -> Volume:
    voxels = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    return Volume(voxels, np.diag([0.5, 0.6, 2.0, 1.0]), modality)


def test_patches_are_the_volume_by_size_and_stride_with_one_more_at_the_end(tmp_path):
    scan = volume(1, 4, 7)
    stored = read_patches(write_patches({"s": scan}.items(), tmp_path / "p.h5", (4, 4), (4, 2)))
    firsts = [0, 2, 3]  # 4 would leave the patch; 3 covers the last column
    expected = np.stack([scan.voxels[0, :, i : i + 4] / 1000 for i in firsts])
    assert stored.patches == pytest.approx(expected)
    assert stored.patches.dtype == np.float32
    assert stored.subjects == ("s",) * 3


def test_the_file_says_how_it_was_cut(tmp_path):
    write_patches({"a": volume(4, 4, 4), "b": volume(4, 4, 4)}.items(), tmp_path / "p.h5", (2, 4, 4), (2, 4, 4))
    with h5py.File(tmp_path / "p.h5") as file:
        assert file["patches"].shape == (4, 2, 4, 4)
        assert file.attrs["size"].tolist() == [2, 4, 4]
        assert file.attrs["stride"].tolist() == [2, 4, 4]
        assert file.attrs["modality"] == "CT"
        assert file.attrs["spacing"] == pytest.approx([2.0, 0.6, 0.5])
        assert file["subjects"].asstr()[()].tolist() == ["a", "a", "b", "b"]


def test_mr_is_scaled_by_its_99_5th_percentile_and_empty_patches_are_left_out(tmp_path):
    voxels = np.zeros((1, 8, 8), np.float32)
    voxels[0, :, :4] = 50.0
    scan = Volume(voxels, np.eye(4), "MR")
    stored = read_patches(write_patches({"s": scan}.items(), tmp_path / "p.h5", (8, 4), (8, 4)))
    assert stored.patches.shape == (1, 8, 4)
    assert (stored.patches == 1.0).all()


@pytest.mark.parametrize(
    ("size", "stride", "error", "sentence"),
    [
        ((4,), (4,), UsageError, "2 or 3 numbers"),
        ((4, 4), (4, 4, 4), UsageError, "2 or 3 numbers"),
        ((4, 0), (4, 4), UsageError, "positive"),
        ((9, 9, 9), (4, 4, 4), InputError, "fewer than a patch"),
    ],
)
def test_what_can_not_be_cut_is_said_and_leaves_no_file(tmp_path, size, stride, error, sentence):
    with pytest.raises(error, match=sentence):
        write_patches({"s": volume(4, 4, 4)}.items(), tmp_path / "p.h5", size, stride)
    assert list(tmp_path.iterdir()) == []


def test_modalities_do_not_mix(tmp_path):
    with pytest.raises(InputError, match="one modality"):
        write_patches(
            {"a": volume(4, 4, 4), "b": volume(4, 4, 4, modality="MR")}.items(), tmp_path / "p.h5", (4, 4), (4, 4)
        )


def test_a_file_that_is_there_is_not_overwritten_unasked(tmp_path):
    path = write_patches({"a": volume(4, 4, 4)}.items(), tmp_path / "p.h5", (4, 4), (4, 4))
    with pytest.raises(OutputError):
        write_patches({"a": volume(4, 4, 4)}.items(), path, (4, 4), (4, 4))
    write_patches({"a": volume(4, 4, 4)}.items(), path, (4, 4), (4, 4), overwrite=True)


def test_what_is_no_patch_file_is_said(tmp_path):
    (tmp_path / "p.h5").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a patch file"):
        read_patches(tmp_path / "p.h5")
    with pytest.raises(InputError, match="no such patch file"):
        read_patches(tmp_path / "q.h5")


@pytest.mark.parametrize("size", [(4, 4), (2, 4, 4)])
def test_training_reads_them(world, tmp_path, size):
    write_patches({"a": volume(4, 8, 8)}.items(), tmp_path / "p.h5", size, size)
    (tmp_path / "split.json").write_text(json.dumps({"train": [{"file": "p.h5", "subject": "a"}]}))
    overrides = [f"data.split={tmp_path / 'split.json'}", f"data.root={tmp_path}", "data.target=hdf5_patches"]
    overrides += ["data.normalisation=hu", f"data.patch={list(size)}", "validation.size=null"]
    config = load_config(world / "tiny.yaml", overrides)
    scans = read_scans(config.data, "train")
    stacked = np.concatenate([scan.voxels.reshape(-1, *size) for scan in scans])
    assert np.array_equal(stacked, read_patches(tmp_path / "p.h5").patches)
    assert read_scans(config.data, "val") == []


def test_patches_of_ct_are_not_taken_for_mr(world, tmp_path):
    write_patches({"a": volume(4, 8, 8)}.items(), tmp_path / "p.h5", (4, 4), (4, 4))
    (tmp_path / "split.json").write_text(json.dumps({"train": [{"file": "p.h5", "subject": "a"}]}))
    overrides = [f"data.split={tmp_path / 'split.json'}", f"data.root={tmp_path}", "data.target=hdf5_patches"]
    config = load_config(world / "tiny.yaml", [*overrides, "data.patch=[4, 4]", "validation.size=null"])
    with pytest.raises(UsageError, match=r"holds CT patches; they need data.normalisation=hu"):
        read_scans(config.data, "train")
