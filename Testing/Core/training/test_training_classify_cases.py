"""Where a classifier's cases come from: folders of NIfTI and DICOM, MosMedData's layout, MedMNIST's files; and bad ones."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from DiffusionCore.commands.train import main
from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.training.classify.cases import check_cases, read_cases
from DiffusionCore.training.classify.class_split import load_class_split, make_class_split, write_class_split
from DiffusionCore.training.classify.config import ClassifyData
from DiffusionCore.training.classify.scans import find_scans, network_view
from DiffusionCore.volume import Volume, read_volume

SIZE = (8, 10, 12)


def save(path: Path, seed: int, affine: np.ndarray | None = None, shape: tuple[int, ...] = (14, 12, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    voxels = np.random.default_rng(seed).integers(0, 900, shape).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)


@pytest.fixture
def folders(tmp_path) -> ClassifyData:
    """Two classes of six scans each, and the split file's place."""
    for n in range(6):
        save(tmp_path / "data" / "well" / f"w{n}.nii.gz", n)
        save(tmp_path / "data" / "ill" / f"i{n}" / "t1.nii", 10 + n)
    return ClassifyData(
        target="folders", root=tmp_path / "data", split=tmp_path / "split.json", classes=("well", "ill"), size=SIZE
    )


def dealt(data: ClassifyData) -> ClassifyData:
    write_class_split(make_class_split(find_scans(data, data.root)), data.split)
    return data


def test_a_folder_for_each_class_is_read_at_the_networks_size(folders):
    train, val = (read_cases(dealt(folders) if split == "train" else folders, split) for split in ("train", "val"))
    check_cases({"train": train, "val": val}, folders.classes)
    assert train.images.shape[1:] == SIZE and train.images.dtype == np.float16
    assert train.images.min() >= 0 and train.images.max() < 1.1
    assert set(train.labels) == set(val.labels) == {0, 1}
    assert not set(train.subjects) & set(val.subjects)
    assert {s[0] for s, label in zip(train.subjects, train.labels, strict=True) if label == 1} == {"i"}


def test_a_dicom_series_is_a_scan_and_its_folder_a_subject(tmp_path, dicom):
    for label in ("a", "b"):
        for n in range(3):
            dicom.series(tmp_path / label / f"{label}{n}" / "t1", dicom.phantom(seed=n), dicom.lps_matrix())
    data = ClassifyData(target="folders", root=tmp_path, split=tmp_path / "s.json", classes=("a", "b"), size=SIZE)
    found = {entry.file: entry.subject for entry in find_scans(data, tmp_path)}
    assert found["b/b2/t1"] == "b2" and len(found) == 6
    assert read_cases(dealt(data), "train").images.shape == (2, *SIZE)


def test_a_file_is_a_subject_by_its_whole_name_and_hidden_files_are_no_series(tmp_path, dicom):
    for n in range(2):
        save(tmp_path / "a" / f"1.2.{n}.nii.gz", n)
    (tmp_path / "b" / "b0").mkdir(parents=True)
    (tmp_path / "b" / "b0" / ".DS_Store").touch()
    dicom.series(tmp_path / "b" / "b0" / "t1", dicom.phantom(), dicom.lps_matrix())
    data = ClassifyData(target="folders", root=tmp_path, split="s.json", classes=("a", "b"), size=SIZE)
    found = {entry.file: entry.subject for entry in find_scans(data, tmp_path)}
    assert found == {"a/1.2.0.nii.gz": "1.2.0", "a/1.2.1.nii.gz": "1.2.1", "b/b0/t1": "b0"}


def test_mosmeddata_s_five_folders_are_two_classes(tmp_path):
    for n in range(5):
        for m in range(3):
            save(tmp_path / "studies" / f"CT-{n}" / f"study_{n}{m}.nii", n)
    data = ClassifyData(
        target="mosmed", split=tmp_path / "s.json", classes=("normal", "covid"), size=SIZE, normalisation="hu"
    )
    found = find_scans(data, tmp_path)
    assert sum(entry.label == "normal" for entry in found) == 3
    assert sum(entry.label == "covid" for entry in found) == 12
    assert found[0].subject == "study_00"


@pytest.mark.parametrize("turn", [np.diag([-1, 1, 1, 1]), np.diag([1, -1, -1, 1]), np.eye(4)[[2, 0, 1, 3]]])
def test_the_network_sees_the_patient_the_same_way_however_the_file_is_stored(tmp_path, turn):
    """One bright block on the patient's left, in front, high up: columns i to the left, rows j to the back, k up."""
    voxels = np.zeros((12, 12, 12), np.float32)
    voxels[1:4, 8:11, 7:10] = 100  # RAS file: left, anterior, superior
    image = nibabel.Nifti1Image(voxels, np.eye(4))
    codes = nibabel.orientations.io_orientation(turn.astype(float))
    turned = image.as_reoriented(codes)
    nibabel.save(turned, tmp_path / "x.nii")
    data = ClassifyData(target="mosmed", split="s", classes=("a", "b"), size=(12, 12, 12))
    seen = network_view(read_volume(tmp_path / "x.nii"), data, "x").voxels
    k, j, i = (axis.mean() for axis in np.nonzero(seen > 0.5))
    assert (k, j, i) == (8, 2, 9)


@pytest.fixture
def medmnist(tmp_path) -> ClassifyData:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", 12), ("val", 6), ("test", 4)):
        arrays[f"{split}_images"] = rng.integers(0, 2, (count, *SIZE)).astype(np.uint8) * 255
        arrays[f"{split}_labels"] = (np.arange(count) % 2)[:, None].astype(np.uint8)
    np.savez(tmp_path / "x.npz", **arrays)
    return ClassifyData(
        target="medmnist",
        root=tmp_path,
        file="x.npz",
        classes=("a", "b"),
        input="labelmap",
        normalisation="unit",
        size=SIZE,
    )


def test_a_medmnist_file_keeps_its_official_split(medmnist):
    train, val = read_cases(medmnist, "train"), read_cases(medmnist, "val")
    assert len(train.labels) == 12 and len(val.labels) == 6
    assert train.images.dtype == bool
    assert train.names[3] == train.subjects[3] == "train/3"


def test_an_index_says_whose_each_image_is(medmnist, tmp_path):
    rows = [f"{split},{n},p{split}{n // 3}" for split, count in (("train", 12), ("val", 6)) for n in range(count)]
    (tmp_path / "i.csv").write_text("split,index,subject\n" + "\n".join(rows))
    indexed = medmnist.model_copy(update={"index": Path("i.csv")})
    assert read_cases(indexed, "train").subjects[:4] == ("ptrain0", "ptrain0", "ptrain0", "ptrain1")
    with pytest.raises(InputError, match="0 rows for 4 images"):
        read_cases(indexed, "test")


def test_a_subject_in_two_splits_is_refused(medmnist, tmp_path):
    rows = [f"{split},{n},p{n}" for split, count in (("train", 12), ("val", 6)) for n in range(count)]
    (tmp_path / "i.csv").write_text("split,index,subject\n" + "\n".join(rows))
    indexed = medmnist.model_copy(update={"index": Path("i.csv")})
    with pytest.raises(UsageError, match="is in train and in val"):
        check_cases({split: read_cases(indexed, split) for split in ("train", "val")}, indexed.classes)


def test_labels_and_sizes_that_do_not_match_are_refused(medmnist):
    with pytest.raises(InputError, match=r"8×10×12, and data\.size is 8×8×8"):
        read_cases(medmnist.model_copy(update={"size": (8, 8, 8)}), "train")
    stored = dict(np.load(medmnist.root / "x.npz"))
    np.savez(medmnist.root / "x.npz", **{**stored, "train_labels": stored["train_labels"] + 1})
    with pytest.raises(InputError, match=r"labels go from 1 to 2, and data\.classes names 2"):
        read_cases(medmnist, "train")
    np.savez(medmnist.root / "x.npz", **{**stored, "train_labels": stored["train_labels"][:5]})
    with pytest.raises(InputError, match="12 images and 5 labels"):
        read_cases(medmnist, "train")


def test_one_class_and_one_subject_are_refused(medmnist, tmp_path):
    stored = dict(np.load(tmp_path / "x.npz"))
    np.savez(tmp_path / "x.npz", **{**stored, "val_labels": 0 * stored["val_labels"]})
    with pytest.raises(InputError, match="val has no case of 'b', only of a"):
        check_cases({split: read_cases(medmnist, split) for split in ("train", "val")}, medmnist.classes)
    np.savez(tmp_path / "x.npz", **stored)
    rows = [f"{split},{n},{split}" for split, count in (("train", 12), ("val", 6)) for n in range(count)]
    (tmp_path / "i.csv").write_text("split,index,subject\n" + "\n".join(rows))
    indexed = medmnist.model_copy(update={"index": Path("i.csv")})
    with pytest.raises(InputError, match="one subject"):
        check_cases({split: read_cases(indexed, split) for split in ("train", "val")}, indexed.classes)


def test_files_that_are_missing_damaged_or_something_else_are_refused(medmnist, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_cases(medmnist.model_copy(update={"file": Path("y.npz")}), "train")
    (tmp_path / "y.npz").write_bytes(b"PK broken")
    with pytest.raises(InputError, match="damaged"):
        read_cases(medmnist.model_copy(update={"file": Path("y.npz")}), "train")
    np.savez(tmp_path / "y.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="holds no train_images"):
        read_cases(medmnist.model_copy(update={"file": Path("y.npz")}), "train")


def test_an_image_without_contrast_is_refused(medmnist, folders):
    stored = dict(np.load(medmnist.root / "x.npz"))
    stored["train_images"][5] = 0
    np.savez(medmnist.root / "x.npz", **stored)
    with pytest.raises(InputError, match="image 5 of train has one value"):
        read_cases(medmnist, "train")
    flat = Volume(np.full((9, 9, 9), 7, np.int16), np.eye(4), "MR")
    with pytest.raises(InputError, match="same value"):
        network_view(flat, folders, "flat.nii")


def test_an_empty_class_folder_and_a_missing_one_are_refused(folders):
    for path in (folders.root / "ill").rglob("*.nii"):
        path.unlink()
    with pytest.raises(InputError, match="class 'ill' has no scans"):
        find_scans(folders, folders.root)
    with pytest.raises(InputError, match="no such folder for class 'odd'"):
        find_scans(folders.model_copy(update={"classes": ("well", "odd")}), folders.root)


def test_a_scan_smaller_than_a_region_is_refused(folders):
    save(folders.root / "well" / "w1.nii.gz", 1, shape=(14, 12, 2))
    with pytest.raises(InputError, match="fewer than one region"):
        for split in ("train", "val", "test"):
            read_cases(dealt(folders) if split == "train" else folders, split, (4, 4, 4))


def test_a_configuration_without_its_parts_is_refused():
    with pytest.raises(ValidationError, match="needs file"):
        ClassifyData(target="medmnist", classes=("a", "b"), size=SIZE)
    with pytest.raises(ValidationError, match="split names"):
        ClassifyData(target="folders", classes=("a", "b"), size=SIZE)
    with pytest.raises(ValidationError, match="two classes here"):
        ClassifyData(target="mosmed", split="s.json", classes=("a", "b", "c"), size=SIZE)
    with pytest.raises(ValidationError, match="same name"):
        ClassifyData(target="medmnist", file="x", classes=("a", "a"), size=SIZE)


def test_the_command_makes_the_split_that_the_configuration_names(folders, tmp_path, capsys):
    content = {
        "task": "classify",
        "name": "x",
        "data": {"target": "folders", "root": str(folders.root), "split": "split.json", "classes": ["well", "ill"]},
    }
    content["data"]["size"] = list(SIZE)
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(content))
    assert main([str(tmp_path / "x.yaml"), "--make-split", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["split"].endswith("split.json")
    assert len(load_class_split(tmp_path / "split.json", folders.classes).train) == 8


def test_only_a_classifiers_configuration_has_a_split_to_make(world):
    with pytest.raises(UsageError, match="task: classify"):
        main([str(world / "tiny.yaml"), "--make-split"])
