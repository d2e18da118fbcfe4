"""A result is kept outside by the worker: a report of three files, a derived series; all or nothing."""

from __future__ import annotations

import json

import pydicom

from DiffusionCore.volume import Volume


def ask(worker, asker: str, task: str, volumes: dict, **options):
    worker.say({"type": "submit", "id": asker, "task": task, "options": options, "volumes": volumes})
    return worker.answer("result", "error")


def test_a_report_is_json_a_picture_and_a_page(worker, mr, tmp_path):
    volumes = {"before": worker.put(mr), "after": worker.put(mr), "uncertainty": worker.put(mr)}
    content = {"figures": {"noise after": 3.0}, "warnings": ["look at this"]}
    folder = tmp_path / "new"
    found = ask(worker, "r", "report", volumes, folder=str(folder), stem="head", title="Head", content=content)
    assert found["values"] == {"files": ["head.json", "head.png", "head.html"]}
    assert json.loads((folder / "head.json").read_text()) == content
    assert (folder / "head.png").read_bytes()[:4] == b"\x89PNG"
    assert "look at this" in (folder / "head.html").read_text()


def test_a_report_that_cannot_be_written_leaves_nothing(worker, mr, tmp_path):
    (tmp_path / "head.html").write_text("mine")
    volumes = {"before": worker.put(mr), "after": worker.put(mr)}
    found = ask(worker, "full", "report", volumes, folder=str(tmp_path), stem="head", content={})
    assert (found["type"], found["class"]) == ("error", "OutputError")
    assert [path.name for path in tmp_path.iterdir()] == ["head.html"]
    assert (tmp_path / "head.html").read_text() == "mine"


def test_a_report_of_what_does_not_go_together_is_refused(worker, mr, tmp_path):
    other = Volume(mr.voxels[2:], mr.ijk_to_ras, "MR")
    found = ask(worker, "g", "report", {"before": worker.put(mr), "after": worker.put(other)}, folder=str(tmp_path))
    assert (found["exit_code"], "not on the scan's grid" in found["message"]) == (3, True)
    assert list(tmp_path.iterdir()) == []


def test_what_of_an_answer_is_no_sentence_is_not_shown_as_one(worker, mr, tmp_path):
    volumes = {"before": worker.put(mr), "after": worker.put(mr)}
    content = {"trust": "high", "warnings": 5}
    assert ask(worker, "s", "report", volumes, folder=str(tmp_path), content=content)["type"] == "result"
    assert json.loads((tmp_path / "report.json").read_text()) == content


def test_an_export_does_not_replace_the_images_it_comes_from(worker, mr, dicom, tmp_path):
    dicom.series(tmp_path / "in", dicom.phantom(mr.shape), dicom.lps_matrix((1.0, 1.0, 1.0)), "MR")
    before = sorted(path.read_bytes() for path in (tmp_path / "in").iterdir())
    made = worker.result("enhance", mr, "e2", model="tiny-mr")
    options = {"provenance": made["provenance"], "source": str(tmp_path / "in"), "overwrite": True}
    for asker, folder in (("s", "in"), ("t", "in/out")):
        found = ask(worker, asker, "export_dicom", {"volume": worker.put(mr)}, folder=str(tmp_path / folder), **options)
        assert found["exit_code"] == 5
    assert sorted(path.read_bytes() for path in (tmp_path / "in").iterdir()) == before


def test_an_export_without_what_a_job_answered_is_refused(worker, mr, tmp_path):
    options = {"folder": str(tmp_path / "out"), "provenance": {"seed": 1}}
    found = ask(worker, "p", "export_dicom", {"volume": worker.put(mr)}, **options)
    assert (found["exit_code"], "not one that a job answered" in found["message"]) == (2, True)
    found = ask(worker, "q", "export_dicom", {"volume": worker.put(mr)}, folder=str(tmp_path / "out"))
    assert found["message"] == "--provenance is needed: the result's, as its job answered it"
    assert not (tmp_path / "out").exists()


def test_a_result_becomes_a_derived_series(worker, mr, tmp_path):
    made = worker.result("enhance", mr, "e", model="tiny-mr")
    volumes = {"volume": {**made["volume"]["volume"]}}
    found = ask(worker, "x", "export_dicom", volumes, folder=str(tmp_path / "out"), provenance=made["provenance"])
    assert found["type"] == "result", found
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == mr.shape[0]
    image = pydicom.dcmread(files[0])
    assert (image.Modality, image.ImageType[0]) == ("MR", "DERIVED")
    assert "tiny-mr" in image.DerivationDescription
