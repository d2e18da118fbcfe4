"""Super-resolution, synthesis and classification through the worker: the tasks' own results, their models kept."""

from __future__ import annotations

import os

import numpy as np

from DiffusionCore.models import Range
from DiffusionCore.models.card import ResolutionSpec
from DiffusionCore.tasks.classification.classify import classify
from DiffusionCore.tasks.superres.super_resolve import super_resolve
from DiffusionCore.tasks.synthesis.synthesize import synthesize
from DiffusionCore.volume import Volume
from DiffusionCore.worker.session import Session


def test_super_resolution_comes_back_on_the_finer_grid(worker, mr, make_model, tmp_path):
    twice = ResolutionSpec(kind="kspace", axes=("all",), factor=Range(low=1.3, high=2.2), softening=1.0)
    folder = make_model(tmp_path / "sr-x2", task="super_resolve", resolution=twice)
    scan = Volume(mr.voxels, np.diag([1.0, 1.0, 1.0, 1.0]), "MR")
    options = {"model": str(folder), "factor": 2.0, "threads": 1}
    values = worker.result("super_resolve", scan, **options)
    expected = super_resolve(scan, **options)
    np.testing.assert_array_equal(worker.array(values["volume"]), expected.volume.voxels)
    np.testing.assert_array_equal(values["volume"]["volume"]["matrix"], expected.volume.ijk_to_ras)
    assert worker.array(values["interpolated"]).shape == tuple(2 * n for n in scan.shape)


def test_super_resolution_without_a_model_says_so(worker, mr):
    worker.submit("super_resolve", mr, "none", model="no-such-model")
    assert worker.answer("error")["class"] == "ModelError"


def test_synthesis_needs_no_volume(worker, tiny_cascade):
    options = {"model": str(tiny_cascade), "count": 2, "steps": 2, "seed": 5}
    worker.say({"type": "submit", "id": "s", "task": "synthesize", "options": options, "volumes": {}})
    values = worker.answer("result", "error")["values"]
    made = synthesize(tiny_cascade, count=2, steps=2, seed=5)
    np.testing.assert_array_equal(worker.array(values["volumes"][0]), made.volumes[0].voxels)
    assert values["volumes"][0]["volume"]["meta"] == {"synthetic": True}
    assert values["images"]["array"]["shape"] == list(made.images.shape)


def test_a_cascade_stays_loaded_until_a_file_of_it_changes(tmp_path, make_synthesis):
    base = make_synthesis(tmp_path / "base", then=["twice"])
    make_synthesis(tmp_path / "twice", 2, (16, 16))
    session = Session()
    first = session.load_cascade(base, "cpu", None)
    assert [model.card.name for model in first] == ["base", "twice"]
    assert session.load_cascade(base, "cpu", None) is first
    assert len(session.load_cascade(base, "cpu", 1)) == 1
    again = session.load_cascade(base, "cpu", None)
    os.utime(tmp_path / "twice" / "card.yaml", (1, 1))
    assert session.load_cascade(base, "cpu", None) is not again


def test_synthesis_without_a_model_takes_the_installed_one(worker):
    options = {"count": 1, "steps": 1, "stages": 1, "threads": 1}
    worker.say({"type": "submit", "id": "s", "task": "synthesize", "options": options, "volumes": {}})
    values = worker.answer("result", "error")["values"]
    np.testing.assert_array_equal(worker.array(values["volumes"][0]), synthesize(**options).volumes[0].voxels)


def test_classification_of_a_label_map(worker, tiny_classifiers):
    k, j, i = np.indices((32, 32, 32)) - 16
    structure = Volume(((k**2 + j**2 + i**2) < 90).astype(np.uint8), np.eye(4), "LABEL")
    options = {"model": str(tiny_classifiers["labelmap"]), "samples": 3, "steps": 2, "seed": 1, "force": True}
    first = worker.result("classify", structure, **options)
    expected = classify(structure, **options)
    assert first["answer"] == expected.answer
    given = [one["probability"] for one in first["probabilities"]]
    np.testing.assert_allclose(given, [one.probability for one in expected.probabilities])
    np.testing.assert_array_equal(worker.array(first["saliency"]), expected.saliency.voxels)
    assert worker.result("classify", structure, **options)["probabilities"] == first["probabilities"]


def test_describe_tells_of_every_task_that_is_here(worker):
    for number, task in enumerate(worker.hello["tasks"]):
        worker.say({"type": "describe", "id": f"d{number}", "task": task})
        found = worker.answer("description", "error")
        assert found["type"] == "description", found
        assert found["task"] == task
