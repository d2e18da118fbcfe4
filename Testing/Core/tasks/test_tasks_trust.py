"""Trust with a result: in the API, beside the file, in the report and in words; the same for the same seed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from DiffusionCore.__main__ import main
from DiffusionCore.errors import OutputError
from DiffusionCore.models import load_model
from DiffusionCore.progress import Progress
from DiffusionCore.report.words import plain
from DiffusionCore.tasks.enhance import enhance
from DiffusionCore.tasks.options import EnhanceOptions, FileOptions
from DiffusionCore.tasks.scan_files import enhance_file
from DiffusionCore.volume import read_volume

CAREFUL = {"preset": "careful", "samples": 2, "steps": 2}


@pytest.fixture(scope="module")
def model(tiny_models):
    return load_model(tiny_models / "tiny-mr")


def test_trust_is_there_when_it_is_asked_for(mr, model):
    assert enhance(mr, loaded=model).trust is None
    found = enhance(mr, loaded=model, trust=True, **CAREFUL).trust
    assert found.structure.shape == mr.shape
    assert found.uncertainty is not None
    assert not found.uncertainty.calibrated
    assert {finding.kind for finding in found.findings} == {"structure", "bias", "uncertainty", "range"}


def test_the_same_seed_gives_the_same_trust_to_the_byte(mr, model):
    first, again = (enhance(mr, loaded=model, trust=True, seed=3, **CAREFUL).trust for _ in range(2))
    assert first.structure.voxels.tobytes() == again.structure.voxels.tobytes()
    assert first.as_dict() == again.as_dict()


def test_a_region_is_judged_on_its_own_grid(mr, model):
    region = (slice(4, 20), slice(2, 22), slice(8, 26))
    found = enhance(mr, loaded=model, trust=True, region=region)
    assert found.trust.structure.shape == found.volume.shape
    np.testing.assert_array_equal(found.trust.structure.ijk_to_ras, found.volume.ijk_to_ras)


def test_outside_the_mask_nothing_is_judged(mr, model):
    mask = np.zeros(mr.shape, bool)
    mask[:, :13] = True
    assert not enhance(mr, loaded=model, trust=True, mask=mask).trust.structure.voxels[~mask].any()


def test_the_file_beside_the_result_is_the_map_of_the_api(mr, mr_file, installed, tmp_path):
    files = FileOptions(trust_map=tmp_path / "structure.nii.gz", report=tmp_path / "report.json")
    (report,) = enhance_file(mr_file, tmp_path / "out.nii.gz", EnhanceOptions(**CAREFUL), files, Progress())
    written = read_volume(tmp_path / "structure.nii.gz")
    direct = enhance(read_volume(mr_file), trust=True, **CAREFUL).trust
    np.testing.assert_array_equal(written.voxels, direct.structure.voxels)
    np.testing.assert_allclose(written.ijk_to_ras, mr.ijk_to_ras, atol=1e-4)
    assert json.loads((tmp_path / "report.json").read_text())["trust"] == json.loads(
        json.dumps(plain(direct.as_dict()))
    )
    assert report["trust"]["words"] == list(direct.words)


def test_the_map_never_replaces_a_file_or_the_input(mr_file, installed, tmp_path):
    taken = tmp_path / "taken.nii.gz"
    taken.write_bytes(b"x")
    for place in (taken, mr_file):
        with pytest.raises(OutputError):
            enhance_file(mr_file, tmp_path / "o.nii.gz", EnhanceOptions(), FileOptions(trust_map=place), Progress())
    assert not (tmp_path / "o.nii.gz").exists()


def test_the_command_says_it_in_words_and_only_when_asked(mr_file, installed, tmp_path, capsys):
    assert main(["enhance", str(mr_file), str(tmp_path / "a.nii.gz"), "--trust"]) == 0
    said = capsys.readouterr().out
    assert "trust: " in said
    assert "the mean in tissue went from" in said
    assert main(["enhance", str(mr_file), str(tmp_path / "b.nii.gz")]) == 0
    assert "trust: " not in capsys.readouterr().out


def test_the_page_has_the_findings_as_a_list_and_alarms_first(mr_file, installed, tmp_path):
    page = tmp_path / "page.html"
    enhance_file(mr_file, tmp_path / "o.nii.gz", EnhanceOptions(), FileOptions(html=page), Progress())
    text = page.read_text()
    assert "what speaks for and against it" in text
    assert "<li>" in text


def test_in_folder_mode_each_scan_has_its_own_map(tmp_path):
    files = FileOptions(trust_map=tmp_path / "trust.nii.gz")
    assert files.for_target(tmp_path / "head.nii.gz").trust_map == tmp_path / "head_trust.nii.gz"
