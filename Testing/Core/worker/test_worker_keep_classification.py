"""The report of a classification through the worker: the answer as the command line writes it, with figure and regions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from DiffusionCore.progress import silent
from DiffusionCore.report.markups import read_markups
from DiffusionCore.volume import Volume
from DiffusionCore.worker.jobs import Job
from DiffusionCore.worker.keep_classification import ReportJob, run_report

REGION = {"label": "region 1", "centre": [4, 5, 6], "axes": np.eye(3).tolist(), "size": [3, 3, 3], "description": "w"}
ANSWER = {
    "answer": "mass",
    "abstained": "",
    "probabilities": [
        {"name": "normal", "probability": 0.2, "low": 0.1, "high": 0.3},
        {"name": "mass", "probability": 0.8, "low": 0.7, "high": 0.9},
    ],
    "regions": [REGION],
    "warnings": [],
    "provenance": {"model": {"name": "tiny"}},
}
SCAN = Volume(np.arange(1000, dtype=np.float32).reshape(10, 10, 10), np.eye(4), "MR")


def run(folder, **result):
    options = ReportJob(folder=folder, stem="case", result={**ANSWER, **result})
    volumes = {"volume": SCAN, "map": Volume(SCAN.voxels / 999, np.eye(4), "OTHER")}
    return run_report(Job(options, volumes, {}), None, silent())["files"]


def test_json_figure_and_regions(tmp_path):
    assert run(tmp_path / "new") == ["case.json", "case.mrk.json", "case.png"]
    report = json.loads((tmp_path / "new" / "case.json").read_text())
    assert report["answer"] == "mass"
    assert report["probabilities"]["mass"] == {"probability": 0.8, "samples 5 to 95 %": [0.7, 0.9]}
    assert [box.centre for box in read_markups(tmp_path / "new" / "case.mrk.json")] == [(4, 5, 6)]


def test_of_no_answer_there_are_the_reason_and_no_regions(tmp_path):
    assert run(tmp_path, answer="", abstained="unlike", probabilities=[], regions=[]) == ["case.json", "case.png"]
    assert json.loads((tmp_path / "case.json").read_text())["abstained"] == "unlike"


def test_an_answer_that_makes_no_sense_is_refused():
    with pytest.raises(ValidationError):
        ReportJob(
            folder=".", result={**ANSWER, "probabilities": [{"name": "a", "probability": 2, "low": 0, "high": 1}]}
        )
