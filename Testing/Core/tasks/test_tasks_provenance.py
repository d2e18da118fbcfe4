"""The report: enough to make the result again, nothing about the patient."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest

from DiffusionCore import __version__
from DiffusionCore.progress import Progress
from DiffusionCore.tasks.enhance import enhance
from DiffusionCore.tasks.options import EnhanceOptions, FileOptions
from DiffusionCore.tasks.scan_files import enhance_file
from DiffusionCore.volume import read_volume

# What every report holds: a type, or a dictionary of such.
NUMBER, SHA256 = (int, float), re.compile("[0-9a-f]{64}")
SCHEMA = {
    "figures": {"without_reference": dict},
    "warnings": list,
    "notice": "Research only. Not for clinical use.",
    "provenance": {
        "software": {"DiffusionCore": __version__, "torch": str, "numpy": str, "python": str, "system": str},
        "input": {"sha256": SHA256, "shape_kji": list, "spacing_kji_mm": list, "modality": str, "modality_reason": str},
        "output": {"sha256": SHA256, "dtype": str},
        "model": {"name": str, "version": str, "sha256": SHA256},
        "options": dict,
        "sampling": {
            "steps": int,
            "samples": int,
            "texture": NUMBER,
            "sampler": str,
            "eta": NUMBER,
            "guidance": NUMBER,
            "seed": int,
            "widths": list,
        },
        "sigma": {"value": NUMBER, "told": NUMBER, "kind": str, "correlated": bool, "reason": str},
        "plan": {
            "kind": str,
            "core": list,
            "device": str,
            "dtype": str,
            "network_passes": int,
            "fallbacks": list,
            "threads": int,
        },
        "seconds": {stage: NUMBER for stage in
                    ("read", "load model", "measure noise", "denoise", "finish", "figures", "write")},
    },
}  # fmt: skip


def check(found: object, wanted: object, where: str = "report") -> None:
    if isinstance(wanted, dict):
        assert set(found) >= set(wanted), where
        for key, part in wanted.items():
            check(found[key], part, f"{where}.{key}")
    elif isinstance(wanted, re.Pattern):
        assert wanted.fullmatch(found), where
    elif isinstance(wanted, (type, tuple)):
        assert isinstance(found, wanted), where
    else:
        assert found == wanted, where


@pytest.fixture
def report(installed, mr_file, tmp_path) -> dict:
    files = FileOptions(report=tmp_path / "report.json", html=tmp_path / "page.html")
    options = EnhanceOptions(seed=5, preset="natural")
    enhance_file(mr_file, tmp_path / "out.nii.gz", options, files, Progress())
    return json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))


def test_every_report_holds_what_the_schema_says(report):
    check(report, SCHEMA)


def test_a_part_that_was_asked_for_is_named(installed, mr):
    inside = np.zeros(mr.shape, bool)
    inside[4:9] = True
    region = (slice(2, 20), slice(None), slice(0, 12))
    made = enhance(mr, region=region, mask=inside).provenance
    assert made["input"]["region_kji"] == [[2, 20], [0, 26], [0, 12]]
    assert made["input"]["mask_sha256"] == hashlib.sha256(inside.tobytes()).hexdigest()
    assert made["input"]["sha256"] == enhance(mr).provenance["input"]["sha256"]
    assert not {"region_kji", "mask_sha256"} & set(enhance(mr).provenance["input"])


def test_threads_are_those_that_computed(installed, mr):
    assert enhance(mr, threads=1).provenance["plan"]["threads"] == 1
    assert enhance(mr, threads=2).provenance["plan"]["threads"] == 2


def test_settings_are_those_that_were_used(report):
    made = report["provenance"]
    assert made["sampling"] == {
        "steps": 8,
        "samples": 1,
        "texture": 1.0,
        "sampler": "dpm++",
        "eta": 0.0,
        "guidance": 1.0,
        "seed": 5,
        "widths": [],
    }
    assert made["options"]["preset"] == "natural"
    assert made["plan"]["network_passes"] == 8
    assert made["input"]["shape_kji"] == [24, 26, 28]


def test_hashes_are_of_voxels_and_matrix_of_input_and_output(report, mr_file, tmp_path):
    for name, path in (("input", mr_file), ("output", tmp_path / "out.nii.gz")):
        volume = read_volume(path)
        digest = hashlib.sha256(np.ascontiguousarray(volume.voxels).tobytes() + volume.ijk_to_ras.tobytes())
        assert report["provenance"][name]["sha256"] == digest.hexdigest()


def test_the_same_input_gives_the_same_report_but_for_seconds(installed, mr_file, tmp_path):
    reports = []
    for name in ("a", "b"):
        files = FileOptions(report=tmp_path / f"{name}.json")
        enhance_file(mr_file, tmp_path / f"{name}.nii.gz", EnhanceOptions(seed=5), files, Progress())
        found = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        found["provenance"].pop("seconds")
        reports.append(found)
    assert reports[0] == reports[1]


def test_nothing_of_the_patient_or_the_path_is_in_report_page_or_result(installed, dicom, tmp_path):
    stored = dicom.phantom((12, 24, 20))
    private = tmp_path / "Müller_Hans"
    dicom.series(private, stored, dicom.lps_matrix((1.0, 1.0, 1.0)), "MR")
    files = FileOptions(report=tmp_path / "report.json", html=tmp_path / "page.html")
    enhance_file(private, tmp_path / "out.nii.gz", EnhanceOptions(), files, Progress())
    header = dicom.header("MR", "1", 3)
    secrets = [str(header.PatientName), header.PatientID, header.PatientBirthDate, header.StudyDate]
    secrets += [header.StudyInstanceUID, header.SeriesInstanceUID, "Müller", "private value", header.SeriesDescription]
    for name in ("report.json", "page.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert [secret for secret in secrets if secret in text] == []
    assert "Müller".encode() not in (tmp_path / "out.nii.gz").read_bytes()
    check(json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["provenance"]["input"]["sha256"], SHA256)


def test_a_4d_file_has_a_report_for_each_volume(installed, mr, tmp_path):
    import nibabel

    frames = np.stack([mr.voxels.transpose()] * 2, axis=-1)
    nibabel.save(nibabel.Nifti1Image(frames, mr.ijk_to_ras), tmp_path / "four.nii.gz")
    files = FileOptions(report=tmp_path / "report.json", all_frames=True)
    enhance_file(tmp_path / "four.nii.gz", tmp_path / "out.nii.gz", EnhanceOptions(), files, Progress())
    volumes = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["volumes"]
    assert len(volumes) == 2
    assert volumes[0]["provenance"]["output"]["sha256"] == volumes[1]["provenance"]["output"]["sha256"]
