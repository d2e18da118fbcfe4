"""Splits: a subject is in one of them, and the committed ones are those of the data's own index."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from DiffusionCore.errors import InputError, UsageError
from DiffusionCore.training.config_file import load_config
from DiffusionCore.training.readers import average_slices, read_scans
from DiffusionCore.training.splits import data_root, load_split

SPLITS = Path(__file__).resolve().parents[3] / "configs" / "splits"


def written(folder: Path, split: dict) -> Path:
    path = folder / "split.json"
    path.write_text(json.dumps(split))
    return path


def test_a_subject_in_two_splits_is_refused_by_name(tmp_path):
    path = written(
        tmp_path,
        {"train": [{"file": "a", "subject": "one"}], "test": [{"file": "b", "subject": ["two", "one"]}]},
    )
    with pytest.raises(UsageError, match="subject one is in train and in test"):
        load_split(path)


def test_a_subject_may_have_several_files_in_one_split(tmp_path):
    entries = [{"file": "a", "subject": "one"}, {"file": "b", "subject": "one"}]
    assert len(load_split(written(tmp_path, {"train": entries})).train) == 2


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ({"train": []}, "train"),
        ({"train": [{"file": "a"}]}, "subject"),
        ({"train": [{"file": "a", "subject": "s"}], "valid": []}, "valid"),
    ],
)
def test_a_broken_split_is_refused(tmp_path, split, sentence):
    with pytest.raises(UsageError, match=sentence):
        load_split(written(tmp_path, split))


def test_a_split_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "split.json").write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        load_split(tmp_path / "split.json")


@pytest.mark.parametrize("path", sorted(SPLITS.glob("*.json")), ids=lambda path: path.stem)
def test_the_committed_splits_follow_the_index(shared_data, path):
    of = {}
    for kind in ("mr", "ct"):
        with (shared_data / kind / "index.csv").open(encoding="utf-8") as file:
            of.update({f"{kind}/{row['file']}": row["split"] for row in csv.DictReader(file)})
    split = load_split(path)
    for name in ("train", "val", "test"):
        for entry in split.entries(name):
            assert of[entry.file] == name, entry.file


def test_where_the_data_is_comes_from_the_configuration_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("DIFFUSIONCORE_DATA", raising=False)
    with pytest.raises(InputError, match="where are the scans"):
        data_root(None)
    monkeypatch.setenv("DIFFUSIONCORE_DATA", str(tmp_path))
    assert data_root(None) == tmp_path
    with pytest.raises(InputError, match="no such folder"):
        data_root(tmp_path / "none")


def test_a_missing_scan_is_named(world, tmp_path):
    path = written(tmp_path, {"train": [{"file": "head9.nii.gz", "subject": "s"}]})
    with pytest.raises(InputError, match=r"head9.nii.gz: no such scan"):
        read_scans(load_config(world / "tiny.yaml", [f"data.split={path}"]).data, "train")


def test_scans_stay_in_the_files_own_type_and_order_of_axes(world):
    scan = read_scans(load_config(world / "tiny.yaml").data, "train")[0]
    assert scan.voxels.dtype == "uint8"
    assert scan.voxels.shape == (20, 28, 26)
    assert scan.spacing == pytest.approx((1.2, 1.0, 1.0))
    assert scan.scale == 200


def test_averaging_slices_makes_them_thicker_and_drops_the_rest():
    import numpy as np

    voxels = np.arange(7, dtype=np.int16).reshape(7, 1, 1)
    mean, spacing = average_slices(voxels, (0.8, 0.5, 0.5), 3)
    assert mean[:, 0, 0].tolist() == [1.0, 4.0]
    assert spacing == pytest.approx((2.4, 0.5, 0.5))


def test_averages_that_half_precision_can_not_hold_stay_finite():
    import numpy as np

    mean, _ = average_slices(np.full((4, 2, 2), 65535, np.uint16), (1.0, 1.0, 1.0), 2)
    assert (mean == 65535).all()
