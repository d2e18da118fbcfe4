"""Split files of scans with a class: every subject in one split, every class in all of them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from DiffusionCore.errors import InputError, OutputError, UsageError
from DiffusionCore.training.classify.class_split import (
    SPLITS,
    ClassEntry,
    load_class_split,
    make_class_split,
    write_class_split,
)


def scans(**counts: int) -> list[ClassEntry]:
    """So many subjects with one scan each of every class."""
    return [
        ClassEntry(file=f"{label}/{n:03}.nii.gz", subject=f"{label}{n:03}", label=label)
        for label, count in counts.items()
        for n in range(count)
    ]


def test_s4_s_200_scans_become_128_32_and_40_balanced():
    split = make_class_split(scans(normal=254, covid=856), most=100)
    assert [len(split.entries(name)) for name in SPLITS] == [128, 32, 40]
    for name in SPLITS:
        assert len(set(Counter(entry.label for entry in split.entries(name)).values())) == 1


def test_every_class_keeps_its_share_in_every_split():
    split = make_class_split(scans(common=80, rare=20), shares=(0.5, 0.25, 0.25))
    found = [Counter(entry.label for entry in split.entries(name)) for name in SPLITS]
    assert found == [{"common": 40, "rare": 10}, {"common": 20, "rare": 5}, {"common": 20, "rare": 5}]


def test_all_scans_of_a_subject_stay_together():
    entries = [
        ClassEntry(file=f"{label}/{s}-{n}.nii", subject=f"s{s}", label=label)
        for s in range(12)
        for n, label in enumerate(("a", "a", "b" if s % 3 == 0 else "a"))
    ]
    split = make_class_split(entries)
    where = {name: {entry.subject for entry in split.entries(name)} for name in SPLITS}
    assert not where["train"] & where["val"] and not where["train"] & where["test"] and not where["val"] & where["test"]
    assert sum(len(split.entries(name)) for name in SPLITS) == 36


def test_a_class_of_as_many_subjects_as_splits_is_in_each():
    split = make_class_split(scans(common=30, rare=3))
    assert all("rare" in {entry.label for entry in split.entries(name)} for name in SPLITS)


def test_the_same_seed_deals_the_same():
    assert make_class_split(scans(a=20, b=20), seed=3) == make_class_split(reversed(scans(a=20, b=20)), seed=3)
    assert make_class_split(scans(a=20, b=20), seed=3) != make_class_split(scans(a=20, b=20), seed=4)


def test_one_class_and_one_subject_are_refused_in_words():
    with pytest.raises(InputError, match="one class, 'a'"):
        make_class_split(scans(a=20))
    with pytest.raises(InputError, match="class 'b' has 1 subject;"):
        make_class_split(scans(a=20, b=1))


def test_files_of_one_name_in_two_classes_are_one_persons_and_that_is_said():
    entries = [ClassEntry(file=f"{label}/{n}.nii", subject=str(n), label=label) for label in "ab" for n in range(9)]
    with pytest.raises(InputError, match=r"'b' has 0 subjects.*; 9 more names are in several classes"):
        make_class_split(entries)


def test_a_split_is_written_read_back_and_never_replaced(tmp_path):
    split = make_class_split(scans(a=6, b=6))
    path = write_class_split(split, tmp_path / "splits" / "x.json")
    assert load_class_split(path, ["a", "b"]) == split
    with pytest.raises(OutputError, match="there already"):
        write_class_split(split, path)


def test_a_subject_in_two_splits_and_labels_that_do_not_match_are_refused(tmp_path):
    path = tmp_path / "split.json"
    entry = {"file": "a/1.nii", "subject": "s1", "label": "a"}
    path.write_text(json.dumps({"train": [entry], "val": [{**entry, "file": "a/2.nii"}]}))
    with pytest.raises(UsageError, match="s1 is in train and in val"):
        load_class_split(path, ["a", "b"])
    with pytest.raises(UsageError, match="labelled 'a', which is none of b, c"):
        load_class_split(path, ["b", "c"])
    path.write_text("{")
    with pytest.raises(UsageError, match="not JSON"):
        load_class_split(path, ["a"])
    with pytest.raises(UsageError, match="--make-split"):
        load_class_split(tmp_path / "none.json", ["a"])
